"""Ours at 10,000, 100,000 and 1,000,000 passages: ingest, bytes, memory, time, and exponents.

The passages are a real set with its vectors, extended beyond its end: a further
vector is a real one moved by Gaussian noise that has the set's own covariance,
as far as real vectors lie from their nearest neighbours (the distances are drawn
from those of a sample), and made unit again; half of a further text's words are
the real one's, the others are drawn from all texts. So neighbours stay as near,
posting lists as long and texts as compressible as they were; near-duplicates
and topics that a larger real set would bring are not in it.

Everything is seeded. Encoding is left out: it grows in proportion, and vectors
are given. Peak memory is that of the process that builds.
"""

import json
import math
import shutil
from pathlib import Path

import numpy as np

from hybrid import DEPTH, TOP, command, prepare
from parties import Party, percentile, spread, table
from vectors import clustered

SETTINGS = {
    "hybrid": {"legs": "hybrid", "near_duplicates": "list", "highlights": True},
    "dense": {"legs": "dense", "near_duplicates": "list", "highlights": True},
    "lexical": {"legs": "lexical", "near_duplicates": "list", "highlights": True},
}
EXACT = SETTINGS["dense"] | {"vectors": "exact"}
BLOCK = 20_000


def base_set(options, release):
    """Corpus, rows, queries, rows of the queries: a real set, or a made-up one."""
    for collection in prepare(options, release):
        return collection.corpus, collection.passage_rows, collection.queries, collection.query_rows
    folder = options.work / "made-up"
    rows, query_rows, dim = clustered(folder, 10_000, 500)
    rng = np.random.default_rng(1)
    # Zipf's law with the exponent 1 over 60,000 words, by inverting its sum.
    text = lambda n: " ".join(f"w{int(60_000 ** rank)}" for rank in rng.random(n))
    paths = []
    for name, source, n, length in (("corpus", rows, 10_000, 150), ("queries", query_rows, 500, 8)):
        source.with_suffix(".json").write_text(json.dumps({"rows": n, "dim": dim}))
        paths.append(folder / f"{name}.jsonl")
        with paths[-1].open("w", encoding="utf-8") as out:
            for _ in range(n):
                out.write(json.dumps({"text": text(length)}) + "\n")
    return paths[0], rows, paths[1], query_rows


def nearest_cosines(rows, rng):
    """The cosine of each of a sample of rows and its nearest other row."""
    sample = rng.choice(len(rows), size=min(2000, len(rows)), replace=False)
    best = np.full(len(sample), -1.0, dtype=np.float32)
    for first in range(0, len(rows), BLOCK):
        block = rows[sample] @ rows[first : first + BLOCK].T
        inside = (sample >= first) & (sample < first + block.shape[1])
        block[np.nonzero(inside)[0], sample[inside] - first] = -1.0
        best = np.maximum(best, block.max(axis=1))
    return np.clip(best, 0.05, 0.999)


def extend(corpus, rows_path, folder, n):
    """`n` passages: the real ones, then made-up ones. Returns corpus and rows."""
    folder.mkdir(parents=True, exist_ok=True)
    out_corpus, out_rows = folder / f"corpus-{n}.jsonl", folder / f"rows-{n}.f32"
    about = json.loads(rows_path.with_suffix(".json").read_text())
    if out_rows.with_suffix(".json").exists():
        return out_corpus, out_rows
    rng = np.random.default_rng(50)
    rows = np.fromfile(rows_path, dtype="<f4").reshape(-1, about["dim"])
    texts = [json.loads(line)["text"] for line in corpus.read_text("utf-8").splitlines()]
    cosines = nearest_cosines(rows, rng)
    print(f"cosine to the nearest neighbour in the real set: "
          f"p10 {np.quantile(cosines, .1):.3f}, p50 {np.quantile(cosines, .5):.3f}, p90 {np.quantile(cosines, .9):.3f}")
    spread_of_set = np.linalg.cholesky(np.cov(rows[:BLOCK].T) + 1e-9 * np.eye(about["dim"])).astype(np.float32)
    pool = np.array(" ".join(texts[:BLOCK]).split())
    with out_corpus.open("w", encoding="utf-8") as corpus_out, out_rows.open("wb") as rows_out:
        for text in texts[:n]:
            corpus_out.write(json.dumps({"text": text}) + "\n")
        rows[:n].tofile(rows_out)
        for first in range(min(len(rows), n), n, BLOCK):
            size = min(BLOCK, n - first)
            origin = rng.integers(len(rows), size=size)
            noise = rng.standard_normal((size, about["dim"]), dtype=np.float32) @ spread_of_set.T
            noise /= np.linalg.norm(noise, axis=1, keepdims=True)
            cosine = rng.choice(cosines, size=size)[:, None]
            moved = rows[origin] + noise * np.sqrt(1 / cosine**2 - 1)
            moved /= np.linalg.norm(moved, axis=1, keepdims=True)
            moved.astype("<f4").tofile(rows_out)
            for at in origin:
                words = texts[at].split()
                swap = rng.random(len(words)) < 0.5
                drawn = pool[rng.integers(len(pool), size=int(swap.sum()))]
                for place, word in zip(np.nonzero(swap)[0], drawn):
                    words[place] = str(word)
                corpus_out.write(json.dumps({"text": " ".join(words)}) + "\n")
    out_rows.with_suffix(".json").write_text(json.dumps(about | {"rows": n}))
    return out_corpus, out_rows


