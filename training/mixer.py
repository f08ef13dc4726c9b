"""Fits the mixer: which features count how much in a reranked hit's score.

    python mixer.py --sets OUT/mixer-sets --features OUT/mixer-features --to mixer.json --report loco.csv

A softmax over each query's candidates, fitted by L-BFGS-B with an L2 penalty;
every collection counts the same, and of it either first stage. Penalty and
features are chosen by what fits on all collections but one do on that one (leave
one collection out): the mean over collections, and no collection may be worse than
without the feature. What must not be negative is bounded: a higher score of a
model, or of the first stage, never counts against a passage.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from evaluate import read_qrels
from rerank import read_jsonl

HAND = {"first_stage": 0.7, "rerank_in_query": 0.3}
BASE = ("first_stage", "rerank_in_query")
RISING = ("first_stage", "rerank", "rerank_in_query", "max_sim")
QUERY = ("query_words", "question", "code_query", "legs_agree", "lead")
CANDIDATE = ("lexical", "dense", "lexical_rank", "dense_rank", "word_match", "title_match", "code_match")
FEATURES = (*QUERY, *CANDIDATE, *RISING)
EXTRAS = (*CANDIDATE, "rerank", *(f"{q} * rerank_in_query" for q in QUERY))
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
# A further term must earn this much nDCG@10, and may cost no collection more than that.
LEAST_GAIN, MOST_LOSS = 0.002, 0.001
MOST_EXTRAS = 3
# What the features of a query reach, for the bound on falling products. A lead may be larger, and rarely is.
REACH = 1.0
SAMPLES = 2000


@dataclass
class Topic:
    """One query behind one first stage: its candidates in the first stage's order."""

    collection: str
    stage: str
    features: dict[str, np.ndarray]
    gains: np.ndarray
    ideal: float

    def columns(self, terms: Sequence[str]) -> np.ndarray:
        """`[candidates, terms]`; a term is a feature or a product `a * b` of two."""
        return np.stack([np.prod([self.features[n] for n in t.split(" * ")], axis=0) for t in terms], axis=1)

    def ndcg(self, scores: np.ndarray, k: int = 10) -> float:
        """Of the candidates in the order of `scores`; equal ones keep the first stage's."""
        order = np.argsort(-np.round(scores, 12), kind="stable")[:k]
        return float(discounted(self.gains[order]) / self.ideal) if self.ideal else 0.0


def discounted(gains: np.ndarray) -> float:
    return float((gains / np.log2(np.arange(len(gains)) + 2)).sum())


def read_topics(sets: Path, features: Path) -> list[Topic]:
    """Topics of all collections behind either first stage."""
    topics = []
    for path in sorted(features.glob("*.jsonl")):
        collection, stage = path.stem.split(".")
        qrels = read_qrels(sets / collection / "qrels" / "test.tsv")
        rows: dict[str, list[dict]] = {}
        for row in read_jsonl(path):
            rows.setdefault(row["topic"], []).append(row)
        for topic, found in rows.items():
            found.sort(key=lambda row: -row["first_stage"])
            grades = np.array(sorted((max(g, 0) for g in qrels[topic].values()), reverse=True)[:10], dtype=float)
            gains = np.array([row["label"] for row in found], dtype=float)
            known = {name: np.array([row[name] for row in found]) for name in FEATURES}
            topics.append(Topic(collection, stage, known, gains, discounted(grades)))
    return topics


