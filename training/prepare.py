"""Makes the training groups, the reranking dev set and the held-out collection.

    python prepare.py --data DATA --rust-html HTML --out OUT [--seed 1] [--trovato BINARY]

Writes OUT/train.jsonl (a query, its passage, seven negatives), OUT/dev.jsonl (a
query with first-stage candidates), OUT/squad-held-out/ (BEIR layout) and
OUT/summary.json (counts and what was dropped). The same arguments give the same
bytes. Negatives are mined by negatives.py; what may be trained on is sources.py.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

from leaks import gather
from negatives import Hybrid, mine, write_beir
from rust_docs import rust
from sources import (
    Pair,
    Passage,
    Source,
    answer_sentence,
    arxiv,
    docs_sections,
    holds_answer,
    keywords,
    medquad,
    squad,
    tldr,
)
from text import Leaks, best_sentence, content_words, fingerprint, overlap, sentences, window

NEGATIVES = 7
RANKS = 20
DEPTH = 60
CANDIDATES = 16
DEV_SHARE = 1 / 16
DEV_PAIRS = {"squad": 60, "medquad": 50, "arxiv": 50, "docs": 50, "rust": 50}
# How often a pair of a kind is used, each time through other windows; once where nothing is said.
COPIES = {("rust", "question"): 4}
# Words of a passage, and how often: a sentence, around it, a paragraph, a chunk.
BUDGETS = [((12, 30), 0.2), ((35, 65), 0.35), ((65, 105), 0.28), ((105, 160), 0.17)]
# How often titles stand in front: the engine shows them where there are any. Where the query was made from
# the very title, it would give the answer away.
TITLED = 0.35
TITLED_KINDS = {("docs", "heading"): 0.6, ("tldr", "task"): 1.0}
TITLE_ANSWERS = {("arxiv", "title"): 0.0, ("arxiv", "question"): 0.0, ("rust", "heading"): 0.15}
TOO_ALIKE = 0.35


def cut(query: str, passage: str, pair: Pair | None, words: int, rng: random.Random) -> str:
    """A window of about `words` words; with `pair` the one that answers it."""
    parts = sentences(passage.replace(pair.without, " ") if pair and pair.without else passage)
    if not parts:
        return passage
    if pair and pair.answers:
        centre = answer_sentence(parts, pair.answers, query)
    elif rng.random() < 0.55:
        centre = best_sentence(content_words(query), parts)
    else:
        centre = 0 if rng.random() < 0.7 else rng.randrange(len(parts))
    return window(parts, centre, words, rng)


def usable(source: Source, pair: Pair, ranked: list[int]) -> list[int]:
    """Candidates that are wrong answers for all we know."""
    right = source.corpus[pair.passage]
    out = []
    for i in ranked:
        other = source.corpus[i]
        if (
            i != pair.passage
            and not (right.group and right.group == other.group)
            and not holds_answer(other.text, pair.answers)
            and overlap(other.text, right.text) < TOO_ALIKE
        ):
            out.append(i)
    return out


def group(source: Source, pair: Pair, ranked: list[int], rng: random.Random) -> dict | None:
    """One training group: windows of one size class for all its passages."""
    ranges, weights = zip(*BUDGETS, strict=True)
    size = rng.randint(*rng.choices(ranges, weights)[0])
    titled = rng.random() < (TITLED_KINDS | TITLE_ANSWERS).get((source.name, pair.kind), TITLED)

    def show(passage: Passage, text: str) -> str:
        return f"{passage.title}\n{text}" if titled and passage.title else text

    right = source.corpus[pair.passage]
    positive = cut(pair.query, right.text, pair, size, rng)
    good = usable(source, pair, ranked[:RANKS])
    anyone = usable(source, pair, rng.sample(range(len(source.corpus)), min(30, len(source.corpus))))
    chosen = rng.sample(good, min(NEGATIVES - 1, len(good)))
    chosen += [i for i in anyone if i not in chosen][: NEGATIVES - len(chosen)]
    negatives = []
    if pair.answers and size < 65:
        # Other sentences of the very passage: the answer counts, not the topic.
        rest = [s for s in sentences(right.text) if s not in positive and not holds_answer(s, pair.answers)]
        if rest and rng.random() < 0.6:
            negatives.append(show(right, window(rest, best_sentence(content_words(pair.query), rest), size, rng)))
    for i in chosen[: NEGATIVES - len(negatives)]:
        words = max(8, int(size * rng.uniform(0.7, 1.3)))
        negatives.append(show(source.corpus[i], cut(pair.query, source.corpus[i].text, None, words, rng)))
    if len(negatives) < NEGATIVES:
        return None
    return {
        "source": source.name,
        "kind": pair.kind,
        "query": vary(pair.query, pair.kind, rng),
        "positive": show(right, positive),
        "negatives": negatives,
    }


FRAMES = ["hi, {}", "can you tell me {}", "I was wondering, {}", "{} thanks", "so {}", "quick question: {}", "and {}"]


def vary(query: str, kind: str, rng: random.Random) -> str:
    """Questions as people type them: without the mark, as keywords, in a sentence; a few claims as keywords."""
    draw = rng.random()
    if kind == "claim":
        return keywords(query, rng, 4, 7) if draw < 0.12 else query
    if kind not in ("question", "turns", "heading", "definition"):
        return query
    bare = query.rstrip("?. ")
    if draw < 0.35:
        return query
    if draw < 0.7:
        return bare
    if draw < 0.82 and len(query.split()) > 5:
        return " ".join(w for w in bare.split() if content_words(w)) or bare
    if draw < 0.9 and kind == "question" and len(content_words(query)) > 3:
        return keywords(bare, rng)
    return rng.choice(FRAMES).format(query if rng.random() < 0.5 else bare)


def dev_row(source: Source, pair: Pair, ranked: list[int], rng: random.Random) -> dict | None:
    """A dev query: first-stage candidates in their order, the passage among them."""
    wrong = usable(source, pair, ranked)[: CANDIDATES - 1]
    if len(wrong) < CANDIDATES - 1:
        return None
    order = [i for i in ranked if i in wrong or i == pair.passage]
    order = (order if pair.passage in order else [*order, pair.passage])[:CANDIDATES]
    if pair.passage not in order:
        order[-1] = pair.passage
    titled = (source.name, pair.kind) not in TITLE_ANSWERS
    texts = []
    for i in order:
        passage = source.corpus[i]
        text = cut(pair.query, passage.text, pair if i == pair.passage else None, 110, rng)
        texts.append(f"{passage.title}\n{text}" if titled and passage.title else text)
    return {
        "source": source.name,
        "kind": pair.kind,
        "query": pair.query,
        "candidates": texts,
        "relevant": order.index(pair.passage),
    }


def clean(source: Source, leaks: Leaks) -> tuple[Source, Counter]:
    """The source without pairs that are repeated or that share text with an evaluation."""
    barred = [leaks.hit(p.text) for p in source.corpus]
    dropped, seen, pairs = Counter(), set(), []
    for pair in source.pairs:
        key = (fingerprint(pair.query), pair.passage)
        if barred[pair.passage] or leaks.hit(pair.query):
            dropped["leak"] += 1
        elif key in seen:
            dropped["repeated"] += 1
        else:
            seen.add(key)
            pairs.append(pair)
    keep = [i for i, bad in enumerate(barred) if not bad]
    place = {old: new for new, old in enumerate(keep)}
    dropped["passages"] = len(source.corpus) - len(keep)
    for pair in pairs:
        pair.passage = place[pair.passage]
    return Source(source.name, [source.corpus[i] for i in keep], pairs), dropped


def is_held(passage: Passage) -> bool:
    """Whether nothing trains on a passage; follows from its text alone."""
    return fingerprint(passage.text)[0] < DEV_SHARE * 256


def split_dev(source: Source, wanted: int, rng: random.Random) -> tuple[list[Pair], list[Pair]]:
    """Pairs for training and pairs for the dev set, which share no passage.

    A passage's side follows from its text alone, so that no other seed or mix
    trains on it. SQuAD's sides are articles.
    """
    if source.name == "squad":
        return source.pairs, []
    held = [is_held(p) for p in source.corpus]
    dev = [p for p in source.pairs if held[p.passage]]
    return [p for p in source.pairs if not held[p.passage]], rng.sample(dev, min(wanted, len(dev)))


def sources(data: Path, html: Path, rng: random.Random) -> list[Source]:
    abstracts = {"question": 500, "definition": 600, "title": 500, "conclusion": 700, "sentence": 400}
    return [
        squad(data, rng, "train", 2600),
        medquad(data, rng, {"question": 1900, "claim": 500}, 7000),
        arxiv(data, rng, 6000, abstracts),
        docs_sections(data, rng, 6500, 4300),
        rust(html, rng, {"question": 400, "heading": 1500, "code": 400, "sentence": 250}),
        tldr(data, rng, 2500, 250),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with squad-v1.1-dev, train, scifact ...")
    parser.add_argument("--rust-html", type=Path, required=True, help="the toolchain's share/doc/rust/html")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trovato", type=Path, help="the built binary: mines by its hybrid, not by BM25 alone")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(args.seed)
    leaks = gather(args.data)
    groups, dev, summary = [], [], {"mined_by": "trovato hybrid" if args.trovato else "bm25"}
    hybrid = Hybrid(args.trovato, args.out / "mining") if args.trovato else None
    for source in sources(args.data, args.rust_html, rng):
        source, dropped = clean(source, leaks)
        train, held = split_dev(source, DEV_PAIRS.get(source.name, 0), rng)
        ranked = mine(source, train + held, DEPTH, hybrid)
        pool, asked, orders = source, held, ranked[len(train) :]
        if source.name == "squad":
            # Its dev queries come from articles of their own.
            pool, _ = clean(squad(args.data, rng, "dev"), leaks)
            asked = rng.sample(pool.pairs, DEV_PAIRS["squad"])
            orders = mine(pool, asked, DEPTH, hybrid)
        made = []
        for pair, order in zip(train, ranked[: len(train)], strict=True):
            for _ in range(COPIES.get((source.name, pair.kind), 1)):
                made.append(group(source, pair, order, rng))
        kept = [g for g in made if g]
        groups += kept
        rows = [dev_row(pool, p, r, rng) for p, r in zip(asked, orders, strict=True)]
        dev += [r for r in rows if r]
        summary[source.name] = {
            "passages": len(source.corpus),
            "groups": len(kept),
            "too_few_negatives": len(made) - len(kept),
            "kinds": dict(Counter(g["kind"] for g in kept)),
            "dev": sum(r is not None for r in rows),
            "dropped": dict(dropped),
        }
        print(source.name, summary[source.name], flush=True)
    rng.shuffle(groups)
    for name, rows in (("train", groups), ("dev", dev)):
        with open(args.out / f"{name}.jsonl", "w", encoding="utf-8") as out:
            out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    held_out = squad(args.data, random.Random(0), "held_out")
    write_beir(held_out, held_out.pairs, args.out / "squad-held-out")
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
