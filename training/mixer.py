"""Fits the mixer: which features count how much in a reranked hit's score.

    python mixer.py --sets OUT/mixer-sets --features OUT/mixer-features --to mixer.json --report loco.csv

Maximises nDCG with soft ranks by L-BFGS-B, with a penalty that pulls to the weights set by hand;
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
from scipy.special import expit

from evaluate import read_qrels
from rerank import read_jsonl

HAND = {"first_stage": 0.7, "rerank_in_query": 0.3}
BASE = ("first_stage", "rerank_in_query")
RISING = ("first_stage", "rerank", "rerank_in_query", "max_sim")
QUERY = ("query_words", "question", "code_query", "legs_agree", "lead")
CANDIDATE = ("lexical", "dense", "lexical_rank", "dense_rank", "word_match", "title_match", "code_match")
FEATURES = (*QUERY, *CANDIDATE, *RISING)
# What may be added; the two of a pair come together, since one alone would prefer its leg.
EXTRAS = (
    *((name,) for name in (*CANDIDATE, "rerank", *(f"{q} * rerank_in_query" for q in QUERY))),
    ("lexical", "dense"),
    ("lexical_rank", "dense_rank"),
)
LATE = (("max_sim",), *((f"{q} * max_sim",) for q in QUERY))
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
# What is added must earn this much nDCG@10, and may cost no collection as much.
LEAST_GAIN = MOST_LOSS = 0.003
MOST_TERMS = 5
# What the features of a query reach, for the bound on falling products. A lead may be larger, and rarely is.
REACH = 1.0
SAMPLES = 2000
# How much nDCG@10 a stronger penalty may cost.
SLACK = 0.001
# Of the sigmoid that makes ranks soft, on the scale of the first stage's feature.
WIDTH = 0.05


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


def topics_of(path: Path, qrels: dict[str, dict[str, int]], collection: str, stage: str) -> list[Topic]:
    """Topics of one file of features."""
    topics = []
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


def read_topics(sets: Path, features: Path) -> list[Topic]:
    """Topics of all collections behind either first stage."""
    topics = []
    for path in sorted(features.glob("*.jsonl")):
        collection, stage = path.stem.split(".")
        qrels = read_qrels(sets / collection / "qrels" / "test.tsv")
        topics += topics_of(path, qrels, collection, stage)
    return topics


def fit(topics: Sequence[Topic], terms: Sequence[str], penalty: float) -> np.ndarray:
    """Weights of the terms, `[terms]`; the first stage's is 1, the others are what they are beside it.

    What is maximised is nDCG with soft ranks: each other candidate counts by the sigmoid of its
    lead over `WIDTH`. The penalty pulls to the weights set by hand.
    """
    shares: dict[tuple[str, str], int] = {}
    for t in topics:
        shares[t.collection, t.stage] = shares.get((t.collection, t.stage), 0) + 1
    # One entry for every relevant candidate: how the others differ from it, and what its place is worth.
    lead, worth, longest = [], [], max(len(t.gains) for t in topics)
    for t in topics:
        columns = t.columns(terms)
        for i in np.flatnonzero(t.gains):
            others = np.full((longest, len(terms)), np.nan)
            others[: len(columns)] = columns - columns[i]
            lead.append(others)
            worth.append(t.gains[i] / t.ideal / (len(shares) * shares[t.collection, t.stage]))
    x, gain = np.array(lead), np.array(worth)
    absent = np.isnan(x[:, :, 0])
    x[absent] = 0
    free = [i for i, term in enumerate(terms) if term != "first_stage"]
    start = np.array([HAND.get(terms[i], 0) / HAND["first_stage"] for i in free])

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights = np.ones(len(terms))
        weights[free] = values
        above = expit(np.where(absent, -np.inf, x @ weights) / WIDTH)
        # The candidate itself counts one half.
        rank = 0.5 + above.sum(axis=1)
        value = -gain @ (1 / np.log2(1 + rank)) + penalty / 2 * ((values - start) ** 2).sum()
        by_rank = gain / (np.log(2) * (1 + rank) * np.log2(1 + rank) ** 2)
        slope = np.einsum("rc,rcf->f", by_rank[:, None] * above * (1 - above) / WIDTH, x, optimize=True)[free]
        return value, slope + penalty * (values - start)

    bounds = [(0.0, None) if terms[i] in RISING else (None, None) for i in free]
    weights = np.ones(len(terms))
    weights[free] = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return rising(dict(zip(terms, weights.tolist(), strict=True)))


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


def best_penalty(topics: Sequence[Topic], terms: Sequence[str]) -> tuple[float, np.ndarray]:
    """The strongest of the good penalties, and what it gives each topic when its collection is left out."""
    tried = [(penalty, leave_one_out(topics, terms, penalty)) for penalty in PENALTIES]
    best = max(mean(topics, values) for _, values in tried)
    return max((t for t in tried if mean(topics, t[1]) >= best - SLACK), key=lambda t: t[0])


def worst_change(topics: Sequence[Topic], change: np.ndarray) -> float:
    """The mean change of the collection that fares worst, over both first stages."""
    names = sorted({t.collection for t in topics})
    return min(float(np.mean([c for t, c in zip(topics, change, strict=True) if t.collection == n])) for n in names)


def choose(topics: Sequence[Topic], extras: Sequence[tuple[str, ...]], say: Callable[[str], None]) -> list[str]:
    """From the base on, what gains most, as long as something earns its place."""
    terms = list(BASE)
    penalty, values = best_penalty(topics, terms)
    say(f"{' + '.join(terms)}: {mean(topics, values):.4f}, penalty {penalty}")
    while True:
        good = []
        for extra in (e for e in extras if not set(e) & set(terms) and len(terms) + len(e) <= MOST_TERMS):
            penalty, new = best_penalty(topics, [*terms, *extra])
            gain, worst = mean(topics, new) - mean(topics, values), worst_change(topics, new - values)
            say(f"  + {', '.join(extra)}: {gain:+.4f}, worst collection {worst:+.4f}, penalty {penalty}")
            if gain >= LEAST_GAIN and worst > -MOST_LOSS:
                good.append((gain, extra, new))
        if not good:
            return terms
        _, extra, values = max(good, key=lambda g: g[0])
        terms += extra
        say(f"takes {', '.join(extra)}: {mean(topics, values):.4f}")


def as_json(name: str, terms: Sequence[str], weights: np.ndarray) -> dict:
    """The file that the engine reads; features that rise weigh 1 together, as those set by hand do."""
    scale = sum(w for t, w in zip(terms, weights, strict=True) if " * " not in t and w > 0)
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
    parser.add_argument("--stage", help="fit behind this first stage alone: hybrid or bm25")
    parser.add_argument("--late", action="store_true", help="late interaction's score may be chosen as well")
    parser.add_argument("--report", type=Path, help="leave-one-collection-out results as CSV")
    args = parser.parse_args()
    topics = [t for t in read_topics(args.sets, args.features) if args.stage in (None, t.stage)]
    extras = [*EXTRAS, *(LATE if args.late else ())]
    # What never differs between candidates cannot be learned from.
    extras = [e for e in extras if all(any(np.ptp(t.columns([n])) > 0 for t in topics) for n in e)]
    if args.terms:
        terms = [t.strip() for t in args.terms.split(",")]
    else:
        terms = choose(topics, extras, lambda line: print(line, flush=True))
    penalty, left_out = best_penalty(topics, terms)
    first = measure(topics, ["first_stage"], np.ones(1))
    hand = measure(topics, list(HAND), np.array(list(HAND.values())))
    alone = measure(topics, ["rerank"], np.ones(1))
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
