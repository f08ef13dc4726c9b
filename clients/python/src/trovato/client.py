"""The client for code that waits."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
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


class Client:
    """Talks to a Trovato server; may be shared between threads.

    Connections are kept and used again. Close the client, or use it in a `with`.

    Args:
        base_url: Where the server listens; may have a path, behind a proxy.
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
            headers={**_calls.HEADERS, **(headers or {})},
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
