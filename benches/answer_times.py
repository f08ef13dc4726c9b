#!/usr/bin/env python3
"""How long a reader waits for an answer over HTTP: to the first byte, and to the last.

    benches/answer_times.py BINARY INDEX [--rounds N] [-- SERVE_ARGUMENT ...]
    benches/answer_times.py BINARY INDEX --against OTHER_BINARY

Asks the test questions over the Rust documentation as streams, one after another, of a
server on a loopback address that this script starts and ends. The first byte is that of
the event with what was found; the last ends the answer. With a second binary both serve
the same index and each question is asked of one and then of the other, so that their
ratio means something where the machine has other work. Prints Markdown.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import time
from pathlib import Path

QUESTIONS = Path(__file__).resolve().parent.parent / "corpora/rust-docs/questions.jsonl"


class Server:
    """A binary that serves an index."""

    def __init__(self, binary, index, arguments):
        command = [binary, "serve", "--index", f"rust={index}", "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise SystemExit(f"{binary} does not serve: {line!r}")
        self.address = line.split("http://")[1].split()[0]
        self.first_ms, self.last_ms = [], []

    def ask(self, question):
        """Milliseconds to the first and to the last byte of an answer."""
        body = json.dumps({"question": question, "stream": True})
        connection = http.client.HTTPConnection(self.address, timeout=120)
        connection.connect()
        started = time.perf_counter()
        connection.request("POST", "/v1/answer", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        first = response.read(1)
        first_ms = (time.perf_counter() - started) * 1e3
        text = (first + response.read()).decode()
        last_ms = (time.perf_counter() - started) * 1e3
        connection.close()
        if response.status != 200 or "event: answer" not in text:
            raise SystemExit(f"{question!r} was not answered: {response.status} {text[:300]}")
        return first_ms, last_ms

    def end(self):
        self.process.terminate()
        self.process.wait()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("index")
    parser.add_argument("--against", help="a second binary, asked in turn")
    parser.add_argument("--rounds", type=int, default=1, help="times every question is asked")
    parser.add_argument("--every", type=int, default=1, help="ask every N-th question only")
    parser.add_argument("arguments", nargs="*", help="what else `serve` is given")
    options = parser.parse_args()
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    questions = [row["question"] for row in map(json.loads, lines) if row["split"] == "test"]
    questions = questions[:: options.every]
    binaries = [options.binary, *([options.against] if options.against else [])]
    servers = [Server(binary, options.index, options.arguments) for binary in binaries]
    try:
        for server in servers:
            server.ask(questions[0])
        for _ in range(options.rounds):
            for question in questions:
                for server in servers:
                    first_ms, last_ms = server.ask(question)
                    server.first_ms.append(first_ms)
                    server.last_ms.append(last_ms)
    finally:
        for server in servers:
            server.end()
    print(f"{len(questions)} questions, {options.rounds} rounds; milliseconds\n")
    print("| | first byte p50 | p95 | last byte p50 | p95 |\n|---|---|---|---|---|")
    for binary, server in zip(binaries, servers):
        figures = [percentile(times, share) for times in (server.first_ms, server.last_ms) for share in (0.5, 0.95)]
        print(f"| {Path(binary).name} |", " | ".join(f"{figure:.1f}" for figure in figures), "|")
    if options.against:
        ratios = [a / b for a, b in zip(servers[0].last_ms, servers[1].last_ms)]
        quartiles = statistics.quantiles(ratios, n=4)
        print(f"\nLast byte, first binary over second: median {quartiles[1]:.2f} [{quartiles[0]:.2f}, {quartiles[2]:.2f}]")


if __name__ == "__main__":
    main()
