"""Changes to documents: what is asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeAlias

from trovato._json import JsonObject


@dataclass(frozen=True, slots=True)
class Deletion:
    """In a bulk request: the document of this id is to go."""

    id: str


Record: TypeAlias = Mapping[str, object]
"""In a bulk request: a document, `{"id", "title", "text", ...}`; the rest is its metadata."""

Change: TypeAlias = "Record | Deletion"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a document that was put or deleted: it is on the server's disk.

    Attributes:
        document: Its id.
        result: `created`, `replaced`, `unchanged` or `deleted`.
        chunks: Its passages, where they were made anew.
        generation: The commit from which on searches see it.
    """

    document: str
    collection: str
    result: str
    chunks: int | None
    generation: int


@dataclass(frozen=True, slots=True)
class JobItem:
    """What became of one change of a job.

    Attributes:
        line: Its line in the request, from 1; `None` for a request about one document.
        document: Its id; empty where the line names none.
        result: `created`, `replaced`, `unchanged`, `deleted`, `not_found`, `refused` (it
            cannot be indexed), `lost` (send it again) or `pending`.
        chunks: Passages of the document as it is now, where they were made anew.
        reason: Why it was refused or lost.
    """

    line: int | None
    document: str
    result: str
    chunks: int | None
    reason: str | None

    @property
    def failed(self) -> bool:
        """Whether it was refused or lost."""
        return self.result in ("refused", "lost")


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Items of a job, or of several, by what became of them; what is settled is on the disk."""

    items: int = 0
    settled: int = 0
    created: int = 0
    replaced: int = 0
    unchanged: int = 0
    deleted: int = 0
    not_found: int = 0
    refused: int = 0
    lost: int = 0

    @property
    def failed(self) -> int:
        """Those that were refused or lost."""
        return self.refused + self.lost

    def __add__(self, other: JobCounts) -> JobCounts:
        names = (each.name for each in fields(self))
        return JobCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Job:
    """Changes that were asked for together, and how far they are.

    Attributes:
        id: Its name. A server remembers its latest thousand jobs until it ends.
        state: `queued`, `waiting` (another process writes the index), `running` or `done`.
        waiting_for: The process that is waited for.
        received: When it was accepted, RFC 3339 in UTC; `ended`: when it was done.
        generation: The commit that holds what is settled.
        items: A thousand at most, where they were asked for, in the order of the request.
    """

    id: str
    collection: str
    state: str
    waiting_for: str | None
    received: str
    ended: str | None
    generation: int | None
    counts: JobCounts
    items: tuple[JobItem, ...] | None

    @property
    def done(self) -> bool:
        """Whether every item has a result."""
        return self.state == "done"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """How far `bulk_all` is.

    Attributes:
        counts: Of all that was sent until now.
        job: The one that is waited for.
    """

    counts: JobCounts
    job: Job


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of all changes of `bulk_all`.

    Attributes:
        jobs: The names of the jobs, in the order of the changes.
        failures: What was refused or lost; `line` counts all changes from 1.
    """

    counts: JobCounts = JobCounts()
    jobs: tuple[str, ...] = ()
    failures: tuple[JobItem, ...] = field(default=(), repr=False)


def read_written_or_job(source: JsonObject) -> Written | Job:
    """Reads the response to a change of one document: 202 brings a job."""
    if source.maybe_text("job") is not None:
        return read_job(source)
    return Written(
        document=source.text("document"),
        collection=source.text("collection"),
        result=source.text("result"),
        chunks=source.maybe_integer("chunks"),
        generation=source.integer("generation"),
    )


def read_jobs(source: JsonObject) -> tuple[Job, ...]:
    """Reads the response to `GET /v1/jobs`."""
    return source.objects("jobs", read_job)


def read_job(source: JsonObject) -> Job:
    """Reads the response to `GET /v1/jobs/ID` or `POST /v1/bulk`."""
    return Job(
        id=source.text("job"),
        collection=source.text("collection"),
        state=source.text("state"),
        waiting_for=source.maybe_text("waiting_for"),
        received=source.text("received"),
        ended=source.maybe_text("ended"),
        generation=source.maybe_integer("generation"),
        counts=source.inner("counts", _read_counts),
        items=source.maybe_objects("items", _read_item),
    )


def _read_counts(source: JsonObject) -> JobCounts:
    return JobCounts(**{each.name: source.integer(each.name) for each in fields(JobCounts)})


def _read_item(source: JsonObject) -> JobItem:
    return JobItem(
        line=source.maybe_integer("line"),
        document=source.text("document"),
        result=source.text("result"),
        chunks=source.maybe_integer("chunks"),
        reason=source.maybe_text("reason"),
    )
