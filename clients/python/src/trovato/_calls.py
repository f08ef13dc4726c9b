"""What each method of the clients sends, and how it reads what comes back.

Nothing here does I/O: `Client` and `AsyncClient` differ in how they send a call and in
nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from trovato._bulk import body_of
from trovato._json import JsonObject
from trovato._version import __version__
from trovato.answers import Answer, AnswerOptions, read_answer
from trovato.changes import Change, Job, Written, read_job, read_jobs, read_written_or_job
from trovato.documents import Catalog, Document, read_catalog, read_document
from trovato.errors import JobUnfinished, UnexpectedResponse
from trovato.fields import FieldValue
from trovato.retry import RetryPolicy
from trovato.search import SearchOptions, SearchOutcome, read_outcome
from trovato.spans import Span

T = TypeVar("T")

HEADERS = {"User-Agent": f"trovato-python/{__version__}"}

DEFAULT_URL = "http://127.0.0.1:7700"
DEFAULT_TIMEOUT_S = 35.0
DEFAULT_CONNECTIONS = 32
DEFAULT_RETRY = RetryPolicy()

POLL_S = 0.1
"""How often a server that starts is asked whether it is ready."""

LONGEST_POLL_S = 1.0
"""How often a job is asked for that takes long; a short one is asked for sooner."""

DEFAULT_JOB_S = 600.0

_EXTRACTIVE = "extractive"

_NDJSON = "application/x-ndjson"

# A job is asked for from this place on where its items are not of interest: the largest
# place there is, which no job reaches.
_PAST_ALL_ITEMS = 2**32 - 1

# What a record says itself; everything else in it is metadata.
_OF_RECORDS = ("id", "_id", "title", "text")

# The server ends a connection that has been idle for 5 s; one that is about to be ended
# must not be chosen for the next request.
_KEEPALIVE_S = 4.0
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how its response is read.

    Attributes:
        body: Sent as JSON.
        content: Sent as it is, in place of a body.
        content_type: Of the content.
        repeatable: Whether the server may do the work twice.
    """

    method: str
    path: str
    read: Callable[[JsonObject], T]
    params: Mapping[str, str | int] | None = None
    body: Mapping[str, object] | None = None
    content: bytes | None = None
    content_type: str | None = None
    repeatable: bool = True

    def request(
        self, http: httpx.Client | httpx.AsyncClient, timeout_s: float | None
    ) -> httpx.Request:
        """The request; `timeout_s` instead of the client's own where it is given."""
        timeout = http.timeout if timeout_s is None else timeouts(timeout_s)
        return http.build_request(
            self.method,
            self.path,
            params=self.params,
            json=self.body,
            content=self.content,
            headers=_given({"Content-Type": self.content_type}),
            timeout=timeout,
        )

    def result(self, response: httpx.Response) -> T:
        """What a successful response holds; its body must have been read.

        Raises:
            UnexpectedResponse: The body is not what the API promises.
        """
        try:
            body = response.json()
        except ValueError as error:
            raise UnexpectedResponse(f"{self.method} {self.path}: no JSON: {error}") from error
        return self.read(JsonObject(body))


def search(query: str, options: SearchOptions) -> Call[SearchOutcome]:
    """`POST /v1/search`."""
    body = _given({"query": query, **options})
    if "vector" in body:
        # Arrays of numpy are sequences of numbers that JSON does not know.
        body["vector"] = [float(component) for component in body["vector"]]
    return Call("POST", "/v1/search", read_outcome, body=body)


def answer(question: str, options: AnswerOptions, *, stream: bool = False) -> Call[Answer]:
    """`POST /v1/answer`; with `stream` the response is an event stream."""
    body = _given({"question": question, **options})
    if "history" in body:
        body["history"] = [asdict(turn) for turn in body["history"]]
    if stream:
        body["stream"] = True
    # What a language model answers costs money each time.
    repeatable = body.get("model", _EXTRACTIVE) == _EXTRACTIVE
    return Call("POST", "/v1/answer", read_answer, body=body, repeatable=repeatable)


def document(id: str, span: Span | None, collection: str | None) -> Call[Document]:
    """`GET /v1/documents/ID`."""
    params = _given({"collection": collection})
    if span is not None:
        params |= {"start": span.start, "end": span.end}
    return Call("GET", _document_path(id), read_document, params=params)


# Changes may be repeated, like searches. A document that is put twice is the same
# document, and the second time `unchanged`; one that is deleted twice is gone; the lines
# of a bulk request are such changes in their order, so that all of them once more end as
# they ended before. What a repetition may change is what is told: `unchanged` where
# `created` was lost with the connection, `NotFound` where a deletion had worked already.
# And what somebody else wrote between both is overwritten, as by a request that was slow.
# Rejected: not repeating. Callers would send the same again, and not as patiently.


