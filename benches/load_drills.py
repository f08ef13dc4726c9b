#!/usr/bin/env python3
"""What a server does when more is asked of it than it can do, and while its index changes.

    benches/load_drills.py BINARY HTTP_LOAD INDEX overload [--seconds 20] [--factor 5]
    benches/load_drills.py BINARY HTTP_LOAD INDEX soak [--seconds 600]
    benches/load_drills.py BINARY HTTP_LOAD INDEX writes [--seconds 30]

BINARY is `trovato`, HTTP_LOAD the program of that name in this package, INDEX one over the
Rust documentation (`trovato demo` makes one); it is copied before it is changed. The test
questions over it are the requests, without the cache of responses unless `--cached`.

`overload` measures what the server can do, then offers half of that, FACTOR times that,
and half of it again. Requests are sent when they are due, whatever became of those before
(an open loop), and latency counts from then. `soak` offers FACTOR times for long and
reports the resident memory. `writes` offers a fifth of what the server can do, with
nothing else going on and while documents are put and deleted as fast as they are taken,
in turns. Prints Markdown. Server and client share the machine's cores.
"""

import argparse
import http.client
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

QUESTIONS = Path(__file__).resolve().parent.parent / "corpora/rust-docs/questions.jsonl"
CLIENTS = 400
# Connections that idle for five seconds are closed by the server.
FEW_CLIENTS = 16


class Server:
    """A binary that serves an index."""

    def __init__(self, binary, index, arguments):
        command = [binary, "serve", "--index", f"rust={index}", "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise SystemExit(f"{binary} does not serve: {line!r}")
        self.address = line.split("http://")[1].split()[0]

    def resident_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def request(self, method, path, body, media):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, {"Content-Type": media})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=60)


class Load:
    """The load client, told what to do line by line."""

    def __init__(self, program, bodies):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bodies = str(bodies)

    def round(self, server, seconds, clients, per_second=None):
        requests = 10_000_000 if per_second is None else int(per_second * seconds)
        command = {
            "op": "round", "address": server.address, "bodies": self.bodies, "clients": clients,
            "requests": requests, "at_most_seconds": seconds, "per_second": per_second,
        }
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        report = json.loads(self.process.stdout.readline())
        if "error" in report:
            raise SystemExit(f"the load client failed: {report['error']}")
        return report

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Memory:
    """Resident memory once a second, in a thread of its own."""

    def __init__(self, server):
        self.samples, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.watch, args=(server,))
        self.thread.start()

    def watch(self, server):
        while not self.over.wait(1):
            self.samples.append(server.resident_mib())

    def end(self):
        self.over.set()
        self.thread.join()
        return self.samples


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def row(name, offered, report):
    times = report["latency_ms"]
    figures = [percentile(times, share) for share in (0.5, 0.95, 0.99)]
    done = report["answered"] / report["seconds"]
    told = " | ".join(f"{figure:.1f}" for figure in figures)
    print(f"| {name} | {offered:.0f} | {done:.0f} | {report['refused']} | {told} |", flush=True)
    return done


HEAD = "| | offered /s | answered /s | refused | p50 ms | p95 | p99 |\n|---|---|---|---|---|---|---|"


def capacity(server, load, seconds):
    """Answers a second with four clients that ask without a pause."""
    load.round(server, 2, 4)
    report = load.round(server, seconds, 4)
    return report["answered"] / report["seconds"]


def overload(server, load, options):
    most = capacity(server, load, options.seconds / 2)
    print(f"Four clients without a pause: {most:.0f} answers a second\n\n{HEAD}")
    memory = Memory(server)
    half = options.factor_low * most
    before = row("before", half, load.round(server, options.seconds, FEW_CLIENTS * 4, half))
    much = options.factor * most
    row(f"{options.factor:g} times", much, load.round(server, options.seconds, CLIENTS, much))
    for second in range(3):
        report = load.round(server, 2, FEW_CLIENTS * 4, half)
        row(f"{2 * second} to {2 * second + 2} s after", half, report)
    after = row("later", half, load.round(server, options.seconds, FEW_CLIENTS * 4, half))
    samples = memory.end()
    print(f"\nThroughput after over before: {after / before:.3f}; resident {samples[0]:.0f} to {max(samples):.0f} MiB")


