#!/usr/bin/env python3
"""What a thousand questions cost: processor time, latency, tokens, by configuration.

    benches/cost_per_thousand.py BINARY INDEX [--vcpu-hour 0.04] [--rounds 3]

INDEX is one over the Rust documentation (`trovato demo` makes one). For each configuration
a server is started on a loopback address and asked the test questions over it, one after
another; its processor time is read from /proc, so that what else the machine does changes
the latency and not the cost. `--vcpu-hour` is the price of a core for an hour, in whatever
currency. Nothing is cached, but for the last rows, which ask each question twice. Tokens of
an answer's context are what a language model would be sent, counted by the server; its
price is the provider's, so the table gives tokens and leaves the multiplication to the
reader. Prints Markdown.
"""

import argparse
import http.client
import json
import os
import subprocess
import time
from pathlib import Path

QUESTIONS = Path(__file__).resolve().parent.parent / "corpora/rust-docs/questions.jsonl"
TICKS = os.sysconf("SC_CLK_TCK")

CONFIGURATIONS = [
    ("search by words", ["--cache-mib", "0"], "/v1/search", {"strategy": "lexical"}),
    ("search, both legs (default)", ["--cache-mib", "0"], "/v1/search", {}),
    ("search, reranked", ["--cache-mib", "0", "--rerank", "default"], "/v1/search", {}),
    ("answer in the documents' sentences", ["--cache-mib", "0"], "/v1/answer", {}),
    ("the same, reranked", ["--cache-mib", "0", "--rerank", "default"], "/v1/answer", {}),
    ("search, both legs, every question twice", ["--cache-mib", "64"], "/v1/search", {}),
    ("answer, every question twice", ["--cache-mib", "64"], "/v1/answer", {}),
]


class Server:
    """A binary that serves an index."""

    def __init__(self, binary, index, arguments):
        command = [binary, "serve", "--index", f"rust={index}", "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise SystemExit(f"{binary} does not serve: {line!r}")
        self.connection = http.client.HTTPConnection(line.split("http://")[1].split()[0], timeout=120)

    def cpu_seconds(self):
        # The name in parentheses may hold blanks; what follows it may not.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def ask(self, path, question, options):
        name = "query" if path == "/v1/search" else "question"
        body = json.dumps({name: question, **options})
        started = time.perf_counter()
        self.connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise SystemExit(f"{question!r} was not answered: {answer}")
        return (time.perf_counter() - started) * 1e3, answer

    def end(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait(timeout=60)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measured(options, arguments, path, request, questions):
    server = Server(options.binary, options.index, arguments)
    try:
        # The first question of a process pays for pages and pools.
        server.ask(path, "warm up", request)
        before, times, tokens = server.cpu_seconds(), [], []
        for question in questions:
            took, answer = server.ask(path, question, request)
            times.append(took)
            context = answer.get("context", {}).get("tokens")
            tokens += [context] if context is not None else []
        return server.cpu_seconds() - before, times, tokens
    finally:
        server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("index")
    parser.add_argument("--vcpu-hour", type=float, default=0.04, help="price of a core for an hour")
    parser.add_argument("--rounds", type=int, default=3, help="times all questions are asked, by servers of their own")
    options = parser.parse_args()
    lines = map(json.loads, QUESTIONS.read_text(encoding="utf-8").splitlines())
    once = [line["question"] for line in lines if line["split"] == "test"]
    print(f"{len(once)} questions, {options.rounds} rounds; {options.vcpu_hour:g} for a core and hour\n")
    print("| | CPU s for 1,000 | cost of 1,000 | p50 ms | p95 ms | context tokens |\n|---|---|---|---|---|---|")
    for name, arguments, path, request in CONFIGURATIONS:
        questions = [question for question in once for _ in range(2)] if "twice" in name else once
        cpu, times, tokens = 0.0, [], []
        for _ in range(options.rounds):
            spent, took, context = measured(options, arguments, path, request, questions)
            cpu, times, tokens = cpu + spent, times + took, tokens + context
        thousand = cpu / len(times) * 1000
        cost = thousand / 3600 * options.vcpu_hour
        mean = f"{sum(tokens) / len(tokens):.0f}" if tokens else ""
        print(
            f"| {name} | {thousand:.1f} | {cost:.6f} | {percentile(times, 0.5):.1f} | {percentile(times, 0.95):.1f} | {mean} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