def put(
    id: str,
    content: str | bytes,
    *,
    media_type: str | None,
    title: str | None,
    fields: Mapping[str, FieldValue] | None,
    collection: str | None,
    wait: bool,
) -> Call[Written | Job]:
    """`PUT /v1/documents/ID`; with `fields` as a record of JSON.

    Raises:
        ValueError: `fields` cannot travel with such a content, or hides a part of it.
    """
    path, params = _document_path(id), _where(collection, None if wait else False)
    if fields is None:
        return Call(
            "PUT",
            path,
            read_written_or_job,
            params=params | _given({"title": title}),
            content=content.encode() if isinstance(content, str) else content,
            content_type=media_type,
        )
    if media_type is not None or not isinstance(content, str):
        raise ValueError(
            "fields travel in a record, whose text is a str without a media type; "
            "leave out the fields, or give the text of the document"
        )
    hidden = [name for name in _OF_RECORDS if name in fields]
    if hidden:
        raise ValueError(f"fields has {hidden[0]!r}, which says something else in a record")
    record = {**_given({"title": title}), "text": content, **fields}
    return Call("PUT", path, read_written_or_job, params=params, body=record)


def delete(id: str, *, collection: str | None, wait: bool) -> Call[Written | Job]:
    """`DELETE /v1/documents/ID`."""
    params = _where(collection, None if wait else False)
    return Call("DELETE", _document_path(id), read_written_or_job, params=params)


def bulk(
    changes: Iterable[Change] | bytes, *, collection: str | None, wait: bool = False
) -> Call[Job]:
    """`POST /v1/bulk` with these changes, or with a body that was made of some."""
    return Call(
        "POST",
        "/v1/bulk",
        read_job,
        params=_where(collection, True if wait else None),
        content=changes if isinstance(changes, bytes) else body_of(changes),
        content_type=_NDJSON,
    )


def job(id: str, start: int) -> Call[Job]:
    """`GET /v1/jobs/ID`, with the items from the place `start` on."""
    params = {"from": start} if start else None
    return Call("GET", f"/v1/jobs/{quote(id, safe='')}", read_job, params=params)


def job_progress(id: str) -> Call[Job]:
    """`GET /v1/jobs/ID`, without items."""
    return job(id, _PAST_ALL_ITEMS)


def jobs() -> Call[tuple[Job, ...]]:
    """`GET /v1/jobs`."""
    return Call("GET", "/v1/jobs", read_jobs)


def collections() -> Call[Catalog]:
    """`GET /v1/collections`."""
    return Call("GET", "/v1/collections", read_catalog)


def ready() -> Call[str]:
    """`GET /readyz`."""
    return Call("GET", "/readyz", lambda source: source.text("status"))


def polls_s(timeout_s: float) -> Iterator[float]:
    """How long to wait after each poll; at least one, the last when the time is over."""
    end = time.monotonic() + timeout_s
    wait_s = POLL_S / 2
    while True:
        left_s = end - time.monotonic()
        yield max(min(wait_s, left_s), 0.0)
        if left_s <= 0:
            return
        wait_s = min(2 * wait_s, LONGEST_POLL_S)


def unfinished(job: Job, timeout_s: float) -> JobUnfinished:
    """That a job was not done in time."""
    who = f", waiting for {job.waiting_for}" if job.waiting_for else ""
    counts = job.counts
    return JobUnfinished(
        f"job {job.id} was not done within {timeout_s} s: {job.state}{who}, "
        f"{counts.settled} of {counts.items} settled",
        job=job,
    )


def headers(given: Mapping[str, str] | None, api_key: str | None) -> dict[str, str]:
    """What is sent with every request.

    Raises:
        ValueError: The key cannot be sent, or `given` has one as well. The key itself is
            not in the message, which may be logged.
    """
    all_headers = {**HEADERS, **(given or {})}
    if api_key is None:
        return all_headers
    # Told here: httpx would quote the whole header in its complaint.
    wrong = next((at for at, char in enumerate(api_key) if not "!" <= char <= "~"), None)
    if wrong is not None or not api_key:
        what = "is empty" if wrong is None else f"has a blank or odd character at place {wrong}"
        raise ValueError(f"api_key {what}; was a line break read with it?")
    if any(name.lower() == "authorization" for name in all_headers):
        raise ValueError("headers has an Authorization beside api_key; give one of them")
    return {**all_headers, "Authorization": f"Bearer {api_key}"}


def pool_limits(max_connections: int) -> httpx.Limits:
    """How many connections there are, and how long an idle one is kept."""
    return httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=_KEEPALIVE_S,
    )


def timeouts(timeout_s: float) -> httpx.Timeout:
    """`timeout_s` for every wait, except that a connection must be there within 5 s."""
    return httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))


def _document_path(id: str) -> str:
    return f"/v1/documents/{quote(id, safe='')}"


def _where(collection: str | None, wait: bool | None) -> dict[str, str]:
    return _given({"collection": collection, "wait": wait if wait is None else str(wait).lower()})


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
