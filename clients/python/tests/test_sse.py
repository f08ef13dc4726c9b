"""Event streams, cut in every way."""

from __future__ import annotations

import random

import pytest

import samples
from trovato import UnexpectedResponse, _sse
from trovato._sse import EventDecoder, ServerSentEvent

# Everything the format allows: a byte order mark, comments, unknown fields, fields
# without a colon or a value, several lines of data, all three line ends.
LINES = [
    "\ufeffevent: first",
    "data: größe 🦀",
    "",
    ": a comment",
    "id: 7",
    "retry: 10",
    "data:no space",
    "data:  two spaces",
    "data",
    "",
    "event: without data",
    "",
    "event",
    "data: unnamed: with colons",
    "",
    "event: unfinished",
    "data: never given",
]
EVENTS = [
    ServerSentEvent("first", "größe 🦀"),
    ServerSentEvent("message", "no space\n two spaces\n"),
    ServerSentEvent("message", "unnamed: with colons"),
]


def decoded(*pieces: bytes) -> list[ServerSentEvent]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def encoded(line_end: str) -> bytes:
    return line_end.join(LINES).encode()


@pytest.fixture(params=["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def data(request: pytest.FixtureRequest) -> bytes:
    return encoded(request.param)


def test_whole(data: bytes) -> None:
    assert decoded(data) == EVENTS


def test_byte_by_byte(data: bytes) -> None:
    assert decoded(*(data[i : i + 1] for i in range(len(data)))) == EVENTS


def test_cut_anywhere_once(data: bytes) -> None:
    for at in range(len(data) + 1):
        assert decoded(data[:at], b"", data[at:]) == EVENTS, at


def test_cut_at_random() -> None:
    seeded = random.Random(1)
    data = samples.stream(*samples.STREAM)
    expected = decoded(data)
    assert [event.name for event in expected] == ["retrieval", "token", "token", "answer"]
    for _ in range(200):
        cuts = sorted(seeded.sample(range(len(data)), 20))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert decoded(*pieces) == expected, cuts


def test_mixed_line_ends() -> None:
    assert decoded(b"data: a\r\ndata: b\n\r\ndata: c\r\rdata: d\n\n") == [
        ServerSentEvent("message", "a\nb"),
        ServerSentEvent("message", "c"),
        ServerSentEvent("message", "d"),
    ]


def test_an_event_is_given_with_its_last_byte() -> None:
    decoder = EventDecoder()
    pieces = (b"data: a\r\n\r", b"\n", b"data: b\n\n")
    a, b = ServerSentEvent("message", "a"), ServerSentEvent("message", "b")
    assert [list(decoder.feed(piece)) for piece in pieces] == [[a], [], [b]]


def test_other_line_ends_of_unicode_end_no_line() -> None:
    assert decoded("data: a\u2028b\u0085c\x0bd\n\n".encode()) == [
        ServerSentEvent("message", "a\u2028b\u0085c\x0bd")
    ]


def test_bytes_that_are_no_text_are_refused() -> None:
    events = EventDecoder().feed(b"data: a\n\ndata: \xff\n\n")
    assert next(events).data == "a"
    with pytest.raises(UnexpectedResponse, match="not UTF-8"):
        next(events)


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sse, "MAX_EVENT_BYTES", 100)
    assert len(decoded(*[b"data: 123456789\n\n"] * 50)) == 50
    with pytest.raises(UnexpectedResponse, match="longer than 100 bytes"):
        decoded(*[b"data: 123456789\n"] * 50)
    with pytest.raises(UnexpectedResponse, match="longer than 100 bytes"):
        decoded(*[b"x"] * 200)
