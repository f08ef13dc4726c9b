"""The events of a streamed answer, out of the bytes of its response."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx

from trovato._json import JsonObject
from trovato._sse import EventDecoder, ServerSentEvent
from trovato.answers import Answer, AnswerEvent, read_answer, read_retrieval, read_token
from trovato.errors import UnexpectedResponse, api_error

ENDED_EARLY = "the stream ended before its answer"

_MEDIA_TYPE = "text/event-stream"

_READERS: dict[str, Callable[[JsonObject], AnswerEvent]] = {
    "retrieval": read_retrieval,
    "token": read_token,
    "answer": read_answer,
}


class AnswerStream:
    """Turns the bytes of a response into events until the answer has come.

    Attributes:
        complete: Whether the answer was among the events; what follows it is ignored.

    Raises:
        UnexpectedResponse: The response is no event stream.
    """

    def __init__(self, response: httpx.Response) -> None:
        kind = response.headers.get("Content-Type", "none")
        if kind.partition(";")[0].strip().lower() != _MEDIA_TYPE:
            raise UnexpectedResponse(f"the response is of type {kind}; expected {_MEDIA_TYPE}")
        self.complete = False
        self._decoder = EventDecoder()

    def feed(self, received: bytes) -> Iterator[AnswerEvent]:
        """The events that end within `received`; those of unknown names are left out.

        One by one, so that what came before an error is given before it.

        Raises:
            ApiError: The server gave up and said why.
            UnexpectedResponse: An event does not hold what its name promises.
        """
        for sent in self._decoder.feed(received):
            if not self.complete and (event := _read(sent)) is not None:
                self.complete = isinstance(event, Answer)
                yield event


def _read(sent: ServerSentEvent) -> AnswerEvent | None:
    if sent.name == "error":
        raise api_error(_parse(sent))
    read = _READERS.get(sent.name)
    return None if read is None else read(JsonObject(_parse(sent), f"event {sent.name}"))


def _parse(sent: ServerSentEvent) -> object:
    try:
        return json.loads(sent.data)
    except ValueError as error:
        raise UnexpectedResponse(f"event {sent.name} is not JSON: {error}") from error