def peak_mib(party):
    """The most memory a party ever had resident."""
    for line in Path(f"/proc/{party.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def run(options, release):
    """Every size in turn, each index built, measured and removed."""
    corpus, rows, queries, query_rows = base_set(options, release)
    figures = {}
    for n in options.sizes:
        extended = extend(corpus, rows, options.work / "growth", n)
        figures[n] = measure(extended, (queries, query_rows), options, release)
        print(f"{n}: {json.dumps(figures[n])}", flush=True)
        if not options.keep:
            for path in (*extended, extended[1].with_suffix(".json")):
                path.unlink()
    report(figures)
    return figures


def measure(extended, queries, options, release):
    """One size."""
    corpus, rows = extended
    path = corpus.with_suffix(".index")
    shutil.rmtree(path, ignore_errors=True)
    builder = Party("build", command("ours", release))
    built = builder.ask(op="build", corpus=str(corpus), vectors=str(rows), path=str(path))
    figure = {
        "ingest_s": built["seconds"], "merge_s": built["merge_seconds"], "ingest_cpu_s": builder.cpu_seconds(),
        "ingest_peak_mib": peak_mib(builder), "index_mib": built["bytes"] / 2**20,
    }
    builder.close()
    party = Party("search", command("ours", release))
    party.ask(op="ready")
    idle = party.resident_mib()
    figure["open_ms"] = party.ask(op="open", path=str(path))["seconds"] * 1e3
    figure["opened_mib"] = party.resident_mib() - idle
    n_queries = min(options.n_queries, sum(1 for _ in queries[0].open("rb")))
    ask = {"op": "round", "queries": str(queries[0]), "vectors": str(queries[1]), "limit": n_queries,
           "top": TOP, "depth": DEPTH}
    runs = {}
    for round_number in range(options.rounds + 1):
        for name, setting in SETTINGS.items():
            answer = party.ask(**ask, setting=setting)
            if round_number > 0:
                runs.setdefault(name, []).append(answer)
    figure["resident_mib"] = party.resident_mib() - idle
    for name, answers in runs.items():
        for share in (50, 95):
            medians = spread([percentile(a["micros"], share / 100) / 1e3 for a in answers])
            figure[f"{name}_p{share}_ms"] = medians["median"]
    few = ask | {"limit": min(n_queries, 100)}
    exact = party.ask(**few, setting=EXACT)["found"]
    found = runs["dense"][0]["found"]
    figure["dense_recall"] = sum(len(set(a) & set(b)) for a, b in zip(exact, found)) / (TOP * len(exact))
    party.close()
    if not options.keep:
        shutil.rmtree(path)
    return figure


def exponent(sizes, values):
    """The slope of the line through the logarithms: 1 grows in proportion, 0 not at all."""
    xs, ys = [math.log(n) for n in sizes], [math.log(max(value, 1e-9)) for value in values]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)


def report(figures):
    """The table, and what it comes to at fifty million if nothing bends."""
    sizes = sorted(figures)
    rows = []
    for name in figures[sizes[0]]:
        values = [figures[n][name] for n in sizes]
        row = [name.replace("_", " "), *(f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in values)]
        if len(sizes) > 1 and name != "dense_recall":
            slope = exponent(sizes, values)
            row += [f"{slope:.2f}", f"{values[-1] * (50e6 / sizes[-1]) ** slope:,.3g}"]
        else:
            row += ["-", "-"]
        rows.append(row)
    print()
    print(table(["", *(f"{n:,}" for n in sizes), "exponent", "at 50,000,000"], rows), flush=True)
