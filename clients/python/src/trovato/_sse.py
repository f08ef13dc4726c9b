"""Server-Sent Events out of bytes, however the network cuts them.

Follows "Interpreting an event stream" of the HTML standard, with two differences:
bytes that are not UTF-8 are an error instead of replacement characters, and `id` and
`retry` are ignored, because an answer is not resumed.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from trovato.errors import UnexpectedResponse

MAX_EVENT_BYTES = 16 << 20
"""Longest event: far more than any answer, so that a server gone wrong is not collected."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """An event; `name` is `message` where the server gave none."""

    name: str
    data: str


class EventDecoder:
    """Collects bytes and gives the events that are complete.

    An event the stream breaks off in is never given, as the standard demands.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_return = False
        self._first_line = True
        self._name = ""
        self._data: list[str] = []
        self._n_bytes = 0

    def feed(self, received: bytes) -> Iterator[ServerSentEvent]:
        """The events that end within `received`; to be exhausted before the next bytes.

        Raises:
            UnexpectedResponse: A line is not UTF-8, or an event too long.
        """
        if not received:
            return
        # A line may end in "\r\n", and the two may arrive apart; waiting for the second
        # after every "\r" would hold events back.
        if self._after_return:
            received = received.removeprefix(b"\n")
        self._after_return = received.endswith(b"\r")
        lines = (self._rest + received).splitlines(keepends=True)
        unfinished = lines and not lines[-1].endswith((b"\r", b"\n"))
        self._rest = lines.pop() if unfinished else b""
        for line in lines:
            if (event := self._take(line.rstrip(b"\r\n"))) is not None:
                yield event
        self._bound(len(self._rest))

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if self._first_line:
            line = line.removeprefix(codecs.BOM_UTF8)
            self._first_line = False
        if not line:
            return self._dispatch()
        self._bound(len(line))
        self._n_bytes += len(line)
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise UnexpectedResponse(f"a line of the event stream is not UTF-8: {error}") from error
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._n_bytes = "", [], 0
        return ServerSentEvent(name, "\n".join(data)) if data else None

    def _bound(self, n_more: int) -> None:
        if self._n_bytes + n_more > MAX_EVENT_BYTES:
            raise UnexpectedResponse(f"an event is longer than {MAX_EVENT_BYTES} bytes")
