"""First-stage candidates of each query over its own source: our hybrid's, or BM25's alone.

The hybrid is asked through the binary, so that mined negatives are what the
engine really returns; BM25 alone needs no build of it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import bm25s
import Stemmer

from sources import Pair, Source

# Words of a passage that the hybrid is asked about.
MINED_WORDS = 70


@dataclass(frozen=True)
class Hybrid:
    """Our own first stage: the binary, and a folder for the collections it indexes.

    A run file is used again as long as corpus and queries are the same, so that
    an interrupted preparation goes on where it was.
    """

    binary: Path
    work: Path

    def retrieve(self, source: Source, pairs: list[Pair], depth: int) -> list[list[int]]:
        """BM25 and vectors, fused as `trovato eval collection` does by default."""
        folder = self.work / f"{source.name}-{digest([MINED_WORDS, source.corpus])}"
        run = folder / f"{digest([p.query for p in pairs])}-{depth}.run"
        if not run.exists():
            write_beir(source, pairs, folder, MINED_WORDS)
            part = run.with_suffix(".part")
            command = [self.binary, "eval", "collection", folder, "--depth", str(depth), "--run-out", part]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            part.rename(run)
        found: list[list[int]] = [[] for _ in pairs]
        for line in run.read_text(encoding="utf-8").splitlines():
            query, _, passage, *_ = line.split()
            found[int(query[1:])].append(int(passage[1:]))
        return found


def digest(value: object) -> str:
    return blake2b(repr(value).encode(), digest_size=8).hexdigest()


def mine(source: Source, pairs: list[Pair], depth: int, hybrid: Hybrid | None) -> list[list[int]]:
    """For each pair up to `depth` passage numbers, best first.

    A query that the hybrid finds nothing for (it may read as syntax) is asked of
    BM25 here.
    """
    if not pairs:
        return []
    queries = [p.query for p in pairs]
    lexical = bm25([f"{p.title} {p.text}" for p in source.corpus], queries, min(depth, len(source.corpus)))
    if hybrid is None:
        return lexical
    return [both or words for both, words in zip(hybrid.retrieve(source, pairs, depth), lexical, strict=True)]


def bm25(texts: list[str], queries: list[str], depth: int) -> list[list[int]]:
    stemmer = Stemmer.Stemmer("english")
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
    tokens = bm25s.tokenize(queries, stopwords="en", stemmer=stemmer, show_progress=False)
    found, _ = index.retrieve(tokens, k=depth, show_progress=False)
    return [[int(i) for i in row] for row in found]


def write_beir(source: Source, pairs: list[Pair], folder: Path, words: int = 0) -> None:
    """A corpus and queries as a BEIR folder; ids are `p` and `q` with the number.

    With `words` passages are cut to so many: encoding them is most of what mining costs.
    """
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as out:
        for i, p in enumerate(source.corpus):
            text = " ".join(p.text.split()[:words]) if words else p.text
            out.write(json.dumps({"_id": f"p{i}", "title": p.title, "text": text}) + "\n")
    with (
        open(folder / "queries.jsonl", "w", encoding="utf-8") as asked,
        open(folder / "qrels" / "test.tsv", "w", encoding="utf-8") as qrels,
    ):
        qrels.write("query-id\tcorpus-id\tscore\n")
        for i, pair in enumerate(pairs):
            asked.write(json.dumps({"_id": f"q{i}", "text": pair.query}) + "\n")
            qrels.write(f"q{i}\tp{pair.passage}\t1\n")
