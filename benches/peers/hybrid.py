"""Hybrid search end to end: given vectors, 100 + 100 candidates, ten hits with texts.

All parties index the same texts and vectors and answer the same queries, in
rounds that alternate; nDCG@10 stands beside the times. Ours is shown twice: as
the others work, and as it is by default, highlighting words and grouping near-duplicates.
"""

import gzip
import itertools
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

from parties import Party, PartyError, percentile, spread, table

TOP, DEPTH = 10, 100
OURS = "trovato"
# Name, kind of party, setting.
PARTIES = (
    (OURS, "ours", {"legs": "hybrid", "near_duplicates": "list", "highlights": False}),
    ("trovato, highlights, near-duplicates grouped", "ours",
     {"legs": "hybrid", "near_duplicates": "group", "highlights": True}),
    ("qdrant-edge, DBSF", "qdrant-edge", {"fusion": "dbsf"}),
    ("qdrant-edge, RRF", "qdrant-edge", {"fusion": "rrf"}),
    ("LanceDB, RRF", "LanceDB", {}),
    ("SQLite FTS5 + sqlite-vec, RRF", "SQLite FTS5 + sqlite-vec", {}),
    ("Postgres + pgvector, RRF", "Postgres + pgvector", {}),
)


class Collection:
    """Texts, queries and judgments as files that every party reads."""

    def __init__(self, name, folder, release):
        self.name, self.folder, self.release = name, folder, release
        folder.mkdir(parents=True, exist_ok=True)
        self.corpus, self.queries = folder / "corpus.jsonl", folder / "queries.jsonl"
        self.passage_rows, self.query_rows = folder / "passages.f32", folder / "queries.f32"
        self.qrels = folder / "qrels.json"

    def write(self, records, queries, qrels):
        """Writes the files but the vectors."""
        with self.corpus.open("w", encoding="utf-8") as out:
            for title, text in records:
                joined = " ".join(filter(None, (title, text)))
                out.write(json.dumps({"title": title, "text": text, "passage": joined}) + "\n")
        with self.queries.open("w", encoding="utf-8") as out:
            for text in queries:
                out.write(json.dumps({"text": text}) + "\n")
        self.qrels.write_text(json.dumps(qrels))

    def encode(self):
        """Encodes what has no vectors yet, with the default encoder."""
        for field, role, source, out in (
            ("passage", "passage", self.corpus, self.passage_rows),
            ("text", "query", self.queries, self.query_rows),
        ):
            if not out.with_suffix(".json").exists():
                with source.open() as lines:
                    subprocess.run([self.release / "encode", field, role, out], stdin=lines, check=True)

    def ndcg(self, found):
        """Mean nDCG@10, linear gain."""
        total = 0.0
        for ids, grades in zip(found, json.loads(self.qrels.read_text())):
            gain = sum(grades.get(str(i), 0) / math.log2(rank + 1) for rank, i in enumerate(ids[:TOP], 1))
            ideal = sorted(grades.values(), reverse=True)[:TOP]
            total += gain / sum(grade / math.log2(rank + 1) for rank, grade in enumerate(ideal, 1))
        return total / len(found)


def beir(name, source, work, release):
    """A BEIR folder, its test topics."""
    collection = Collection(name, work / name, release)
    if not collection.qrels.exists():
        records, row_of = [], {}
        for line in (source / "corpus.jsonl").read_text("utf-8").splitlines():
            record = json.loads(line)
            row_of[record["_id"]] = len(records)
            records.append((record.get("title", ""), record["text"]))
        texts = {}
        for line in (source / "queries.jsonl").read_text("utf-8").splitlines():
            record = json.loads(line)
            texts[record["_id"]] = record["text"]
        judged = {}
        for line in (source / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]:
            query, document, grade = line.split("\t")
            if int(grade) > 0:
                judged.setdefault(query, {})[row_of[document]] = int(grade)
        collection.write(records, [texts[query] for query in judged], list(judged.values()))
    collection.encode()
    return collection


def known_items(name, source, options, release):
    """Pairs of a title and an abstract: the title asks for its own abstract.

    Every n-th title asks. `--rows` names prepared vectors of the abstracts and of
    these titles; what is missing is encoded.
    """
    collection = Collection(name, options.work / name, release)
    if not collection.qrels.exists():
        opened = gzip.open(source, "rt", encoding="utf-8") if source.suffix == ".gz" else source.open(encoding="utf-8")
        with opened as lines:
            pairs = [json.loads(line) for line in itertools.islice(lines, options.limit)]
        asking = range(options.query_step - 1, len(pairs), options.query_step)[:2000]
        collection.write(
            (("", pair["positive"]) for pair in pairs), [pairs[at]["query"] for at in asking], [{at: 1} for at in asking]
        )
        if options.rows:
            for given, out, n in zip(
                map(Path, options.rows), (collection.passage_rows, collection.query_rows), (len(pairs), len(asking))
            ):
                copy_rows(given, out, n)
    collection.encode()
    return collection


def copy_rows(given, out, n):
    """The first rows of a prepared file."""
    about = json.loads(given.with_suffix(".json").read_text())
    with given.open("rb") as source:
        rows = source.read(n * about["dim"] * 4)
    if len(rows) != n * about["dim"] * 4:
        raise SystemExit(f"{given} has fewer than {n} rows; see --limit")
    out.write_bytes(rows)
    out.with_suffix(".json").write_text(json.dumps(about | {"rows": n}))


