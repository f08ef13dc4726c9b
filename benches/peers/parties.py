"""Parties of a comparison: one process each, the same commands to all.

A party reads a JSON object a line and answers with one. Each times its own
calls, around the call alone. Processor time and resident memory are read from
outside, from /proc, the same way for all.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class PartyError(RuntimeError):
    """A party answered a command with an error, or not at all."""


class Party:
    """A running party."""

    def __init__(self, name, argv):
        self.name = name
        # One thread unless a command says otherwise: BLAS and OpenMP would take all.
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RUST_LOG": "error"}
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def ask(self, **command):
        """The answer to a command."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise PartyError(f"{self.name}: ended at {command}")
        answer = json.loads(line)
        if "error" in answer:
            raise PartyError(f"{self.name}: {answer['error']}")
        return answer

    def cpu_seconds(self):
        """User and system time of all its threads so far, children that ended included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS

    def resident_mib(self):
        """Pages in memory, mapped files included."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return float("nan")

    def close(self):
        """Ends the process in order."""
        self.process.stdin.close()
        self.process.wait(timeout=60)


def serve(answer):
    """A party's side: answers every line of standard input by `answer(command)`."""
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - told to who asked, whatever it is
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


def one_by_one(n, search):
    """Times `search(at)` for each query; what `Round::one_by_one` is in Rust."""
    micros, found = [], []
    started = time.perf_counter()
    for at in range(n):
        called = time.perf_counter_ns()
        ids = search(at)
        micros.append((time.perf_counter_ns() - called) / 1000)
        found.append(ids)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "micros": micros, "found": [[int(i) for i in ids] for ids in found]}


def percentile(values, share):
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values):
    """Median with the least and the greatest: what a handful of rounds can say."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def machine():
    """Processor, cores and memory, for the head of a table."""
    cpu = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / (1 << 20)
    return f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
