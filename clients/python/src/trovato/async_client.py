"""The client for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, TypeVar

import httpx

from trovato import _calls
from trovato._answer_stream import ENDED_EARLY, AnswerStream
from trovato.answers import Answer, AnswerEvent, AnswerOptions
from trovato.documents import Catalog, Document
from trovato.errors import (
    NotReady,
    TransportError,
    TrovatoError,
    Unavailable,
    UnexpectedResponse,
    check_status,
    told_as_ours,
)
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
        base_url, timeout_s, retry, max_connections, headers: As of `Client`.
        transport: Replaces the network, in tests.
    """

    def __init__(
        self,
        base_url: str = _calls.DEFAULT_URL,
        *,
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
            headers={**_calls.HEADERS, **(headers or {})},
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
