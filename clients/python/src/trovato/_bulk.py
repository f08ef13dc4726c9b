"""Many changes as the bodies of requests, and the sum of what became of them.

Nothing here does I/O; both clients send the parts that `split` makes one after the other.
Not several at once: a part that is turned away because the queue is full could be
overtaken by the next, and then an older text of a document would be the last one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from trovato.changes import BulkOutcome, BulkProgress, Change, Deletion, Job, JobCounts, JobItem

PART_BYTES = 8 << 20
"""Longest part, unless the server takes less: parts of its whole limit (64 MiB) would be
held in memory on both sides, and show progress late where a server waits for another."""

PART_ITEMS = 10_000
"""Most changes of a part: ten pages of results, a tenth of what may wait in the queue."""


@dataclass(frozen=True, slots=True)
class Part:
    """The body of one request.

    Attributes:
        before: How many changes the parts before it have.
        items: How many it has itself.
    """

    body: bytes
    before: int
    items: int


def body_of(changes: Iterable[Change]) -> bytes:
    """All changes, a line each."""
    return b"".join(_line(change) for change in changes)


def split(changes: Iterable[Change], limits: Mapping[str, int]) -> Iterator[Part]:
    """Parts that a server with these limits takes, in order; reads `changes` as it goes.

    Raises:
        ValueError: A change is too long for any request; the parts before it were given.
    """
    most_bytes = limits.get("write_bytes", PART_BYTES)
    part_bytes = min(PART_BYTES, most_bytes)
    part_items = min(PART_ITEMS, limits.get("queued_writes", PART_ITEMS))
    lines: list[bytes] = []
    before = n_bytes = 0
    for number, change in enumerate(changes, 1):
        line = _line(change)
        if len(line) > most_bytes:
            raise ValueError(
                f"change {number} has {len(line)} bytes as a line of JSON; "
                f"the server takes at most {most_bytes} (its limit write_bytes)"
            )
        if lines and (n_bytes + len(line) > part_bytes or len(lines) == part_items):
            yield Part(b"".join(lines), before, len(lines))
            before += len(lines)
            lines, n_bytes = [], 0
        lines.append(line)
        n_bytes += len(line)
    if lines:
        yield Part(b"".join(lines), before, len(lines))


class Tally:
    """Adds up what became of the parts.

    Args:
        on_progress: Told how far all is whenever a job was asked for.
    """

    def __init__(self, on_progress: Callable[[BulkProgress], object] | None) -> None:
        self._on_progress = on_progress
        self._counts = JobCounts()
        self._jobs: list[str] = []
        self._failures: list[JobItem] = []

    def report(self, job: Job) -> None:
        """Tells how far all is while `job` goes on."""
        if self._on_progress is not None:
            self._on_progress(BulkProgress(self._counts + job.counts, job))

    def fail(self, part: Part, items: Iterable[JobItem]) -> None:
        """Notes what was refused or lost of a part."""
        self._failures.extend(_placed(item, part) for item in items)

    def add(self, job: Job) -> None:
        """Counts a job that is done."""
        self._jobs.append(job.id)
        self._counts += job.counts

    def outcome(self) -> BulkOutcome:
        """All that was counted."""
        return BulkOutcome(self._counts, tuple(self._jobs), tuple(self._failures))


def _placed(item: JobItem, part: Part) -> JobItem:
    # A part has a line for each change and none that is blank.
    return item if item.line is None else replace(item, line=part.before + item.line)


def _line(change: Change) -> bytes:
    value = {"delete": change.id} if isinstance(change, Deletion) else dict(change)
    # Strings escape their line breaks, so a line ends where its value ends.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"
