"""Everything that is evaluated, as hashes and 13-grams that training texts may not share.

The one file that opens evaluation sets. It reads their queries and relevant
passages to keep them out of training, and nothing else of them is used.
"""

from __future__ import annotations

import random
from pathlib import Path

from rust_docs import questions
from sources import jsonl, squad
from text import Leaks

SETS = {"scifact": ["test", "train"], "cranfield": ["test"], "trec-qa": ["train", "dev", "test"]}


def gather(data: Path) -> Leaks:
    leaks = Leaks()
    for name, splits in SETS.items():
        folder = data / name
        relevant = set()
        for split in splits:
            rows = (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]
            relevant |= {row.split("\t")[1] for row in rows if row.split("\t")[2] != "0"}
        leaks.add(q["text"] for q in jsonl(folder / "queries.jsonl"))
        leaks.add(d["text"] for d in jsonl(folder / "corpus.jsonl") if d["_id"] in relevant)
    held = squad(data, random.Random(0), "held_out")
    leaks.add(p.text for p in held.corpus)
    leaks.add(p.query for p in held.pairs)
    for q in questions("test"):
        leaks.add([q["question"], *(quote for _, quote, _ in q["quotes"])])
    return leaks
