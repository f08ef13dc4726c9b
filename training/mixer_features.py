"""Asks the binary what it knows of each candidate of the mixer's collections.

    python mixer_features.py --trovato BINARY --weights FILE --sets OUT/mixer-sets --out OUT/mixer-features

For each collection NAME: NAME.hybrid.jsonl, behind the default first stage, and
NAME.bm25.jsonl, behind a run of BM25 alone, as a run that comes from elsewhere.
What is there is kept.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trovato", type=Path, required=True)
    parser.add_argument("--weights", required=True, help="what --rerank takes; FILE+late adds late interaction")
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--depth", type=int, default=20, help="candidates of a query that are read")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    run = args.out / "bm25.run"

    def ask(*words: str | Path) -> None:
        subprocess.run([args.trovato, "eval", *words], check=True, stdout=subprocess.DEVNULL)

    for stage in ("hybrid", "bm25"):
        for folder in sorted(p for p in args.sets.iterdir() if p.is_dir()):
            target = args.out / f"{folder.name}.{stage}.jsonl"
            if target.exists():
                continue
            # A file stands under its name when it is whole.
            part = target.with_suffix(".part")
            read = ("--rerank", args.weights, "--features-out", part)
            if stage == "hybrid":
                ask("collection", folder, "--rerank-depth", str(args.depth), *read)
            else:
                ask("collection", folder, "--strategy", "lexical", "--run-out", run)
                ask("rerank", folder, "--run", run, "--depth", str(args.depth), *read)
            part.rename(target)
            print(target.name, flush=True)
    run.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
