"""What reading further is worth: nDCG@10 by the number of candidates read.

    python depths.py --features FEATURES --qrels QRELS --mixer mixer.json

FEATURES is what `trovato eval collection DIR --rerank default --rerank-depth 50
--features-out FEATURES` wrote, QRELS the judgments. Candidates read are sorted by
the mixer's score and the others follow in the order they had, which is how the
engine merges them; below the fiftieth nothing counts for nDCG@10 unless fewer than
ten were found. Differences from the first stage carry 95 % bootstrap intervals over
topics. No clock is looked at: what a candidate costs is the engine's business.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from evaluate import read_qrels
from mixer import SAMPLES, Topic, topics_of

DEPTHS = (0, 5, 10, 15, 20, 25, 30, 40, 50)


def merged(scores: np.ndarray, read: int) -> np.ndarray:
    """Scores that put the first `read` candidates in their order, and the others behind."""
    behind = scores[:read].min(initial=0.0) - 1.0 - np.arange(len(scores) - min(read, len(scores)))
    return np.concatenate([scores[:read], behind])


def by_depth(topics: list[Topic], weights: dict[str, float], read: int) -> np.ndarray:
    """nDCG@10 of each topic when so many candidates are read."""
    terms, values = list(weights), np.array(list(weights.values()))
    return np.array([t.ndcg(merged(t.columns(terms) @ values, read)) for t in topics])


def interval(values: np.ndarray) -> tuple[float, float]:
    drawn = np.random.default_rng(1).integers(0, len(values), (SAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--qrels", type=Path, required=True)
    parser.add_argument("--mixer", type=Path, required=True)
    args = parser.parse_args()
    mixer = json.loads(args.mixer.read_text(encoding="utf-8"))
    weights = mixer["weights"] | mixer.get("interactions", {})
    topics = topics_of(args.features, read_qrels(args.qrels), args.features.stem, "first stage")
    first = by_depth(topics, weights, 0)
    for read in DEPTHS:
        values = by_depth(topics, weights, read)
        low, high = interval(values - first)
        print(f"{read:3}  {values.mean():.4f}  {(values - first).mean():+.4f} [{low:+.4f}, {high:+.4f}]")


if __name__ == "__main__":
    main()
