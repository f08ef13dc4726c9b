"""Reads a JSON object field by field, with the path in every complaint.

Fields that nobody asks for are ignored, so a newer server can add some. What must be
there and is not, or is of another type, is an `UnexpectedResponse`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from trovato.errors import UnexpectedResponse
from trovato.spans import Span, SpanError

T = TypeVar("T")


class JsonObject:
    """An object of a response.

    `maybe_` methods give `None` for a field that is absent or null; all others demand it.
    """

    def __init__(self, value: object, path: str = "response") -> None:
        if not isinstance(value, dict):
            raise UnexpectedResponse(f"{path} is {_shown(value)}; expected an object")
        self._fields: dict[str, object] = value
        self._path = path

    def text(self, name: str) -> str:
        """A string."""
        return self._required(name, self.maybe_text(name), "a string")

    def integer(self, name: str) -> int:
        """A whole number."""
        return self._required(name, self.maybe_integer(name), "a whole number")

    def number(self, name: str) -> float:
        """A number."""
        return self._required(name, self.maybe_number(name), "a number")

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._required(name, self.maybe_flag(name), "true or false")

    def span(self, name: str) -> Span:
        """A span, `[start, end]`."""
        return self._required(name, self.maybe_span(name), "a span")

    def maybe_text(self, name: str) -> str | None:
        """A string or nothing."""
        return self._maybe(name, str, "a string")

    def maybe_integer(self, name: str) -> int | None:
        """A whole number or nothing."""
        return self._maybe(name, int, "a whole number")

    def maybe_flag(self, name: str) -> bool | None:
        """True, false or nothing."""
        return self._maybe(name, bool, "true or false")

    def maybe_number(self, name: str) -> float | None:
        """A number or nothing."""
        value = self._maybe(name, (int, float), "a number")
        return None if value is None else float(value)

    def maybe_span(self, name: str) -> Span | None:
        """A span or nothing."""
        value = self._fields.get(name)
        return None if value is None else self._read_span(value, name)

    def maybe(self, name: str, read: Callable[[JsonObject], T]) -> T | None:
        """An object, read by `read`, or nothing."""
        value = self._fields.get(name)
        return None if value is None else read(JsonObject(value, self._at(name)))

    def inner(self, name: str, read: Callable[[JsonObject], T]) -> T:
        """An object, read by `read`."""
        return self._required(name, self.maybe(name, read), "an object")

    def objects(self, name: str, read: Callable[[JsonObject], T]) -> tuple[T, ...]:
        """A list of objects, each read by `read`."""
        items = enumerate(self._list(name))
        return tuple(read(JsonObject(item, self._at(f"{name}[{i}]"))) for i, item in items)

    def maybe_objects(self, name: str, read: Callable[[JsonObject], T]) -> tuple[T, ...] | None:
        """A list of objects, or nothing."""
        return None if self._fields.get(name) is None else self.objects(name, read)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return self._all(name, str, "a string")

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        return self._all(name, int, "a whole number")

    def spans(self, name: str) -> tuple[Span, ...]:
        """A list of spans."""
        items = enumerate(self._list(name))
        return tuple(self._read_span(item, f"{name}[{i}]") for i, item in items)

    def every_number(self) -> dict[str, float]:
        """The fields that are numbers; the others are null or of a newer server."""
        kinds = (int, float)
        return {name: self.number(name) for name, v in self._fields.items() if type(v) in kinds}

    def every_integer(self) -> dict[str, int]:
        """The fields that are whole numbers; the others are of a newer server."""
        return {name: self.integer(name) for name, v in self._fields.items() if type(v) is int}

    def rest(self, *but: str) -> dict[str, object]:
        """All fields as they are, except those named."""
        return {name: value for name, value in self._fields.items() if name not in but}

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}"

    def _required(self, name: str, value: T | None, expected: str) -> T:
        if value is None:
            raise UnexpectedResponse(f"{self._at(name)} is missing; expected {expected}")
        return value

    def _maybe(self, name: str, kind: type[T] | tuple[type[T], ...], expected: str) -> T | None:
        value = self._fields.get(name)
        return None if value is None else self._typed(value, name, kind, expected)

    def _all(self, name: str, kind: type[T], expected: str) -> tuple[T, ...]:
        items = enumerate(self._list(name))
        return tuple(self._typed(item, f"{name}[{i}]", kind, expected) for i, item in items)

    def _list(self, name: str) -> list[object]:
        return self._required(name, self._maybe(name, list, "a list"), "a list")

    def _typed(
        self, value: object, name: str, kind: type[T] | tuple[type[T], ...], expected: str
    ) -> T:
        # To Python `True` is an `int`, to JSON it is no number.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise UnexpectedResponse(f"{self._at(name)} is {_shown(value)}; expected {expected}")

    def _read_span(self, value: object, name: str) -> Span:
        match value:
            case [int(start), int(end)]:
                try:
                    return Span(start, end)
                except SpanError as error:
                    raise UnexpectedResponse(f"{self._at(name)}: {error}") from error
        raise UnexpectedResponse(f"{self._at(name)} is {_shown(value)}; expected [start, end]")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
