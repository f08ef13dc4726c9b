"""Vector search, single queries: throughput at fixed recall, memory, load, build.

Every party is swept over its own knob; the fastest setting that reaches a
recall is its operating point there. Then rounds of all parties alternate, and
the medians of the rounds are set against each other.
"""

import json
import statistics
import sys
from pathlib import Path

import numpy as np

from parties import Party, percentile, spread, table

TARGETS = (0.95, 0.99)
DEPTH = 10
EF = (10, 12, 14, 16, 18, 20, 24, 28, 32, 36, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 320,
      384, 512, 768, 1024)
EF_LADDER = [{"ef": ef} for ef in EF]
IVF_LADDER = [
    {"nprobe": nprobe, "k_factor": k_factor}
    for nprobe in (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
    for k_factor in (2, 4, 8, 16)
]
OURS = "trovato"
PEERS = ("hnswlib", "faiss HNSWFlat", "faiss HNSWSQ8", "faiss IVF-PQfs+refine", "usearch i8", "usearch f16")


def clustered(folder, n, n_queries, dim=384):
    """Seeded unit vectors round `n / 50` centres, for machines without a real set."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, queries = folder / f"clustered-{n}.f32", folder / f"clustered-{n}-queries.f32"
    if not queries.exists():
        rng = np.random.default_rng(7)
        centres = rng.standard_normal((max(n // 50, 1), dim), dtype=np.float32)
        for path, count in ((rows, n), (queries, n_queries)):
            with path.open("wb") as out:
                for first in range(0, count, 10_000):
                    size = min(10_000, count - first)
                    block = centres[rng.integers(len(centres), size=size)]
                    block = block + rng.standard_normal((size, dim), dtype=np.float32)
                    block /= np.linalg.norm(block, axis=1, keepdims=True)
                    block.astype("<f4").tofile(out)
    return rows, queries, dim


class Truth:
    """The exact neighbours, by a product over blocks of rows."""

    def __init__(self, rows, queries):
        self.rows, self.queries = rows, queries
        best = np.full((len(queries), DEPTH), -2.0, dtype=np.float32)
        for first in range(0, len(rows), 20_000):
            block = queries @ rows[first : first + 20_000].T
            top = np.partition(block, -min(DEPTH, block.shape[1]), axis=1)[:, -DEPTH:]
            best = np.partition(np.hstack([best, top]), -DEPTH, axis=1)[:, -DEPTH:]
        self.least = best.min(axis=1)

    def recall(self, found):
        """The mean share of the true ten: a row as near as the tenth counts, whichever of
        equal rows it is."""
        hits = 0
        for query, (ids, least) in enumerate(zip(found, self.least)):
            ids = np.unique([i for i in ids[:DEPTH] if 0 <= i < len(self.rows)]).astype(np.int64)
            hits += int((self.rows[ids] @ self.queries[query] >= least - 1e-6).sum())
        return hits / (DEPTH * len(found))


def parties(release):
    """Name and command of each."""
    here = Path(__file__).parent
    yield OURS, [str(release / "vector-peer")]
    for name in PEERS:
        yield name, [sys.executable, str(here / "vector_peers.py"), name]


def run(options, release):
    """Builds, calibrates, measures; returns the figures and prints their tables."""
    if options.vectors:
        rows_path, queries_path = Path(options.vectors), Path(options.queries)
        dim = json.loads(rows_path.with_suffix(".json").read_text())["dim"]
    else:
        rows_path, queries_path, dim = clustered(options.work, options.n, options.n_queries)
    rows = np.fromfile(rows_path, dtype="<f4", count=-1 if options.limit is None else options.limit * dim)
    rows = rows.reshape(-1, dim)
    queries = np.fromfile(queries_path, dtype="<f4").reshape(-1, dim)[: options.n_queries]
    truth = Truth(rows, queries)
    print(f"{len(rows)} vectors of {dim}, {len(queries)} queries, recall@{DEPTH}", flush=True)

    wanted = set(options.only.split(",")) if options.only else None
    running, figures = {}, {}
    for name, argv in parties(release):
        if wanted and name not in wanted:
            continue
        figures[name], running[name] = build_and_open(
            name, argv, options, (rows_path, len(rows), dim)
        )
    ask = {"op": "round", "queries": str(queries_path), "limit": len(queries), "depth": DEPTH}
    for name, party in running.items():
        figures[name]["points"] = calibrate(party, ask, truth)
        figures[name]["resident_mib"] = party.resident_mib() - figures[name].pop("idle_mib")
        if name != OURS:
            figures[name]["overhead_micros"] = party.ask(op="overhead")["micros"]
    measure(running, figures, ask, truth, options.rounds)
    for party in running.values():
        party.close()
    report(figures, len(rows), dim)
    return figures


def build_and_open(name, argv, options, rows):
    """Builds in a process of its own, so that what building leaves in memory is not counted."""
    rows_path, n, dim = rows
    path = options.work / f"{rows_path.stem}-{n}-{name.replace(' ', '-').replace('+', '-')}.index"
    cost_path = path.with_suffix(".cost")
    if options.rebuild or not cost_path.exists():
        path.unlink(missing_ok=True)
        builder = Party(name, argv)
        builder.ask(op="ready")
        idle = builder.cpu_seconds()
        built = builder.ask(op="build", vectors=str(rows_path), dim=dim, limit=n, path=str(path), threads=2)
        # Reading the rows is in it, for all alike: some 0.3 s of 180 MB.
        cost = {"build_seconds": built["seconds"], "build_cpu_seconds": builder.cpu_seconds() - idle}
        builder.close()
        cost_path.write_text(json.dumps(cost))
    figures = json.loads(cost_path.read_text())
    party = Party(name, argv)
    party.ask(op="ready")
    figures["idle_mib"] = party.resident_mib()
    opened = party.ask(op="open", path=str(path), dim=dim)
    figures["open_ms"] = opened["seconds"] * 1e3
    figures["file_bytes"] = opened["file_bytes"]
    figures["hot_bytes"] = opened.get("hot_bytes", opened["file_bytes"])
    print(f"{name}: built in {figures['build_cpu_seconds']:.1f} CPU s", flush=True)
    return figures, party


def calibrate(party, ask, truth):
    """For each target the fastest setting that reaches it; nothing where none does."""
    ladder = IVF_LADDER if "IVF" in party.name else EF_LADDER
    tried = []
    for setting in ladder:
        answer = party.ask(**ask, setting=setting, threads=1)
        tried.append((truth.recall(answer["found"]), answer["seconds"], setting))
        if ladder is EF_LADDER and tried[-1][0] >= max(TARGETS):
            break
    points = {}
    for target in TARGETS:
        reaching = [entry for entry in tried if entry[0] >= target]
        points[target] = {"setting": min(reaching, key=lambda entry: entry[1])[2]} if reaching else None
    best = max(tried)[0]
    print(f"{party.name}: {points}, best recall {best:.4f}", flush=True)
    return points


def measure(running, figures, ask, truth, rounds):
    """Rounds of all parties in turn."""
    runs = {}
    for round_number in range(rounds):
        for target in TARGETS:
            for name, party in running.items():
                point = figures[name]["points"][target]
                if point is None:
                    continue
                for threads in (1, 2):
                    answer = party.ask(**ask, setting=point["setting"], threads=threads)
                    runs.setdefault((name, target, threads), []).append(answer)
        print(f"round {round_number + 1} of {rounds}", flush=True)
    for (name, target, threads), answers in runs.items():
        point = figures[name]["points"][target]
        n = len(answers[0]["found"])
        # Of one thread the calls alone; of two the whole pass.
        seconds = [sum(a["micros"]) / 1e6 if a["micros"] else a["seconds"] for a in answers]
        point[f"qps_{threads}"] = spread([n / s for s in seconds])
        if threads == 1:
            point["recall"] = truth.recall(answers[0]["found"])
            for key, share in (("p50_micros", 0.5), ("p95_micros", 0.95)):
                point[key] = statistics.median(percentile(a["micros"], share) for a in answers)


def report(figures, n, dim):
    """The tables."""
    for target in TARGETS:
        ours = figures.get(OURS, {}).get("points", {}).get(target)
        rows = []
        for name, figure in figures.items():
            point = figure["points"][target]
            if point is None:
                rows.append([name, "not reached", *["-"] * 8])
                continue
            qps, two = point["qps_1"], point["qps_2"]
            ratio = f"{ours['qps_1']['median'] / qps['median']:.2f}" if ours else "-"
            bare = "-"
            if ours and "overhead_micros" in figure:
                left = 1e6 / qps["median"] - figure["overhead_micros"]
                bare = f"{ours['qps_1']['median'] / (1e6 / max(left, 0.1)):.2f}"
            rows.append([
                name, f"{point['recall']:.4f}", " ".join(f"{k}={v}" for k, v in point["setting"].items()),
                f"{qps['median']:,.0f}", f"{qps['min']:,.0f} to {qps['max']:,.0f}", ratio, bare,
                f"{point['p50_micros']:.1f}", f"{point['p95_micros']:.1f}", f"{two['median']:,.0f}",
            ])
        print(f"\nrecall@{DEPTH} {target}\n")
        print(table(
            ["", "recall", "setting", "QPS", "rounds", "ours / its", "ours / its without binding",
             "p50 µs", "p95 µs", "QPS, 2 threads"], rows))
    rows = [
        [name, f"{f['build_cpu_seconds']:.1f}", f"{f['build_seconds']:.1f}", f"{f['open_ms']:.1f}",
         f"{f['file_bytes'] / n:.0f}", f"{f['hot_bytes'] / n:.0f}", f"{f['resident_mib']:.0f}",
         f"{f['overhead_micros']:.1f}" if "overhead_micros" in f else "0"]
        for name, f in figures.items()
    ]
    print()
    print(table(
        ["", "build, CPU s", "build on 2 threads, s", "open, ms", "file, bytes a vector",
         "hot, bytes a vector", "resident, MiB", "binding, µs a call"], rows), flush=True)
