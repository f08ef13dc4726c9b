"""The client for code that waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import httpx

from trovato import _calls
from trovato._answer_stream import ENDED_EARLY, AnswerStream
from trovato._bulk import Tally, split
from trovato.answers import Answer, AnswerEvent, AnswerOptions
from trovato.changes import (
    BulkOutcome,
    BulkProgress,
    Change,
    Job,
    JobItem,
    Written,
)
from trovato.documents import Catalog, Document
from trovato.errors import (
    NotReady,
    TransportError,
    TrovatoError,
    Unavailable,
    UnexpectedResponse,
    WritesQueued,
    check_status,
    told_as_ours,
)
from trovato.fields import FieldValue
from trovato.retry import RetryPolicy
from trovato.search import SearchOptions, SearchOutcome
from trovato.spans import Span

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

T = TypeVar("T")


class Client:
    """Talks to a Trovato server; may be shared between threads.

    Connections are kept and used again. Close the client, or use it in a `with`.

    Args:
        base_url: Where the server listens; may have a path, behind a proxy.
        api_key: Sent as `Authorization: Bearer KEY`; for servers that ask for one.
        timeout_s: Longest wait for a connection that is free, and for the next bytes of
            a response. The default is above the 30 s the server itself gives a request.
        retry: When a request is sent again.
        max_connections: Most requests under way at once; further ones wait.
        headers: Sent with every request, a proxy's credentials for instance.
        transport: Replaces the network, in tests.

    Every method that asks the server raises:
        ApiError: The server refused; its subclasses say what can be done.
        TransportError: No response arrived.
        UnexpectedResponse: The response is not of this API.
    """

    def __init__(
        self,
        base_url: str = _calls.DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout_s: float = _calls.DEFAULT_TIMEOUT_S,
        retry: RetryPolicy = _calls.DEFAULT_RETRY,
        max_connections: int = _calls.DEFAULT_CONNECTIONS,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retry = retry
        self._http = httpx.Client(
            base_url=base_url,
            timeout=_calls.timeouts(timeout_s),
            limits=_calls.pool_limits(max_connections),
            headers=_calls.headers(headers, api_key),
            transport=transport,
        )

    def search(self, query: str, **options: Unpack[SearchOptions]) -> SearchOutcome:
        """Finds the passages that answer a query; `SearchOptions` tells the parameters."""
        return self._send(_calls.search(query, options))

    def document(
        self, id: str, span: Span | None = None, *, collection: str | None = None
    ) -> Document:
        """Reads a document, with `span` marked; of a long one, the part around it."""
        return self._send(_calls.document(id, span, collection))

    def put(
        self,
        id: str,
        content: str | bytes,
        *,
        media_type: str | None = None,
        title: str | None = None,
        fields: Mapping[str, FieldValue] | None = None,
        collection: str | None = None,
        wait: bool = True,
    ) -> Written | Job:
        """Adds a document, or replaces the one of this id.

        Args:
            content: Markdown, HTML, text, PDF or DOCX, as `media_type` says; without it
                as the extension of `id` says. With `fields` it is the text of a record.
            title: Of a document that has none itself.
            fields: Metadata; only with a `str`, and without a media type.
            wait: Whether to be answered once it is on the disk and found by searches.

        Returns:
            `Written`; or its `Job`, which `wait_for_job` waits for, if it could not be
            written within the time of a request, or `wait` is false.

        Raises:
            DocumentRefused: It cannot be indexed.
            ReadOnly: The collection takes no changes.
            WritesQueued: The queue is still full after the repetitions.
        """
        call = _calls.put(
            id,
            content,
            media_type=media_type,
            title=title,
            fields=fields,
            collection=collection,
            wait=wait,
        )
        return self._send(call)

    def delete(self, id: str, *, collection: str | None = None, wait: bool = True) -> Written | Job:
        """Deletes a document; returns and waits as `put` does.

        Raises:
            NotFound: There is no such document, or an attempt whose connection broke
                has already deleted it.
        """
        return self._send(_calls.delete(id, collection=collection, wait=wait))

    def bulk(
        self, changes: Iterable[Change], *, collection: str | None = None, wait: bool = False
    ) -> Job:
        """Sends records and deletions in one request; what is refused stops none of the rest.

        Args:
            changes: Applied in their order. For more than a request may hold, `bulk_all`.
            wait: Whether to be answered with all items once the job is done, if that is
                within the time of a request.
        """
        return self._send(_calls.bulk(changes, collection=collection, wait=wait))

    def bulk_all(
        self,
        changes: Iterable[Change],
        *,
        collection: str | None = None,
        timeout_s: float = _calls.DEFAULT_JOB_S,
        on_progress: Callable[[BulkProgress], object] | None = None,
    ) -> BulkOutcome:
        """Sends any number of records and deletions, in requests one after the other.

        If it fails in the middle, everything may be sent again: what is there already
        is `unchanged`, and costs little.

        Args:
            changes: Read as they are sent, and applied in their order.
            timeout_s: Longest wait for a place in the queue, and for each job.
            on_progress: Called whenever a job was asked for; must not take long.

        Raises:
            JobUnfinished: A job took longer than `timeout_s`.
            NotFound: The server ended while a job was under way.
            ValueError: A change is too long for any request; the parts before it were sent.
        """
        tally = Tally(on_progress)
        for part in split(changes, self.collections().limits):
            call = _calls.bulk(part.body, collection=collection)
            queued = self._queue(call, timeout_s)
            done = self._follow(queued.id, timeout_s, tally.report)
            if done.counts.failed:
                tally.fail(part, [item for item in self.job_items(done.id) if item.failed])
            tally.add(done)
        return tally.outcome()

    def job(self, id: str, start: int = 0) -> Job:
        """How far a job is, with a thousand of its items from the place `start` on."""
        return self._send(_calls.job(id, start))

    def jobs(self) -> tuple[Job, ...]:
        """The latest jobs, newest first, a hundred at most; without their items."""
        return self._send(_calls.jobs())

    def job_items(self, id: str) -> Generator[JobItem, None, None]:
        """All items of a job, which are asked for a thousand at a time."""
        start = 0
        while items := self.job(id, start).items:
            yield from items
            start += len(items)

    def wait_for_job(self, job: Job | str, timeout_s: float = _calls.DEFAULT_JOB_S) -> Job:
        """Returns a job, or the one of this name, once it is done, with its first items.

        Raises:
            JobUnfinished: It was not within `timeout_s`.
            NotFound: The server does not remember it, or was started anew.
        """
        id = job if isinstance(job, str) else job.id
        self._follow(id, timeout_s, lambda _: None)
        return self.job(id)

    def collections(self) -> Catalog:
        """What the server holds, and its limits."""
        return self._send(_calls.collections())

    def answer(self, question: str, **options: Unpack[AnswerOptions]) -> Answer:
        """Answers a question with citations; `AnswerOptions` tells the parameters."""
        return self._send(_calls.answer(question, options))

    def stream_answer(
        self, question: str, **options: Unpack[AnswerOptions]
    ) -> Generator[AnswerEvent, None, None]:
        """Answers a question piece by piece: `Retrieval`, some `Token`, the `Answer`.

        The request is sent when the first event is asked for. Who stops before the
        `Answer` closes the generator (`contextlib.closing`), which ends the request.
        """
        response = self._respond(_calls.answer(question, options, stream=True), stream=True)
        try:
            stream = AnswerStream(response)
            with told_as_ours():
                for received in response.iter_bytes():
                    yield from stream.feed(received)
                    if stream.complete:
                        return
            raise UnexpectedResponse(ENDED_EARLY)
        finally:
            response.close()

    def ready(self) -> bool:
        """Whether the server can be reached and has opened its indexes."""
        try:
            self._attempt(_calls.ready())
        except (TransportError, Unavailable):
            return False
        return True

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Returns once the server is ready.

        Raises:
            NotReady: It was not within `timeout_s`.
        """
        end = time.monotonic() + timeout_s
        while True:
            left_s = max(end - time.monotonic(), _calls.POLL_S)
            try:
                self._attempt(_calls.ready(), timeout_s=left_s)
                return
            except (TransportError, Unavailable) as error:
                if time.monotonic() + _calls.POLL_S > end:
                    raise NotReady(f"not ready within {timeout_s} s: {error}") from error
            time.sleep(_calls.POLL_S)

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _queue(self, call: _calls.Call[Job], timeout_s: float) -> Job:
        """Sends changes until there is room for them in the queue."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                return self._send(call)
            except WritesQueued as error:
                wait_s = error.retry_after or _calls.LONGEST_POLL_S
                if time.monotonic() + wait_s > end:
                    raise
            time.sleep(wait_s)

    def _follow(self, id: str, timeout_s: float, seen: Callable[[Job], object]) -> Job:
        """Asks for a job until it is done; it comes without items."""
        for wait_s in _calls.polls_s(timeout_s):
            job = self._send(_calls.job_progress(id))
            seen(job)
            if job.done:
                return job
            time.sleep(wait_s)
        raise _calls.unfinished(job, timeout_s)

    def _send(self, call: _calls.Call[T]) -> T:
        return call.result(self._respond(call))

    def _respond(self, call: _calls.Call[T], *, stream: bool = False) -> httpx.Response:
        attempt = 0
        while True:
            try:
                return self._attempt(call, stream=stream)
            except TrovatoError as error:
                wait_s = self._retry.wait_s(error, attempt=attempt, repeatable=call.repeatable)
                if wait_s is None:
                    raise
            attempt += 1
            time.sleep(wait_s)

    def _attempt(
        self, call: _calls.Call[T], *, stream: bool = False, timeout_s: float | None = None
    ) -> httpx.Response:
        request = call.request(self._http, timeout_s)
        with told_as_ours():
            response = self._http.send(request, stream=stream)
            if not response.is_success:
                response.read()
        check_status(response)
        return response