def soak(server, load, options):
    most = capacity(server, load, 5)
    much = options.factor * most
    print(f"Four clients without a pause: {most:.0f} answers a second\n\n{HEAD}")
    memory, parts = Memory(server), 10
    for part in range(parts):
        row(f"tenth {part + 1}", much, load.round(server, options.seconds / parts, CLIENTS, much))
    samples = memory.end()
    tenth = max(1, len(samples) // parts)
    means = [statistics.mean(samples[at : at + tenth]) for at in range(0, tenth * parts, tenth)]
    print("\nResident MiB by tenth:", ", ".join(f"{mean:.0f}" for mean in means))


class Writer(threading.Thread):
    """Puts and deletes documents, the next as soon as the last is on the disk."""

    def __init__(self, server):
        super().__init__()
        self.server, self.over, self.times = server, threading.Event(), []

    def run(self):
        turn = 0
        while not self.over.is_set():
            path = f"/v1/documents/drill/{turn % 50}.md"
            started = time.perf_counter()
            if turn % 10 == 9:
                status, text = self.server.request("DELETE", path.replace(f"{turn % 50}", f"{(turn - 3) % 50}"), None, "text/plain")
            else:
                words = " ".join(f"drill{turn}word{n} and the borrow checker" for n in range(30))
                status, text = self.server.request("PUT", path, f"# Drill {turn}\n\n{words}", "text/markdown")
            self.times.append((time.perf_counter() - started) * 1e3)
            if status not in (200, 201, 404):
                raise SystemExit(f"a change was refused: {status} {text[:200]}")
            turn += 1


def writes(server, load, options):
    most = capacity(server, load, options.seconds / 3)
    rate = 0.2 * most
    print(f"Four clients without a pause: {most:.0f} answers a second\n\n{HEAD}")
    ratios, put = [], []
    for turn in range(options.rounds):
        quiet = load.round(server, options.seconds / 2, FEW_CLIENTS, rate)
        row(f"quiet, {turn + 1}", rate, quiet)
        writer = Writer(server)
        writer.start()
        busy = load.round(server, options.seconds / 2, FEW_CLIENTS, rate)
        writer.over.set()
        writer.join()
        row(f"writing, {turn + 1}", rate, busy)
        put += writer.times
        ratios.append(percentile(busy["latency_ms"], 0.95) / percentile(quiet["latency_ms"], 0.95))
    print(f"\np95 writing over quiet: median {statistics.median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print(f"{len(put)} changes, each on the disk and searchable after p50 {percentile(put, 0.5):.0f} ms, p95 {percentile(put, 0.95):.0f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("http_load")
    parser.add_argument("index")
    parser.add_argument("drill", choices=["overload", "soak", "writes"])
    parser.add_argument("--seconds", type=float, default=20, help="of a phase; of the whole soak")
    parser.add_argument("--factor", type=float, default=5, help="times what the server can do")
    parser.add_argument("--factor-low", type=float, default=0.5, help="the same before and after")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of the drill with writes")
    parser.add_argument("--cached", action="store_true", help="let responses be kept")
    parser.add_argument("arguments", nargs="*", help="what else `serve` is given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        shutil.copytree(options.index, index)
        bodies = Path(folder) / "bodies.jsonl"
        lines = map(json.loads, QUESTIONS.read_text(encoding="utf-8").splitlines())
        bodies.write_text("".join(json.dumps({"query": line["question"]}) + "\n" for line in lines if line["split"] == "test"))
        arguments = list(options.arguments)
        if not options.cached:
            arguments += ["--cache-mib", "0"]
        if options.drill == "writes":
            arguments.append("--writable")
        server, load = Server(options.binary, index, arguments), Load(options.http_load, bodies)
        try:
            {"overload": overload, "soak": soak, "writes": writes}[options.drill](server, load, options)
        finally:
            load.end()
            server.end()


if __name__ == "__main__":
    main()
