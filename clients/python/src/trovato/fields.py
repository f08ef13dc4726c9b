"""A document's metadata."""

from __future__ import annotations

from typing import TypeAlias

from trovato._json import JsonObject
from trovato.errors import UnexpectedResponse

FieldValue: TypeAlias = "bool | int | float | str | list[FieldValue]"
"""A value as the server sends it; moments are texts, RFC 3339 in UTC."""


def read_fields(source: JsonObject) -> dict[str, FieldValue]:
    """Reads `fields`, whose names are the collection's own."""
    given = source.inner("fields", JsonObject.rest)
    return {name: _read_value(value, name) for name, value in given.items()}


def _read_value(value: object, name: str) -> FieldValue:
    if isinstance(value, list):
        return [_read_value(item, name) for item in value]
    if isinstance(value, (bool, int, float, str)):
        return value
    raise UnexpectedResponse(f"field {name!r} is {value!r}; expected a value or a list of values")
