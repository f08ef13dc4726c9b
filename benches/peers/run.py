#!/usr/bin/env python3
"""Trovato beside what one would use instead: the same work, interleaved, with ratios.

    benches/peers/run.py vectors [--vectors ROWS.f32 --queries QUERIES.f32]
    benches/peers/run.py hybrid  --collection scifact=DIR --collection arxiv=...
    benches/peers/run.py http    --collection scifact=DIR
    benches/peers/run.py growth  --collection arxiv=PAIRS.jsonl.gz [--sizes N ...]

Makes a virtual environment under the build folder, installs requirements.txt,
builds our side in release mode, and runs. Figures go to standard output as
Markdown and to WORK/results-*.json. Loopback only; nothing is sent anywhere.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
VENV = TARGET / "peers-venv"


def enter_environment():
    """Goes on inside the environment; makes it first where requirements have changed."""
    wanted = (HERE / "requirements.txt").read_text()
    installed = VENV / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run(
            [VENV / "bin/pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True
        )
        installed.write_text(wanted)
    if Path(sys.prefix) != VENV:
        os.execv(VENV / "bin/python", [str(VENV / "bin/python"), __file__, *sys.argv[1:]])


def options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=TARGET / "peers", help="where indexes and results go")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-build", action="store_true", help="take the binaries that are there")
    kinds = parser.add_subparsers(dest="kind", required=True)

    vectors = kinds.add_parser("vectors", help="vector search alone")
    vectors.add_argument("--vectors", help="raw little-endian f32 rows, with a .json of the same name beside it")
    vectors.add_argument("--queries", help="raw queries of the same length")
    vectors.add_argument("--limit", type=int, help="use the first rows only")
    vectors.add_argument("--n", type=int, default=100_000, help="rows of the made-up set")
    vectors.add_argument("--n-queries", type=int, default=2000)
    vectors.add_argument("--only", help="names of parties, separated by commas")
    vectors.add_argument("--rebuild", action="store_true", help="build again what an earlier run has built")

    for kind, what in (
        ("hybrid", "words and vectors, end to end"),
        ("http", "ours through HTTP"),
        ("growth", "ours at several sizes"),
    ):
        hybrid = kinds.add_parser(kind, help=what)
        hybrid.add_argument(
            "--collection", action="append", default=[], metavar="NAME=PATH",
            help="a BEIR folder, or a .jsonl or .jsonl.gz of pairs {query, positive}; may be repeated",
        )
        hybrid.add_argument(
            "--rows", nargs=2, metavar=("PASSAGES.f32", "QUERIES.f32"), help="prepared vectors of the pairs"
        )
        hybrid.add_argument(
            "--query-step", type=int, default=57, metavar="N", help="every N-th pair's query is asked"
        )
        hybrid.add_argument("--limit", type=int, help="take the first pairs only")
        hybrid.add_argument("--n-queries", type=int, default=1000)
        hybrid.add_argument("--only", help="kinds of parties, separated by commas")
        hybrid.add_argument("--rebuild", action="store_true", help="encode and build again what an earlier run has made")
        if kind == "growth":
            hybrid.add_argument(
                "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of passages"
            )
            hybrid.add_argument("--keep", action="store_true", help="keep indexes and made-up passages")
    return parser.parse_args()


def main():
    enter_environment()
    chosen = options()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if not chosen.no_build:
        build = ["cargo", "build", "--release", "--quiet", "-p", "benches", "-p", "trovato", "--bins"]
        subprocess.run(build, check=True, cwd=ROOT)

    import parties

    print(parties.machine())
    # `http` is a module of the standard library.
    module = __import__({"http": "over_http"}.get(chosen.kind, chosen.kind))
    figures = module.run(chosen, TARGET / "release")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    results = chosen.work / f"results-{chosen.kind}-{now}.json"
    results.write_text(json.dumps({"machine": parties.machine(), "figures": figures}, indent=1, default=str))
    print(f"\n{results}")


if __name__ == "__main__":
    main()
