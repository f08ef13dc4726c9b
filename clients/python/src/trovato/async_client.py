"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
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


class AsyncClient:
    """`Client` with the same methods, to be awaited.

    Belongs to the event loop it is first used in. Close it with `aclose`, or use it in
    an `async with`.

    Args:
        base_url, api_key, timeout_s, retry, max_connections, headers: As of `Client`.
        transport: Replaces the network, in tests.
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
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retry = retry
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=_calls.timeouts(timeout_s),
            limits=_calls.pool_limits(max_connections),
            headers=_calls.headers(headers, api_key),
            transport=transport,
        )

    async def search(self, query: str, **options: Unpack[SearchOptions]) -> SearchOutcome:
        """Finds the passages that answer a query; `SearchOptions` tells the parameters."""
        return await self._send(_calls.search(query, options))

    async def document(
        self, id: str, span: Span | None = None, *, collection: str | None = None
    ) -> Document:
        """Reads a document, with `span` marked; of a long one, the part around it."""
        return await self._send(_calls.document(id, span, collection))

    async def put(
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
        return await self._send(call)

    async def delete(
        self, id: str, *, collection: str | None = None, wait: bool = True
    ) -> Written | Job:
        """Deletes a document; returns and waits as `put` does.

        Raises:
            NotFound: There is no such document, or an attempt whose connection broke
                has already deleted it.
        """
        return await self._send(_calls.delete(id, collection=collection, wait=wait))

    async def bulk(
        self, changes: Iterable[Change], *, collection: str | None = None, wait: bool = False
    ) -> Job:
        """Sends records and deletions in one request; what is refused stops none of the rest.

        Args:
            changes: Applied in their order. For more than a request may hold, `bulk_all`.
            wait: Whether to be answered with all items once the job is done, if that is
                within the time of a request.
        """
        return await self._send(_calls.bulk(changes, collection=collection, wait=wait))

    async def bulk_all(
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
        for part in split(changes, (await self.collections()).limits):
            call = _calls.bulk(part.body, collection=collection)
            queued = await self._queue(call, timeout_s)
            done = await self._follow(queued.id, timeout_s, tally.report)
            if done.counts.failed:
                tally.fail(part, [item async for item in self.job_items(done.id) if item.failed])
            tally.add(done)
        return tally.outcome()

    async def job(self, id: str, start: int = 0) -> Job:
        """How far a job is, with a thousand of its items from the place `start` on."""
        return await self._send(_calls.job(id, start))

    async def jobs(self) -> tuple[Job, ...]:
        """The latest jobs, newest first, a hundred at most; without their items."""
        return await self._send(_calls.jobs())

    async def job_items(self, id: str) -> AsyncGenerator[JobItem, None]:
        """All items of a job, which are asked for a thousand at a time."""
        start = 0
        while items := (await self.job(id, start)).items:
            for item in items:
                yield item
            start += len(items)

    async def wait_for_job(self, job: Job | str, timeout_s: float = _calls.DEFAULT_JOB_S) -> Job:
        """Returns a job, or the one of this name, once it is done, with its first items.

        Raises:
            JobUnfinished: It was not within `timeout_s`.
            NotFound: The server does not remember it, or was started anew.
        """
        id = job if isinstance(job, str) else job.id
        await self._follow(id, timeout_s, lambda _: None)
        return await self.job(id)

    async def collections(self) -> Catalog:
        """What the server holds, and its limits."""
        return await self._send(_calls.collections())

    async def answer(self, question: str, **options: Unpack[AnswerOptions]) -> Answer:
        """Answers a question with citations; `AnswerOptions` tells the parameters."""
        return await self._send(_calls.answer(question, options))

    async def stream_answer(
        self, question: str, **options: Unpack[AnswerOptions]
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Answers a question piece by piece: `Retrieval`, some `Token`, the `Answer`.

        The request is sent when the first event is asked for. Who stops before the
        `Answer` closes the generator (`contextlib.aclosing`), which ends the request.
        """
        call = _calls.answer(question, options, stream=True)
        response = await self._respond(call, stream=True)
        try:
            stream = AnswerStream(response)
            with told_as_ours():
                async for received in response.aiter_bytes():
                    for event in stream.feed(received):
                        yield event
                    if stream.complete:
                        return
            raise UnexpectedResponse(ENDED_EARLY)
        finally:
            await response.aclose()

    async def ready(self) -> bool:
        """Whether the server can be reached and has opened its indexes."""
        try:
            await self._attempt(_calls.ready())
        except (TransportError, Unavailable):
            return False
        return True

    async def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Returns once the server is ready.

        Raises:
            NotReady: It was not within `timeout_s`.
        """
        end = time.monotonic() + timeout_s
        while True:
            left_s = max(end - time.monotonic(), _calls.POLL_S)
            try:
                await self._attempt(_calls.ready(), timeout_s=left_s)
                return
            except (TransportError, Unavailable) as error:
                if time.monotonic() + _calls.POLL_S > end:
                    raise NotReady(f"not ready within {timeout_s} s: {error}") from error
            await asyncio.sleep(_calls.POLL_S)

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _queue(self, call: _calls.Call[Job], timeout_s: float) -> Job:
        """Sends changes until there is room for them in the queue."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                return await self._send(call)
            except WritesQueued as error:
                wait_s = error.retry_after or _calls.LONGEST_POLL_S
                if time.monotonic() + wait_s > end:
                    raise
            await asyncio.sleep(wait_s)

    async def _follow(self, id: str, timeout_s: float, seen: Callable[[Job], object]) -> Job:
        """Asks for a job until it is done; it comes without items."""
        for wait_s in _calls.polls_s(timeout_s):
            job = await self._send(_calls.job_progress(id))
            seen(job)
            if job.done:
                return job
            await asyncio.sleep(wait_s)
        raise _calls.unfinished(job, timeout_s)

    async def _send(self, call: _calls.Call[T]) -> T:
        return call.result(await self._respond(call))

    async def _respond(self, call: _calls.Call[T], *, stream: bool = False) -> httpx.Response:
        attempt = 0
        while True:
            try:
                return await self._attempt(call, stream=stream)
            except TrovatoError as error:
                wait_s = self._retry.wait_s(error, attempt=attempt, repeatable=call.repeatable)
                if wait_s is None:
                    raise
            attempt += 1
            await asyncio.sleep(wait_s)

    async def _attempt(
        self, call: _calls.Call[T], *, stream: bool = False, timeout_s: float | None = None
    ) -> httpx.Response:
        request = call.request(self._http, timeout_s)
        with told_as_ours():
            response = await self._http.send(request, stream=stream)
            if not response.is_success:
                await response.aread()
        check_status(response)
        return response
