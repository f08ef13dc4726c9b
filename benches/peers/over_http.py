"""Ours through HTTP: one client with a given vector, with highlights and grouping and
without, then text by 1, 4 and 16 clients.

`trovato serve` on a loopback address over the index that `hybrid` built. The
load client is a process of its own on the same machine, so with as many clients
as cores the two compete: throughput is what is left for both.
"""

import json
import socket
import statistics
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np

import hybrid
from parties import Party, percentile, spread, table

REQUESTS = 2000
SECONDS = 20


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`trovato serve` over one index."""

    def __init__(self, release, index):
        self.address = f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [release / "trovato", "serve", "--index", f"set={index}", "--listen", self.address],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5).read()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("the server ended; run `trovato serve` by hand to see why") from None
                time.sleep(0.1)
        raise RuntimeError("the server was not ready within a minute")

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def bodies(collection, n):
    """Three files of requests: with the vector, the same without what the peers do not do
    (highlights, grouping near-duplicates), and with the text alone."""
    dim = json.loads(collection.query_rows.with_suffix(".json").read_text())["dim"]
    rows = np.fromfile(collection.query_rows, dtype="<f4").reshape(-1, dim)[:n]
    texts = [json.loads(line)["text"] for line in collection.queries.read_text("utf-8").splitlines()[:n]]
    paths = {}
    for kind in ("vector", "plain vector", "text"):
        paths[kind] = collection.folder / f"bodies-{kind.replace(' ', '-')}.jsonl"
        with paths[kind].open("w", encoding="utf-8") as out:
            for text, row in zip(texts, rows):
                body = {"query": text, "top": hybrid.TOP, "depth": hybrid.DEPTH}
                if kind == "plain vector":
                    body |= {"highlights": False, "near_duplicates": "list"}
                if kind != "text":
                    # Nine digits carry an f32 exactly.
                    body["vector"] = [float(f"{value:.9g}") for value in row.tolist()]
                out.write(json.dumps(body) + "\n")
    return paths


def run(options, release):
    """Every collection in turn."""
    figures = {}
    for collection in hybrid.prepare(options, release):
        index = collection.folder / "ours.index"
        if options.rebuild or not index.exists():
            _, party = hybrid.build_and_open("ours", collection, options, release)
            party.close()
        figures[collection.name] = measure(collection, index, options, release)
    if not figures:
        print("no collection was given: HTTP is not measured (see --collection)")
    return figures


def measure(collection, index, options, release):
    """Rounds of all kinds of load in turn."""
    paths = bodies(collection, options.n_queries)
    server = Server(release, index)
    try:
        client = Party("load client", [str(release / "http-load")])
        kinds = [("vector", 1), ("plain vector", 1), ("text", 1), ("text", 4), ("text", 16)]
        runs = {}
        for round_number in range(options.rounds + 1):
            for kind, clients in kinds:
                answer = client.ask(op="round", address=server.address, bodies=str(paths[kind]), clients=clients,
                                    requests=REQUESTS, at_most_seconds=SECONDS)
                if round_number > 0:
                    runs.setdefault((kind, clients), []).append(answer)
            print(f"{collection.name}: round {round_number} of {options.rounds}", flush=True)
        client.close()
    finally:
        server.close()
    return report(collection, runs)


def report(collection, runs):
    """The table. What is not search is all that the client waited for beyond the server's
    own `timings_ms.total`: HTTP, JSON, handing over, and waiting for a core."""
    figures, rows = {}, []
    for (kind, clients), answers in runs.items():
        figure = {
            f"p{share}_ms": spread([percentile(a["latency_ms"], share / 100) for a in answers])
            for share in (50, 95, 99)
        }
        figure["per_second"] = spread([a["answered"] / a["seconds"] for a in answers])
        figure["refused"] = sum(a["refused"] for a in answers)
        figure["not_search"] = statistics.median(
            1 - sum(a["search_ms"]) / sum(a["latency_ms"]) for a in answers
        )
        figures[f"{kind}, {clients}"] = figure
        p50 = figure["p50_ms"]
        rows.append([
            f"{kind}, {clients} client{'s' if clients > 1 else ''}", f"{figure['per_second']['median']:,.0f}",
            f"{p50['median']:.3f}", f"{p50['min']:.3f} to {p50['max']:.3f}", f"{figure['p95_ms']['median']:.3f}",
            f"{figure['p99_ms']['median']:.3f}", f"{100 * figure['not_search']:.0f} %", figure["refused"],
        ])
    print(f"\n{collection.name}, HTTP on loopback\n")
    print(table(["", "answers a second", "p50 ms", "rounds", "p95 ms", "p99 ms", "not search", "refused"], rows), flush=True)
    return figures
