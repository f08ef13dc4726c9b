"""Makes the small collections that the mixer is fitted to, of passages that no training reads.

    python mixer_sets.py --data DATA --rust-html HTML --out OUT/mixer-sets

One BEIR folder a source. Queries and the passages that answer them lie on the
held side of `prepare.split_dev`, which follows from a passage's text, so no seed
and no mix trains on them; SQuAD's are the three articles that training is
stopped by. What training bars for its likeness to an evaluation is barred here
too. Ids come from texts and stay as they are when sizes change.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from leaks import gather
from prepare import clean, is_held, vary
from rust_docs import rust
from sources import Pair, Passage, Source, arxiv, docs_sections, holds_answer, medquad, squad, tldr
from text import Leaks, fingerprint, sentences

EVERYTHING = 10**9
# Words of the pieces that SQuAD's paragraphs are cut into: whole paragraphs of three articles are found too easily.
PIECE_WORDS = 45


@dataclass
class Collection:
    """Passages, and queries with the passages that answer each."""

    name: str
    corpus: list[Passage]
    asked: list[tuple[Pair, set[int]]] = field(default_factory=list)


def held_source(source: Source, fill: int) -> Source:
    """The held passages with their pairs, and up to `fill` others that nothing is asked about."""
    held = [i for i, p in enumerate(source.corpus) if is_held(p)]
    others = [i for i, p in enumerate(source.corpus) if not is_held(p)]
    keep = held + sorted(others, key=lambda i: fingerprint(source.corpus[i].text))[:fill]
    place = {old: new for new, old in enumerate(keep)}
    chosen = set(held)
    pairs = [p for p in source.pairs if p.passage in chosen]
    for pair in pairs:
        pair.passage = place[pair.passage]
    return Source(source.name, [source.corpus[i] for i in keep], pairs)


def collection(source: Source, kinds: dict[str, int], passages: int, titled: bool, rng: random.Random) -> Collection:
    """So many queries of each kind over at most so many passages.

    A passage is asked about once; a sentence that became the query is taken out
    of it. All passages of one group answer what one of them does.
    """
    used: set[int] = set()
    chosen: list[Pair] = []
    for kind, wanted in kinds.items():
        fit = [p for p in source.pairs if p.kind == kind]
        for pair in rng.sample(fit, len(fit)):
            if wanted > 0 and pair.passage not in used:
                used.add(pair.passage)
                chosen.append(pair)
                wanted -= 1
    groups = {source.corpus[p.passage].group for p in chosen if source.corpus[p.passage].group}
    needed = {i for i, p in enumerate(source.corpus) if i in used or p.group in groups}
    rest = [i for i in range(len(source.corpus)) if i not in needed]
    keep = sorted(needed | set(rng.sample(rest, min(len(rest), max(0, passages - len(needed))))))
    place = {old: new for new, old in enumerate(keep)}
    corpus = [Passage(p.text, p.title if titled else "", p.group) for p in (source.corpus[i] for i in keep)]
    members: dict[str, set[int]] = {}
    for i, p in enumerate(corpus):
        members.setdefault(p.group, set()).add(i)
    out = Collection(source.name, corpus)
    for pair in chosen:
        here = place[pair.passage]
        passage = corpus[here]
        if pair.without:
            passage.text = " ".join(passage.text.replace(pair.without, " ").split())
        # A claim is about its own text alone.
        also = set(members[passage.group]) if passage.group and pair.kind != "claim" else set()
        also |= {i for i, p in enumerate(corpus) if holds_answer(p.text, pair.answers)}
        pair.query = vary(pair.query, pair.kind, rng)
        out.asked.append((pair, {here} | also))
    return out


def pieces(source: Source, questions: int, rng: random.Random) -> Collection:
    """SQuAD's paragraphs as pieces of some sentences; those of the paragraph that hold an answer are right."""
    out = Collection(source.name, [])
    of_paragraph: list[list[int]] = []
    for passage in source.corpus:
        mine, part = [], []
        parts = sentences(passage.text)
        for i, sentence in enumerate(parts):
            part.append(sentence)
            if sum(len(s.split()) for s in part) >= PIECE_WORDS or i == len(parts) - 1:
                mine.append(len(out.corpus))
                out.corpus.append(Passage(" ".join(part), passage.title))
                part = []
        of_paragraph.append(mine)
    for pair in rng.sample(source.pairs, len(source.pairs)):
        right = {i for i in of_paragraph[pair.passage] if holds_answer(out.corpus[i].text, pair.answers)}
        if right and len(out.asked) < questions:
            pair.query = vary(pair.query, pair.kind, rng)
            out.asked.append((pair, right))
    return out


