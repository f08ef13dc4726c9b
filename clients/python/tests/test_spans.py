"""Spans cut strings between characters or not at all."""

from __future__ import annotations

import pytest

from trovato import Span, SpanError

TEXT = "aé長🦀z"  # 1 + 2 + 3 + 4 + 1 bytes
BOUNDARIES = (0, 1, 3, 6, 10, 11)


def test_every_span_between_characters_gives_them() -> None:
    for i, start in enumerate(BOUNDARIES):
        for j, end in enumerate(BOUNDARIES[i:], i):
            assert Span(start, end).of(TEXT) == TEXT[i:j]


def test_a_span_that_cuts_a_character_is_refused() -> None:
    inside = set(range(12)) - set(BOUNDARIES)
    for at in inside:
        for span in (Span(0, at), Span(at, 11), Span(at, at)):
            with pytest.raises(SpanError, match=f"cuts a character at {at}"):
                span.of(TEXT)


def test_a_part_of_a_document_knows_where_it_starts() -> None:
    part = Span(3, 10).of(TEXT)
    assert Span(6, 10).of(part, start=3) == "🦀"
    for outside in (Span(0, 6), Span(6, 11), Span(11, 11)):
        with pytest.raises(SpanError, match="the text holds bytes 3 to 10"):
            outside.of(part, start=3)


@pytest.mark.parametrize(("start", "end"), [(2, 1), (-1, 3)])
def test_what_is_no_span_cannot_be_made(start: int, end: int) -> None:
    with pytest.raises(SpanError, match=f"{start} to {end}"):
        Span(start, end)


def test_spans_are_values() -> None:
    assert {Span(1, 4), Span(1, 4)} == {Span(1, 4)}
    assert sorted([Span(2, 3), Span(1, 4), Span(1, 2)]) == [Span(1, 2), Span(1, 4), Span(2, 3)]
    assert Span(1, 4).n_bytes == 3