def fit(topics: Sequence[Topic], terms: Sequence[str], penalty: float) -> np.ndarray:
    """Weights of the terms, `[terms]`."""
    useful = [t for t in topics if 0 < np.count_nonzero(t.gains) < len(t.gains)]
    blocks: dict[tuple[str, str], int] = {}
    for t in useful:
        blocks[t.collection, t.stage] = blocks.get((t.collection, t.stage), 0) + 1
    share = np.array([1 / (len(blocks) * blocks[t.collection, t.stage]) for t in useful])
    # All topics as one array; a place without a candidate has no target and takes no part in a softmax.
    longest = max(len(t.gains) for t in useful)
    x, target = np.zeros((len(useful), longest, len(terms))), np.zeros((len(useful), longest))
    absent = np.zeros((len(useful), longest))
    for i, t in enumerate(useful):
        columns = t.columns(terms)
        n = len(columns)
        x[i, :n], target[i, :n] = columns - columns.mean(axis=0), t.gains / t.gains.sum()
        absent[i, n:] = -np.inf
    spread = np.sqrt(np.einsum("t,tcf->f", share, x**2) / longest)
    spread[spread == 0] = 1
    x /= spread

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = x @ weights
        chances = softmax(scores + absent, axis=1)
        value = share @ (logsumexp(scores + absent, axis=1) - (target * scores).sum(axis=1))
        slope = np.einsum("t,tc,tcf->f", share, chances - target, x, optimize=True)
        return value + penalty / 2 * float(weights @ weights), slope + penalty * weights

    bounds = [(0.0, None) if term in RISING else (None, None) for term in terms]
    found = minimize(loss, np.full(len(terms), 0.1), jac=True, method="L-BFGS-B", bounds=bounds)
    return rising(dict(zip(terms, (found.x / spread).tolist(), strict=True)))


def rising(weights: dict[str, float]) -> np.ndarray:
    """The weights, with falling products made so small that a model's score never counts against a passage."""
    out = dict(weights)
    for model in RISING:
        falling = [t for t, w in out.items() if t.endswith(f" * {model}") and w < 0]
        depth = -sum(out[t] for t in falling) * REACH
        room = max(0.0, out.get(model, 0.0))
        if depth > room:
            for t in falling:
                out[t] *= room / depth
    return np.array(list(out.values()))


