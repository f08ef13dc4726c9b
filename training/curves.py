"""Draws loss and dev MRR of runs into one picture.

python curves.py RUN [RUN ...] --to curves.svg
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt  # the backend is chosen first

SMOOTHING = 5


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def running_mean(values: list[float], width: int) -> list[float]:
    return [sum(values[max(0, i - width + 1) : i + 1]) / min(i + 1, width) for i in range(len(values))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for run in args.runs:
        logged = rows(run / "loss.csv")
        steps, loss = [int(r["step"]) for r in logged], [float(r["loss"]) for r in logged]
        left.plot(steps, running_mean(loss, SMOOTHING), label=run.name)
        dev = rows(run / "dev.csv") if (run / "dev.csv").exists() else []
        for source in sorted({r["source"] for r in dev}):
            # The last evaluation is of all queries, those before of a part; the part's stay comparable.
            mrr = {int(r["step"]): float(r["MRR"]) for r in reversed(dev) if r["source"] == source}
            points = sorted(mrr.items())
            style = {"linewidth": 2.2} if source == "all" else {"linewidth": 0.8, "alpha": 0.7}
            right.plot(*zip(*points, strict=True), marker=".", label=f"{run.name} {source}", **style)
    left.set(xlabel="step", ylabel="training loss")
    right.set(xlabel="step", ylabel="dev MRR")
    left.legend(fontsize=7)
    right.legend(fontsize=6, ncols=2)
    figure.savefig(args.to)


if __name__ == "__main__":
    main()