def prepare(options, release):
    """The collections that were asked for."""
    for spec in options.collection:
        name, _, source = spec.partition("=")
        source = Path(source)
        if options.rebuild:
            # Vectors too: another version's encoder may make others.
            shutil.rmtree(options.work / name, ignore_errors=True)
        if source.is_dir():
            yield beir(name, source, options.work, release)
        else:
            yield known_items(name, source, options, release)


def command(kind, release):
    """How a party of this kind is started."""
    if kind == "ours":
        return [str(release / "hybrid-peer")]
    return [sys.executable, str(Path(__file__).parent / "hybrid_peers.py"), kind]


def run(options, release):
    """Every collection in turn."""
    if not options.collection:
        print("no collection was given: hybrid search is not measured (see --collection)")
        return {}
    return {c.name: compare(c, options, release) for c in prepare(options, release)}


def compare(collection, options, release):
    """Builds, warms, measures, reports."""
    wanted = set(options.only.split(",")) if options.only else None
    figures, running = {}, {}
    for _, kind, _ in PARTIES:
        if kind in figures or (wanted and kind not in wanted):
            continue
        try:
            figures[kind], running[kind] = build_and_open(kind, collection, options, release)
        except PartyError as error:
            print(f"left out: {error}", flush=True)
    n_queries = min(len(json.loads(collection.qrels.read_text())), options.n_queries)
    ask = {"op": "round", "queries": str(collection.queries), "vectors": str(collection.query_rows),
           "limit": n_queries, "top": TOP, "depth": DEPTH}
    runs = {}
    for round_number in range(options.rounds + 1):
        for name, kind, setting in PARTIES:
            if kind in running:
                answer = running[kind].ask(**ask, setting=setting)
                # The first round fills caches and is not counted.
                if round_number > 0:
                    runs.setdefault(name, []).append(answer)
        print(f"{collection.name}: round {round_number} of {options.rounds}", flush=True)
    for kind, party in running.items():
        figures[kind]["resident_mib"] = party.resident_mib() - figures[kind].pop("idle_mib")
        party.close()
    return report(collection, runs, figures, n_queries)


def build_and_open(kind, collection, options, release):
    """As for vectors: built by one process, searched by another."""
    path = collection.folder / f"{kind.replace(' ', '-')}.index"
    cost_path = path.with_suffix(".cost")
    if options.rebuild or not cost_path.exists():
        shutil.rmtree(path, ignore_errors=True)
        builder = Party(kind, command(kind, release))
        builder.ask(op="ready")
        idle = builder.cpu_seconds()
        built = builder.ask(op="build", corpus=str(collection.corpus), vectors=str(collection.passage_rows), path=str(path))
        cost = {"build_seconds": built["seconds"], "build_cpu_seconds": builder.cpu_seconds() - idle, "bytes": built["bytes"]}
        builder.close()
        cost_path.write_text(json.dumps(cost))
        print(f"{collection.name}: {kind} built in {built['seconds']:.1f} s", flush=True)
    figures = json.loads(cost_path.read_text())
    party = Party(kind, command(kind, release))
    party.ask(op="ready")
    figures["idle_mib"] = party.resident_mib()
    figures["open_ms"] = party.ask(op="open", path=str(path))["seconds"] * 1e3
    return figures, party


def report(collection, runs, figures, n_queries):
    """The tables."""
    measured, rows = {}, []
    for name, answers in runs.items():
        measured[name] = {
            "ndcg": collection.ndcg(answers[0]["found"]),
            "p50_micros": spread([percentile(a["micros"], 0.5) for a in answers]),
            "p95_micros": spread([percentile(a["micros"], 0.95) for a in answers]),
            "stage_ms": answers[-1].get("stage_ms"),
        }
    ours = measured.get(OURS)
    for name, m in measured.items():
        p50, p95 = m["p50_micros"]["median"], m["p95_micros"]["median"]
        ratios = [f"{p50 / ours['p50_micros']['median']:.2f}", f"{p95 / ours['p95_micros']['median']:.2f}"] if ours else ["-", "-"]
        rows.append([name, f"{m['ndcg']:.4f}", f"{p50 / 1e3:.3f}",
                     f"{m['p50_micros']['min'] / 1e3:.3f} to {m['p50_micros']['max'] / 1e3:.3f}", f"{p95 / 1e3:.3f}", *ratios])
    print(f"\n{collection.name}: {n_queries} queries\n")
    print(table(["", "nDCG@10", "p50 ms", "rounds", "p95 ms", "its p50 / ours", "its p95 / ours"], rows))
    for name, m in measured.items():
        if m["stage_ms"]:
            print(f"\n{name}, mean ms: " + ", ".join(f"{k} {v:.3f}" for k, v in m["stage_ms"].items()))
    print()
    print(table(["", "build s", "build CPU s", "MiB on disk", "open ms", "resident MiB"], [
        [kind, f"{f['build_seconds']:.1f}", f"{f['build_cpu_seconds']:.1f}", f"{f['bytes'] / 2**20:.0f}",
         f"{f['open_ms']:.1f}", f"{f['resident_mib']:.0f}"] for kind, f in figures.items()]), flush=True)
    return {"measured": measured, "parties": figures}
