"""Searches and documents of a real server."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import NOTES, RECORDS
from trovato import (
    AsyncClient,
    Client,
    Explanation,
    HostRefused,
    InvalidRequest,
    NotFound,
    SearchOptions,
    Span,
)

QUERIES = {
    "who frees memory": "notes/ownership.md",
    "Größe Maß": "notes/größe.md",
    "toast frozen bread": "notes/bread.md",
    "how long do eggs boil": "faq/2?x=ü#y",
}


def recombined(node: Explanation) -> float:
    values = [recombined(detail) for detail in node.details]
    match node.operation:
        case "leaf":
            return node.value
        case "sum":
            return sum(values)
        case "product":
            return math.prod(values)
        case "quotient":
            return values[0] / values[1]
        case "difference":
            return values[0] - values[1]
        case "ln_one_plus":
            return math.log1p(values[0])
        case "maximum":
            return max(values)
    raise AssertionError(f"unknown operation {node.operation}")


def test_ready_and_what_is_served(client: Client) -> None:
    assert client.ready()
    catalog = client.collections()
    (collection,) = catalog.collections
    assert collection.name == "notes"
    assert collection.documents == len(NOTES) + len(RECORDS)
    assert collection.reranker is not None
    assert not collection.stale
    assert catalog.limits["top"] == 100


@pytest.mark.parametrize(("query", "expected"), QUERIES.items())
def test_the_best_hit(client: Client, query: str, expected: str) -> None:
    outcome = client.search(query, top=3)
    assert outcome.hits[0].document == expected
    assert 1 <= len(outcome.hits) <= 3
    scores = [hit.score for hit in outcome.hits]
    assert scores == sorted(scores, reverse=True)
    assert outcome.query == query
    assert outcome.degraded == ()
    assert outcome.timings_ms["total"] > 0


def test_highlights_cut_texts_that_are_not_ascii(client: Client) -> None:
    hit = client.search("Größe 長さ mètre", strategy="lexical", rerank="none").hits[0]
    marked = [hit.text_of(mark) for mark in hit.highlights]
    assert {"Größe", "Mètre"} <= set(marked)
    assert any("長" in mark for mark in marked)


def test_filters(client: Client) -> None:
    for filter, expected in {
        "year >= 2020": {"faq/2?x=ü#y"},
        "year < 2020": {"faq/1"},
        "format = markdown": {f"notes/{name}" for name in NOTES},
        "year > 3000": set(),
    }.items():
        outcome = client.search("frozen bread", filter=filter)
        assert {hit.document for hit in outcome.hits} == expected, filter
    (hit,) = client.search("eggs", filter="year = 2023").hits
    assert hit.fields["year"] == 2023


@pytest.mark.parametrize("rerank", ["none", "default"])
@pytest.mark.parametrize("fusion", ["rrf:60", "dbsf:0.5"])
def test_explanations_recombine_to_the_score(client: Client, fusion: str, rerank: str) -> None:
    outcome = client.search("freeze bread", fusion=fusion, rerank=rerank, explain=True)
    assert (outcome.reranked is None) == (rerank == "none")
    assert outcome.hits
    for hit in outcome.hits:
        assert hit.explanation is not None
        assert recombined(hit.explanation) == pytest.approx(hit.score, abs=1e-6)
    assert client.search("freeze bread").hits[0].explanation is None


def test_what_a_search_may_ask(client: Client) -> None:
    assert client.search("owner", strategy="lexical", rerank="none").hits[0].score_kind == "bm25"
    assert client.search("owner", strategy="dense", rerank="none").hits[0].score_kind == "cosine"
    assert client.search("onwership", strategy="lexical", typos="one_edit").hits
    assert len(client.search("bread", per_document=1, top=2, highlights=False).hits) == 2
    late = client.search("bread", deadline_ms=0)
    assert "encode" in {left_out.stage for left_out in late.degraded}
    why_not = client.search("bread", filter="year > 0", why_not="notes/bread.md").why_not
    assert why_not is not None
    assert (why_not.document, why_not.stage) == ("notes/bread.md", "filtered")
    expanded = client.search("how do I freeze bread?", expand="multi-query").expanded
    assert expanded is not None
    assert expanded.added["variants"]


@pytest.mark.parametrize(
    ("options", "code", "parameter", "limit"),
    [
        ({"top": 1000}, "out_of_range", "top", 100),
        ({"filter": "year >="}, "invalid_parameter", "filter", None),
        ({"fusion": "rrf:x"}, "invalid_parameter", "fusion", None),
        ({"vector": [1.0]}, "invalid_parameter", "vector", None),
        ({"rerank": "none", "rerank_budget_ms": 5}, "invalid_parameter", "rerank_budget_ms", None),
        ({"tops": 3}, "unknown_parameter", "tops", None),
    ],
)
def test_refusals_name_the_parameter(
    client: Client, options: SearchOptions, code: str, parameter: str, limit: int | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.search("bread", **options)
    error = caught.value
    assert (error.code, error.parameter, error.limit) == (code, parameter, limit)
    assert error.status == 400
    assert parameter in error.message


def test_what_is_not_there(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.search("bread", collection="other")
    assert (caught.value.code, caught.value.value) == ("unknown_collection", "other")
    for id in ("notes/none.md", "../../etc/passwd", "notes/../notes/bread.md"):
        with pytest.raises(NotFound) as caught:
            client.document(id)
        assert (caught.value.code, caught.value.value) == ("unknown_document", id)


def test_a_host_name_that_is_not_the_servers(server_url: str) -> None:
    with Client(server_url, headers={"Host": "evil.example"}) as client:
        with pytest.raises(HostRefused, match=r"evil\.example"):
            client.search("bread")
        with pytest.raises(HostRefused):
            client.wait_until_ready(timeout_s=10)


def test_a_hit_opens_at_its_span(client: Client) -> None:
    for query in QUERIES:
        for hit in client.search(query).hits:
            document = client.document(hit.document, hit.span, collection="notes")
            assert document.id == hit.document
            assert document.passage == hit.span
            assert document.text_of(hit.span) == hit.span.of(document.text) == hit.text
            assert document.fields == hit.fields


def test_a_document_that_is_not_ascii(client: Client) -> None:
    document = client.document("notes/größe.md")
    assert document.n_bytes == len(document.text.encode()) > len(document.text)
    assert document.window == Span(0, document.n_bytes)
    assert document.passage is None
    assert "".join(document.text_of(block.span) for block in document.blocks) == document.text
    headings = {document.text_of(b.span): b.level for b in document.blocks if b.kind == "heading"}
    assert headings == {"Größe": 1, "Länge": 2}
    start = len(document.text[: document.text.index("長さ")].encode())
    assert client.document(document.id, Span(start, start + 6)).passage == Span(start, start + 6)
    with pytest.raises(InvalidRequest, match="cuts a character"):
        client.document(document.id, Span(start + 1, start + 6))


@pytest.mark.anyio
async def test_the_same_asynchronously(client: Client, async_client: AsyncClient) -> None:
    assert await async_client.ready()
    assert await async_client.collections() == client.collections()
    assert await async_client.document("notes/größe.md") == client.document("notes/größe.md")
    outcome = await async_client.search("who frees memory", explain=True)
    assert outcome.hits == client.search("who frees memory", explain=True).hits
    with pytest.raises(InvalidRequest):
        await async_client.search("bread", top=0)


@pytest.mark.anyio
async def test_many_searches_at_once(async_client: AsyncClient) -> None:
    queries = list(QUERIES) * 50
    searches = (async_client.search(query, rerank="none") for query in queries)
    outcomes = await asyncio.gather(*searches)
    for query, outcome in zip(queries, outcomes, strict=True):
        assert outcome.query == query
        assert outcome.hits[0].document == QUERIES[query]


def test_a_client_is_shared_between_threads(client: Client) -> None:
    queries = list(QUERIES) * 10
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda query: client.search(query, rerank="none"), queries))
    assert [o.hits[0].document for o in outcomes] == [QUERIES[query] for query in queries]
