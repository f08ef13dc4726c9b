"""Both clients offer the same."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

import trovato
from trovato import AsyncClient, Client
from trovato.answers import AnswerOptions
from trovato.search import RetrievalOptions, SearchOptions

SAME_NAMES = {"close": "aclose"}


def public(kind: type) -> list[str]:
    return [name for name in vars(kind) if not name.startswith("_")]


def test_the_methods_are_the_same() -> None:
    assert [SAME_NAMES.get(name, name) for name in public(Client)] == public(AsyncClient)


@pytest.mark.parametrize("name", [*(n for n in public(Client) if n != "close"), "__init__"])
def test_the_parameters_are_the_same(name: str) -> None:
    one, other = (inspect.signature(getattr(kind, name)) for kind in (Client, AsyncClient))
    assert [(p.name, p.kind, p.default) for p in one.parameters.values()] == [
        (p.name, p.kind, p.default) for p in other.parameters.values()
    ]


@pytest.mark.parametrize("options", [SearchOptions, AnswerOptions])
def test_each_option_is_told(options: type) -> None:
    told = "\n".join(inspect.getdoc(kind) or "" for kind in (options, RetrievalOptions))
    for name in get_type_hints(options):
        assert f"\n{name}: " in told, name


def test_what_is_exported_is_there_and_sorted() -> None:
    assert [name for name in trovato.__all__ if not hasattr(trovato, name)] == []
    assert sorted(trovato.__all__) == trovato.__all__