def collections(data: Path, html: Path, leaks: Leaks, n: int) -> list[Collection]:
    def held(source: Source, fill: int = 0) -> Source:
        return clean(held_source(source, fill), leaks)[0]

    def rng(name: str) -> random.Random:
        return random.Random(f"mixer/{name}")

    abstracts = dict.fromkeys(("question", "definition", "title", "conclusion", "sentence"), EVERYTHING)
    by_kind = {"question": n // 5, "definition": n // 5, "title": n // 5, "claim": n - 3 * (n // 5)}
    # Few sections of the Rust guides are held; others make the corpus as large as a guide is.
    guides = held(rust(html, rng("rust"), dict.fromkeys(("question", "heading", "code", "sentence"), EVERYTHING)), 1000)
    return [
        collection(
            held(medquad(data, rng("medquad"), {"question": EVERYTHING, "claim": 3000}, EVERYTHING)),
            {"question": n - n // 5, "claim": n // 5},
            1000,
            True,
            rng("medquad"),
        ),
        collection(held(arxiv(data, rng("arxiv"), 30_000, abstracts)), by_kind, 1500, False, rng("arxiv")),
        collection(
            held(docs_sections(data, rng("docs"), EVERYTHING, EVERYTHING)), {"heading": n}, 1200, True, rng("docs")
        ),
        collection(
            guides,
            {"question": n // 3, "code": n // 6, "claim": n // 6, "heading": n - n // 3 - 2 * (n // 6)},
            1200,
            False,
            rng("rust"),
        ),
        pieces(clean(squad(data, rng("squad"), "dev"), leaks)[0], n, rng("squad")),
        collection(held(tldr(data, rng("tldr"), EVERYTHING, EVERYTHING)), {"task": n}, 1500, True, rng("tldr")),
    ]


def write(made: Collection, folder: Path) -> None:
    """BEIR layout, ids from texts."""

    def name(text: str) -> str:
        return fingerprint(text).hex()[:12]

    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    ids = [name(f"{p.title} {p.text}") for p in made.corpus]
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as out:
        for i, p in dict(zip(ids, made.corpus, strict=True)).items():
            out.write(json.dumps({"_id": i, "title": p.title, "text": p.text}, ensure_ascii=False) + "\n")
    judged: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    for pair, right in made.asked:
        query = name(pair.query)
        texts[query] = pair.query
        judged.setdefault(query, set()).update(ids[i] for i in right)
    with open(folder / "queries.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": q, "text": t}, ensure_ascii=False) + "\n" for q, t in texts.items())
    with open(folder / "qrels" / "test.tsv", "w", encoding="utf-8") as out:
        out.write("query-id\tcorpus-id\tscore\n")
        out.writelines(f"{q}\t{d}\t1\n" for q, docs in judged.items() for d in sorted(docs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as for prepare.py")
    parser.add_argument("--rust-html", type=Path, required=True, help="as for prepare.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=60, help="of each collection, where it has as many")
    args = parser.parse_args()
    for made in collections(args.data, args.rust_html, gather(args.data), args.queries):
        write(made, args.out / made.name)
        print(f"{made.name}: {len(made.corpus)} passages, {len(made.asked)} queries", flush=True)


if __name__ == "__main__":
    main()
