"""Writes the shipped file: the smallest form that scores as the full fine-tune does.

    python export.py --weights RUN/best.safetensors --data OUT --to trovato-rerank-xs.safetensors

Every form is scored on the dev set beside the full weights: MRR, nDCG@10 and
the correlation of the scores. Without --form, the smallest form that loses at
most .002 MRR at a correlation of .999 and fits --max-mb is written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from delta import base_weights, decode, encode, metadata, write
from model import CrossEncoder, PairTokenizer
from rerank import dev_measures, read_jsonl, score_pairs

FORMS = ["svd:16", "svd:32", "svd:64", "budget:2.7", "budget:5.3", "budget:7.8", "int8"]
MAX_LOSS, MIN_CORRELATION = 0.002, 0.999


def within_query_correlation(a: list[list[float]], b: list[list[float]]) -> float:
    """Pearson's r of scores with each query's mean taken off: what ordering depends on."""
    x = np.concatenate([np.array(s) - np.mean(s) for s in a])
    y = np.concatenate([np.array(s) - np.mean(s) for s in b])
    return float(np.corrcoef(x, y)[0, 1])


def size_mb(tensors: dict[str, torch.Tensor]) -> float:
    return sum(t.numel() * t.element_size() for t in tensors.values()) / 1e6


def kept_energy(trained: dict[str, torch.Tensor], restored: dict[str, torch.Tensor], base: dict) -> float:
    """Share of the squared change of all matrices that a form keeps."""
    total = lost = 0.0
    for name, value in trained.items():
        if value.dim() == 2 and not name.startswith("head."):
            total += float((value - base[name]).square().sum())
            lost += float((value - restored[name]).square().sum())
    return 1 - lost / total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote: dev set and summary")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--form", help="write this form: svd:RANK, budget:MB, int8 or f16")
    parser.add_argument("--max-mb", type=float, default=8.0)
    parser.add_argument("--dev-queries", type=int, default=120)
    parser.add_argument("--report", type=Path, help="the comparison as JSON")
    args = parser.parse_args()
    torch.set_num_threads(2)
    trained = load_file(args.weights)
    dev = read_jsonl(args.data / "dev.jsonl")
    dev = dev[:: max(1, len(dev) // args.dev_queries)]
    tokenizer, texts = PairTokenizer(), [(row["query"], row["candidates"]) for row in dev]

    def scored(weights: dict[str, torch.Tensor]) -> list[list[float]]:
        model = CrossEncoder.from_base().eval()
        model.load_state_dict(weights, strict=False)
        return score_pairs(model, tokenizer, texts, bf16=False)

    full = scored(trained)
    target = dev_measures(dev, full)["all"]
    rows = [{"form": "full", "MRR": target[0], "nDCG@10": target[1]}]
    print(rows[0], flush=True)
    base = base_weights()
    chosen = args.form
    for form in [args.form] if args.form else FORMS:
        tensors = encode(trained, form)
        restored = decode(tensors)
        scores = scored(restored)
        mrr, ndcg, _ = dev_measures(dev, scores)["all"]
        row = {
            "form": form,
            "MB": round(size_mb(tensors), 2),
            "energy": round(kept_energy(trained, restored, base), 4),
            "MRR": mrr,
            "nDCG@10": ndcg,
            "correlation": within_query_correlation(full, scores),
        }
        rows.append(row)
        print(row, flush=True)
    if chosen is None:
        fits = [r for r in rows[1:] if r["MB"] <= args.max_mb]
        good = [r for r in fits if r["MRR"] >= target[0] - MAX_LOSS and r["correlation"] >= MIN_CORRELATION]
        best = min(good, key=lambda r: r["MB"]) if good else max(fits, key=lambda r: r["correlation"])
        chosen = best["form"]
    summary = json.loads((args.data / "summary.json").read_text(encoding="utf-8"))
    groups = {k: v["groups"] for k, v in summary.items() if isinstance(v, dict)}
    note = {
        **metadata(args.weights),
        "form": chosen,
        "data": json.dumps({"mined_by": summary["mined_by"], "groups": groups}),
    }
    args.to.parent.mkdir(parents=True, exist_ok=True)
    write(args.to, encode(trained, chosen), note)
    print(f"{args.to.name}: {chosen}, {args.to.stat().st_size / 1e6:.2f} MB")
    if args.report:
        args.report.write_text(json.dumps({"written": chosen, "forms": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
