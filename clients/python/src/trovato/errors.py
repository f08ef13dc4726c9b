"""Everything that can go wrong, by who must act.

TrovatoError
  ApiError            the server refused, and said why
    InvalidRequest      the request must change
      DocumentRefused     the document cannot be indexed
    NotFound            no such collection, document, job or route
    HostRefused         the server does not answer to this host name
    Unauthorized        the server asks for a key, or does not know this one
    Forbidden           the key is for something else
    ReadOnly            the collection takes no changes
    Unavailable         later it may work: `retry_after`
      Starting, Overloaded, TimedOut, RateLimited
      WritesQueued, ChangeLost, Stopping
    ServerFailed        the server's log says why
  TransportError      no response
    ConnectionFailed    not connected, or the connection broke
    ResponseTimeout     connected, and waited for longer than the client allows
  UnexpectedResponse  a response that is not of this API
  NotReady            `wait_until_ready` gave up
  JobUnfinished       `wait_for_job` gave up
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from trovato.changes import Job

_SHOWN_CHARS = 200


class TrovatoError(Exception):
    """Base of all errors of this package."""


class ApiError(TrovatoError):
    """The server answered with an error.

    Attributes:
        code: For programs, and stable: `out_of_range`, `unknown_document`, ...;
            `unknown` where the body is not the API's (a proxy's page, say).
        message: For people: what was wrong, and what would be right.
        parameter: The parameter it is about, where it is about one.
        value: The refused value, as text; cut where it is long.
        limit: The limit that was crossed.
        status: HTTP status; `None` for an error inside a stream.
        retry_after: Seconds after which the server says to try again.
    """

    # Defaults for all but the message, so that instances can be pickled.
    def __init__(
        self,
        message: str,
        *,
        code: str = "unknown",
        parameter: str | None = None,
        value: str | None = None,
        limit: int | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.parameter = parameter
        self.value = value
        self.limit = limit
        self.status = status
        self.retry_after = retry_after


class InvalidRequest(ApiError):
    """The request cannot be answered as it is."""


class DocumentRefused(InvalidRequest):
    """The document cannot be indexed; sent again it is refused again."""


class NotFound(ApiError):
    """There is no such collection, document, job or route."""


class HostRefused(ApiError):
    """The server does not answer to the host name of the base URL."""


class Unauthorized(ApiError):
    """The server asks for a key, or does not know the one that was sent."""


class Forbidden(ApiError):
    """The key lacks a scope, which the message names."""


class ReadOnly(ApiError):
    """The collection is served to be read."""


class Unavailable(ApiError):
    """The server cannot answer now."""


class Starting(Unavailable):
    """The indexes are still being opened."""


class Overloaded(Unavailable):
    """All places are taken and the queue is full."""


class TimedOut(Unavailable):
    """The server gave up after its own time limit."""


class RateLimited(Unavailable):
    """The key was used too often."""


class WritesQueued(Unavailable):
    """Too many changes wait already; nothing of the request was queued."""


class ChangeLost(Unavailable):
    """A change was lost, for the reason that the message tells; it may be sent again."""


class Stopping(Unavailable):
    """The server is stopping and takes no changes any more."""


class ServerFailed(ApiError):
    """The server failed on the request."""


class TransportError(TrovatoError):
    """No response arrived."""


class ConnectionFailed(TransportError):
    """The server could not be reached, or the connection broke.

    Attributes:
        sent: Whether the server may have seen the request.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class ResponseTimeout(TransportError):
    """Nothing arrived for longer than the client's `timeout_s`."""


class UnexpectedResponse(TrovatoError):
    """What arrived is not what the API promises."""


class NotReady(TrovatoError):
    """The server was not ready in time; the cause says what it answered last."""


class JobUnfinished(TrovatoError):
    """A job was not done in time; it goes on, and may be waited for again.

    Attributes:
        job: As it was last.
    """

    def __init__(self, message: str, *, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


_BY_CODE: dict[str, type[ApiError]] = {
    "foreign_host": HostRefused,
    "starting": Starting,
    "overloaded": Overloaded,
    "timed_out": TimedOut,
    "index_failed": ServerFailed,
    "internal": ServerFailed,
    "read_only": ReadOnly,
    "document_refused": DocumentRefused,
    "rate_limited": RateLimited,
    "writes_queued": WritesQueued,
    "change_lost": ChangeLost,
    "stopping": Stopping,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    429: Unavailable,
    503: Unavailable,
}
_FIRST_SERVER_ERROR = 500


def check_status(response: httpx.Response) -> None:
    """Raises the error that a response tells; its body must have been read.

    Raises:
        ApiError: For every status but 2xx.
    """
    if not response.is_success:
        try:
            body: object = response.json()
        except ValueError:
            body = None
        raise api_error(body, response=response)


def api_error(body: object, *, response: httpx.Response | None = None) -> ApiError:
    """The error that a body `{"error": {...}}` tells.

    Args:
        body: Parsed JSON. Where it is something else, the error's message quotes the
            response.
        response: `None` for an error inside a stream, whose status was a success.
    """
    status = None if response is None else response.status_code
    told = body.get("error") if isinstance(body, dict) else None
    told = told if isinstance(told, dict) else {}
    code, message = told.get("code"), told.get("message")
    if not (isinstance(code, str) and isinstance(message, str)):
        shown = repr(body) if response is None else response.text
        code, message = "unknown", f"HTTP {status}: {shown[:_SHOWN_CHARS]}"
    return _kind(code, status)(
        message,
        code=code,
        parameter=_text(told.get("parameter")),
        value=_text(told.get("value")),
        limit=limit if isinstance(limit := told.get("limit"), int) else None,
        status=status,
        retry_after=None if response is None else _retry_after(response),
    )


def _kind(code: str, status: int | None) -> type[ApiError]:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status is None:
        return ApiError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return ServerFailed if status >= _FIRST_SERVER_ERROR else InvalidRequest


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _retry_after(response: httpx.Response) -> float | None:
    # In seconds; the other form, a date, would need clocks that agree.
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


@contextmanager
def told_as_ours() -> Iterator[None]:
    """Turns httpx's errors into this package's."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ConnectionFailed(_describe(error), sent=False) from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise ConnectionFailed(_describe(error), sent=True) from error
    except httpx.TimeoutException as error:
        raise ResponseTimeout(_describe(error)) from error
    except httpx.RequestError as error:
        raise TransportError(_describe(error)) from error


def _describe(error: httpx.RequestError) -> str:
    reason = str(error) or type(error).__name__
    return f"{error.request.method} {error.request.url}: {reason}"