def measure(topics: Sequence[Topic], terms: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """nDCG@10 of each topic."""
    return np.array([t.ndcg(t.columns(terms) @ weights) for t in topics])


def leave_one_out(topics: Sequence[Topic], terms: Sequence[str], penalty: float) -> np.ndarray:
    """nDCG@10 of each topic, by weights that were fitted without its collection."""
    out = np.zeros(len(topics))
    for name in sorted({t.collection for t in topics}):
        away = np.array([t.collection == name for t in topics])
        weights = fit([t for t, left in zip(topics, away, strict=True) if not left], terms, penalty)
        out[away] = measure([t for t, left in zip(topics, away, strict=True) if left], terms, weights)
    return out


def by_collection(topics: Sequence[Topic], values: np.ndarray) -> dict[tuple[str, str], float]:
    """Means of each collection behind each first stage."""
    groups: dict[tuple[str, str], list[float]] = {}
    for t, value in zip(topics, values, strict=True):
        groups.setdefault((t.collection, t.stage), []).append(value)
    return {key: float(np.mean(group)) for key, group in sorted(groups.items())}


def mean(topics: Sequence[Topic], values: np.ndarray) -> float:
    return float(np.mean(list(by_collection(topics, values).values())))


def interval(topics: Sequence[Topic], difference: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over collections; topics are drawn within each."""
    groups: dict[tuple[str, str], list[float]] = {}
    for t, value in zip(topics, difference, strict=True):
        groups.setdefault((t.collection, t.stage), []).append(value)
    rng = np.random.default_rng(1)
    drawn = []
    for group in groups.values():
        values = np.array(group)
        drawn.append(values[rng.integers(0, len(values), (SAMPLES, len(values)))].mean(axis=1))
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return float(low), float(high)


def best_penalty(topics: Sequence[Topic], terms: Sequence[str]) -> float:
    """Of equal ones the strongest."""
    return max(PENALTIES, key=lambda p: (round(mean(topics, leave_one_out(topics, terms, p)), 4), p))


def choose(topics: Sequence[Topic], extras: Sequence[str], say: Callable[[str], None]) -> tuple[list[str], float]:
    """Terms and penalty: from the base on, the extra that gains most, as long as one earns its place."""
    terms = list(BASE)
    penalty = best_penalty(topics, terms)
    values = leave_one_out(topics, terms, penalty)
    say(f"{' + '.join(terms)}: {mean(topics, values):.4f}, penalty {penalty}")
    while len(terms) < len(BASE) + MOST_EXTRAS:
        before = by_collection(topics, values)
        tried = []
        for extra in (e for e in extras if e not in terms):
            new = leave_one_out(topics, [*terms, extra], penalty)
            after = by_collection(topics, new)
            worst = min(after[key] - before[key] for key in before)
            tried.append((mean(topics, new) - mean(topics, values), worst, extra, new))
            say(f"  + {extra}: {tried[-1][0]:+.4f}, worst {worst:+.4f}")
        good = [t for t in tried if t[0] >= LEAST_GAIN and t[1] >= -MOST_LOSS]
        if not good:
            break
        gain, worst, extra, values = max(good, key=lambda t: t[0])
        terms.append(extra)
        say(f"takes {extra}: {gain:+.4f}, worst {worst:+.4f}")
    return terms, best_penalty(topics, terms)


def as_json(name: str, terms: Sequence[str], weights: np.ndarray) -> dict:
    """The file that the engine reads, on the scale on which the base weighs 1."""
    scale = sum(w for t, w in zip(terms, weights, strict=True) if t in BASE)
    rounded = {t: round(float(w / scale), 3) for t, w in zip(terms, weights, strict=True)}
    out = {"format": 1, "name": name, "weights": {t: w for t, w in rounded.items() if " * " not in t}}
    if products := {t: w for t, w in rounded.items() if " * " in t}:
        out["interactions"] = products
    return out


def rows_of(name: str, topics: Sequence[Topic], values: np.ndarray, others: dict[str, np.ndarray]) -> list[dict]:
    """One line a collection and first stage and two means, with differences to the other systems."""
    stages = sorted({t.stage for t in topics})
    cuts = [(c, s) for s in stages for c in [*sorted({t.collection for t in topics}), "mean"]]
    out = []
    for collection, stage in cuts:
        pick = np.array([t.stage == stage and collection in (t.collection, "mean") for t in topics])
        some = [t for t, chosen in zip(topics, pick, strict=True) if chosen]
        row = {"mixer": name, "stage": stage, "collection": collection, "topics": len(some)}
        row |= {"nDCG@10": f"{mean(some, values[pick]):.4f}"}
        for label, other in others.items():
            low, high = interval(some, values[pick] - other[pick])
            row[label] = f"{mean(some, other[pick]):.4f}"
            row[f"over {label}"] = f"{mean(some, values[pick] - other[pick]):+.4f} [{low:+.4f}, {high:+.4f}]"
        out.append(row)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="what mixer_sets.py wrote")
    parser.add_argument("--features", type=Path, required=True, help="what mixer_features.py wrote")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--name", default="trovato-mixer")
    parser.add_argument("--terms", help="these terms, separated by commas, instead of a choice")
    parser.add_argument("--late", action="store_true", help="late interaction's score may be chosen as well")
    parser.add_argument("--report", type=Path, help="leave-one-collection-out results as CSV")
    args = parser.parse_args()
    topics = read_topics(args.sets, args.features)
    extras = [*EXTRAS, *(["max_sim", *(f"{q} * max_sim" for q in QUERY)] if args.late else [])]
    # What never differs between candidates cannot be learned from.
    extras = [e for e in extras if any(np.ptp(t.columns([e])) > 0 for t in topics)]
    if args.terms:
        terms = [t.strip() for t in args.terms.split(",")]
        penalty = best_penalty(topics, terms)
    else:
        terms, penalty = choose(topics, extras, lambda line: print(line, flush=True))
    first = measure(topics, ["first_stage"], np.ones(1))
    hand = measure(topics, list(HAND), np.array(list(HAND.values())))
    alone = measure(topics, ["rerank"], np.ones(1))
    left_out = leave_one_out(topics, terms, penalty)
    others = {"first stage": first, "hand-set": hand, "model alone": alone}
    rows = rows_of("left out", topics, left_out, others)
    made = as_json(args.name, terms, fit(topics, terms, penalty))
    shipped = made["weights"] | made.get("interactions", {})
    rows += rows_of("fitted", topics, measure(topics, list(shipped), np.array(list(shipped.values()))), others)
    args.to.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    print(f"penalty {penalty}", json.dumps(made))
    for row in rows:
        print(*row.values(), sep="  ")
    if args.report:
        with open(args.report, "w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
