"""How responses are read, and what is sent."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import httpx
import pytest

import samples
from trovato import Client, Degradation, SearchOutcome, Similar, Span, UnexpectedResponse


def client_of(body: object) -> Client:
    return Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body)))


def found(body: object) -> SearchOutcome:
    with client_of(body) as client:
        return client.search("Größe")


def changed(*path: str | int, to: object) -> Any:
    """The sample outcome with the value at `path` replaced, or removed by `...`."""
    body: Any = copy.deepcopy(samples.OUTCOME)
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    if to is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return body


def test_an_outcome_is_read_whole() -> None:
    outcome = found(samples.OUTCOME)
    assert (outcome.query, outcome.collection, outcome.generation) == ("Größe", "notes", 3)
    assert outcome.timings_ms == {"lexical": 1.0, "total": 2.5}
    assert outcome.degraded == (Degradation("encode", "the deadline of 0 ms had passed"),)
    assert (outcome.reranked, outcome.expanded, outcome.why_not) == (None, None, None)
    (hit,) = outcome.hits
    assert (hit.document, hit.chunk, hit.title) == ("notes/größe.md", 7, "Größe")
    assert hit.headings == ("Maße", "Größe")
    assert (hit.score, hit.score_kind) == (0.75, "dbsf:0.5")
    assert hit.fields == {"year": 2021, "draft": False, "tags": ["a", "b"], "share": 0.5}
    assert hit.duplicates == ("copy.md",)
    assert hit.similar == (Similar("other.md", 3),)
    assert hit.explanation is None
    assert hit.span.of(samples.TEXT, start=100) == samples.TEXT
    assert [hit.text_of(mark) for mark in hit.highlights] == ["Größe", "Größe"]


def test_parts_that_are_there_on_request() -> None:
    body = {
        **samples.OUTCOME,
        "reranked": {"scored": 5, "candidates": 9, "stop": "budget"},
        "expanded": {"expansion": "feedback:2:0.5", "passages": 2, "cosine": 0.9},
        "why_not": {"document": "a.md", "stage": "outranked", "rank": 12, "gap": 0.1},
    }
    leaf = {"value": 0.25, "description": "a leaf", "operation": "leaf"}
    total = {"value": 0.5, "description": "both", "operation": "sum", "details": [leaf, leaf]}
    body["hits"] = [{**samples.HIT, "explanation": total}]
    outcome = found(body)
    assert outcome.reranked is not None
    assert (outcome.reranked.scored, outcome.reranked.stop) == (5, "budget")
    assert outcome.expanded is not None
    assert outcome.expanded.added == {"passages": 2, "cosine": 0.9}
    assert outcome.why_not is not None
    assert (outcome.why_not.stage, outcome.why_not.facts) == ("outranked", {"rank": 12, "gap": 0.1})
    explanation = outcome.hits[0].explanation
    assert explanation is not None
    assert [detail.description for detail in explanation.details] == ["a leaf", "a leaf"]
    assert explanation.details[0].details == ()


def test_fields_of_a_newer_server_are_ignored() -> None:
    body = {**samples.OUTCOME, "mood": {"good": True}, "hits": [{**samples.HIT, "colour": 7}]}
    body["timings_ms"] = {**samples.OUTCOME["timings_ms"], "by_shard": [1.5], "cached": True}
    assert found(body) == found(samples.OUTCOME)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("hits",), ..., "response.hits is missing; expected a list"),
        (("hits",), {}, r"response.hits is \{\}; expected a list"),
        (("hits", 0), "a", r"response.hits\[0\] is 'a'; expected an object"),
        (("hits", 0, "score"), "high", r"response.hits\[0\].score is 'high'; expected a number"),
        (("hits", 0, "score"), True, r"hits\[0\].score is True; expected a number"),
        (("hits", 0, "chunk"), 1.5, r"hits\[0\].chunk is 1.5; expected a whole number"),
        (("hits", 0, "title"), None, r"hits\[0\].title is missing; expected a string"),
        (("hits", 0, "span"), [1], r"hits\[0\].span is \[1\]; expected \[start, end\]"),
        (("hits", 0, "span"), [5, 2], r"hits\[0\].span: 5 to 2 is no span"),
        (("hits", 0, "highlights", 1), [0.5, 1], r"highlights\[1\] is \[0.5, 1\]"),
        (("hits", 0, "headings", 1), 4, r"headings\[1\] is 4; expected a string"),
        (("hits", 0, "fields", "year"), {"at": 1}, "field 'year' is"),
        (("timings_ms",), [], r"response.timings_ms is \[\]; expected an object"),
        (("generation",), None, "response.generation is missing"),
    ],
)
def test_what_is_not_as_promised_is_named(
    path: tuple[str | int, ...], value: object, complaint: str
) -> None:
    with pytest.raises(UnexpectedResponse, match=complaint):
        found(changed(*path, to=value))


def test_a_body_that_is_no_object() -> None:
    with pytest.raises(UnexpectedResponse, match=r"response is \[\]; expected an object"):
        found([])


def test_results_cannot_be_changed() -> None:
    outcome = found(samples.OUTCOME)
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.generation = 4  # type: ignore[misc]
    assert not hasattr(outcome, "__dict__")


def test_only_what_is_given_is_sent() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=samples.OUTCOME)

    with Client("http://proxy/deep/path/", transport=httpx.MockTransport(answer)) as client:
        client.search("größe", top=3, filter=None, explain=False, vector=(0.6, 0.8))
    (request,) = sent
    assert str(request.url) == "http://proxy/deep/path/v1/search"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("trovato-python/")
    expected = {"query": "größe", "top": 3, "explain": False, "vector": [0.6, 0.8]}
    assert json.loads(request.content) == expected


def test_a_vector_that_is_no_number_is_not_sent() -> None:
    with client_of(samples.OUTCOME) as client, pytest.raises(ValueError, match="JSON"):
        client.search("a", vector=[float("nan")])


def test_ids_are_one_segment_of_the_path() -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        return httpx.Response(404, json=samples.refusal("unknown_document"))

    with Client(transport=httpx.MockTransport(answer)) as client:
        for id in ("../../etc/passwd", "a?b#c%2F", "größe.md"):
            with pytest.raises(Exception, match="unknown_document"):
                client.document(id, Span(0, 4), collection="notes")
    query = b"?collection=notes&start=0&end=4"
    assert paths == [
        b"/v1/documents/..%2F..%2Fetc%2Fpasswd" + query,
        b"/v1/documents/a%3Fb%23c%252F" + query,
        b"/v1/documents/gr%C3%B6%C3%9Fe.md" + query,
    ]
