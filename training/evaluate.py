"""Judges a reranker on a BEIR collection and a first-stage run, alone and in fixed mixes.

    python evaluate.py --weights FILE --beir DIR --split test --run RUN [--depth 100]

RUN is a TREC run file (`trovato eval collection DIR --run-out RUN`). Reports
nDCG@10 (linear gain) of the first stage, of the reranker and of mixes
(1 - w) * first + w * reranker over the reranked candidates, both normalised per
query by min-max or by z-score; ties keep the first stage's order. Differences
carry 95 % bootstrap intervals over topics. Sets without a licence for it may be
looked at here and must not choose anything that ships.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from delta import load
from model import PairTokenizer
from rerank import read_jsonl, score_pairs

WEIGHTS = [round(0.1 * i, 1) for i in range(1, 11)]
SAMPLES = 2000


def read_run(path: Path, depth: int) -> dict[str, list[tuple[str, float]]]:
    run: dict[str, list[tuple[str, float]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        topic, _, doc, _, score, _ = line.split()
        run.setdefault(topic, []).append((doc, float(score)))
    return {t: sorted(docs, key=lambda d: -d[1])[:depth] for t, docs in run.items()}


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        topic, doc, grade = line.split("\t")
        qrels.setdefault(topic, {})[doc] = int(grade)
    return qrels


def ndcg(order: list[str], grades: dict[str, int], k: int = 10) -> float:
    def gain(values: list[int]) -> float:
        return sum(max(v, 0) / math.log2(i + 2) for i, v in enumerate(values[:k]))

    ideal = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(d, 0) for d in order]) / ideal if ideal else 0.0


def min_max(x: np.ndarray) -> np.ndarray:
    spread = x.max() - x.min()
    return (x - x.min()) / spread if spread > 0 else np.ones_like(x)


def z_score(x: np.ndarray) -> np.ndarray:
    spread = x.std()
    return (x - x.mean()) / spread if spread > 0 else np.zeros_like(x)


def ranked(docs: list[str], scores: np.ndarray) -> list[str]:
    return [docs[i] for i in np.argsort(-scores, kind="stable")]


def interval(difference: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    means = difference[rng.integers(0, len(difference), (SAMPLES, len(difference)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def report(name: str, values: np.ndarray, first: np.ndarray) -> dict:
    low, high = interval(values - first)
    row = {
        "system": name,
        "nDCG@10": float(values.mean()),
        "difference": float((values - first).mean()),
        "low": low,
        "high": high,
    }
    print(f"{name:14} {row['nDCG@10']:.4f}  {row['difference']:+.4f} [{low:+.4f}, {high:+.4f}]", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--beir", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--topics", type=int, default=0, help="so many, evenly spread; 0: all")
    parser.add_argument(
        "--scores-out", type=Path, help="topic, document, first-stage score, reranker score as JSON lines"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    qrels, run = read_qrels(args.beir / "qrels" / f"{args.split}.tsv"), read_run(args.run, args.depth)
    corpus = {
        d["_id"]: f"{d['title']}\n{d['text']}" if d.get("title") else d["text"]
        for d in read_jsonl(args.beir / "corpus.jsonl")
    }
    queries = {q["_id"]: q["text"] for q in read_jsonl(args.beir / "queries.jsonl")}
    topics = sorted(t for t in qrels if any(g > 0 for g in qrels[t].values()))
    if args.topics:
        topics = topics[:: max(1, len(topics) // args.topics)][: args.topics]
    lists = [(queries[t], [corpus[d] for d, _ in run.get(t, [])]) for t in topics]
    scores = score_pairs(load(args.weights), PairTokenizer(), lists)
    firsts = [np.array([s for _, s in run.get(t, [])]) for t in topics]
    docs = [[d for d, _ in run.get(t, [])] for t in topics]
    if args.scores_out:
        with open(args.scores_out, "w", encoding="utf-8") as out:
            for t, names, a, b in zip(topics, docs, firsts, scores, strict=True):
                for doc, first, reranked in zip(names, a.tolist(), b, strict=True):
                    out.write(json.dumps({"topic": t, "doc": doc, "first": first, "rerank": reranked}) + "\n")

    def measured(combine: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        values = []
        for t, names, a, b in zip(topics, docs, firsts, scores, strict=True):
            values.append(ndcg(ranked(names, combine(a, np.array(b))), qrels[t]) if names else 0.0)
        return np.array(values)

    first = measured(lambda a, _: a)
    print(f"{args.beir.name}/{args.split}: {len(topics)} topics, depth {args.depth}")
    rows = [report("first stage", first, first), report("reranker", measured(lambda _, b: b), first)]
    for label, norm in (("min-max", min_max), ("z", z_score)):
        for w in WEIGHTS:
            mixed = measured(lambda a, b, norm=norm, w=w: (1 - w) * norm(a) + w * norm(b))
            rows.append(report(f"{label} {w}", mixed, first))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
