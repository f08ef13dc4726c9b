"""Scoring candidate lists with a model, and the measures of a list with one relevant passage.

    python rerank.py --data OUT --weights FILE

tells the dev measures of weights, as training does at its end.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from delta import load
from model import CrossEncoder, PairTokenizer, collate

TOKENS_PER_BATCH = 4096


def read_jsonl(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@torch.inference_mode()
def score_pairs(
    model: CrossEncoder, tokenizer: PairTokenizer, lists: Sequence[tuple[str, Sequence[str]]], bf16: bool = True
) -> list[list[float]]:
    """One list of scores for each `(query, passages)`; batches hold pairs of like length."""
    device = model.head.weight.device
    queries = tokenizer.ids([q for q, _ in lists])
    texts = tokenizer.ids([t for _, passages in lists for t in passages])
    owner = [i for i, (_, passages) in enumerate(lists) for _ in passages]
    pairs = [tokenizer.pair(queries[i], t) for i, t in zip(owner, texts, strict=True)]
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]))
    flat = [0.0] * len(pairs)
    start = 0
    while start < len(order):
        size = max(1, TOKENS_PER_BATCH // len(pairs[order[min(start + 8, len(order) - 1)]][0]))
        some = order[start : start + size]
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            scores = model(collate([pairs[i] for i in some]).to(device))
        for i, score in zip(some, scores.float().tolist(), strict=True):
            flat[i] = score
        start += size
    scores, out = iter(flat), []
    for _, passages in lists:
        out.append([next(scores) for _ in passages])
    return out


def dev_measures(dev: Sequence[dict], scores: Sequence[Sequence[float]]) -> dict[str, tuple[float, float, int]]:
    """MRR, nDCG@10 and number of queries, by source and for `all`; ties keep the first stage's order."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row, s in zip(dev, scores, strict=True):
        order = sorted(range(len(s)), key=lambda i: (-s[i], i))
        rank = order.index(row["relevant"]) + 1
        value = (1 / rank, 1 / math.log2(1 + rank) if rank <= 10 else 0.0)
        for name in (row["source"], "all"):
            found.setdefault(name, []).append(value)
    return {k: (sum(m for m, _ in v) / len(v), sum(n for _, n in v) / len(v), len(v)) for k, v in sorted(found.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="what prepare.py wrote")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dev = read_jsonl(args.data / "dev.jsonl")
    lists = [(row["query"], row["candidates"]) for row in dev]
    scores = score_pairs(load(args.weights), PairTokenizer(), lists, bf16=False)
    print("source,MRR,nDCG@10,queries")
    for source, (mrr, ndcg, count) in dev_measures(dev, scores).items():
        print(f"{source},{mrr:.4f},{ndcg:.4f},{count}")


if __name__ == "__main__":
    main()
