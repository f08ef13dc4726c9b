"""Byte spans, and how they cut Python strings.

Everything Trovato points at is a span of bytes of a document's canonical text in
UTF-8. Python counts characters, so `text[start:end]` is wrong from the first
character outside ASCII on; `Span.of` is right.
"""

from __future__ import annotations

from dataclasses import dataclass

_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80


class SpanError(ValueError):
    """A span that lies outside a text or cuts one of its characters."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes from `start` up to, not including, `end`; ordered by start, then end.

    Raises:
        SpanError: Unless `0 <= start <= end`.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise SpanError(f"{self.start} to {self.end} is no span: 0 <= start <= end must hold")

    @property
    def n_bytes(self) -> int:
        """Length in bytes."""
        return self.end - self.start

    def of(self, text: str, *, start: int = 0) -> str:
        """The part of `text` that this span covers.

        Args:
            text: The document's text, or a part of it.
            start: The byte of the document at which `text` starts: 0 for the whole
                document, `hit.span.start` for the text of a hit.

        Raises:
            SpanError: `text` does not hold the whole span, or an end lies inside a
                character.
        """
        low, high = self.start - start, self.end - start
        data = text.encode()
        if low < 0 or high > len(data):
            held = f"the text holds bytes {start} to {start + len(data)}"
            raise SpanError(f"{self.start} to {self.end} lies outside: {held}")
        for at in (low, high):
            if at < len(data) and data[at] & _CONTINUATION_MASK == _CONTINUATION:
                raise SpanError(f"{self.start} to {self.end} cuts a character at {start + at}")
        return data[low:high].decode()
