"""What each method of the clients sends, and how it reads what comes back.

Nothing here does I/O: `Client` and `AsyncClient` differ in how they send a call and in
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from trovato._json import JsonObject
from trovato._version import __version__
from trovato.answers import Answer, AnswerOptions, read_answer
from trovato.documents import Catalog, Document, read_catalog, read_document
from trovato.errors import UnexpectedResponse
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

_EXTRACTIVE = "extractive"

# The server ends a connection that has been idle for 5 s; one that is about to be ended
# must not be chosen for the next request.
_KEEPALIVE_S = 4.0
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how its response is read.

    Attributes:
        repeatable: Whether the server may do the work twice.
    """

    method: str
    path: str
    read: Callable[[JsonObject], T]
    params: Mapping[str, str | int] | None = None
    body: Mapping[str, object] | None = None
    repeatable: bool = True

    def request(
        self, http: httpx.Client | httpx.AsyncClient, timeout_s: float | None
    ) -> httpx.Request:
        """The request; `timeout_s` instead of the client's own where it is given."""
        timeout = http.timeout if timeout_s is None else timeouts(timeout_s)
        return http.build_request(
            self.method, self.path, params=self.params, json=self.body, timeout=timeout
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
    return Call("GET", f"/v1/documents/{quote(id, safe='')}", read_document, params=params)


def collections() -> Call[Catalog]:
    """`GET /v1/collections`."""
    return Call("GET", "/v1/collections", read_catalog)


def ready() -> Call[str]:
    """`GET /readyz`."""
    return Call("GET", "/readyz", lambda source: source.text("status"))


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


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
