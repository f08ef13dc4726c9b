"""Both retrievers against a real server."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from trovato import AsyncClient, Client, InvalidRequest, SearchOutcome

pytest.importorskip("langchain_core", reason="the extra langchain is not installed")
pytest.importorskip("llama_index.core", reason="the extra llama-index is not installed")

from langchain_core.documents import Document  # after the skips
from langchain_core.runnables import RunnableLambda
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers.no_text import NoText
from llama_index.core.schema import MetadataMode, NodeWithScore

from trovato.langchain import TrovatoRetriever as LangChainRetriever
from trovato.llama_index import TrovatoRetriever as LlamaIndexRetriever

QUERY = "who frees frozen bread"
KEYS = {
    "document",
    "span",
    "title",
    "headings",
    "score",
    "score_kind",
    "rank",
    "fields",
    "collection",
    "generation",
    "degraded",
}


def check_metadata(metadata: list[dict[str, Any]], outcome: SearchOutcome) -> None:
    assert len(metadata) == len(outcome.hits) > 1
    for rank, (found, hit) in enumerate(zip(metadata, outcome.hits, strict=True), 1):
        assert set(found) == KEYS
        assert found["rank"] == rank
        assert found["document"] == hit.document
        assert found["span"] == [hit.span.start, hit.span.end]
        assert found["headings"] == list(hit.headings)
        assert (found["score"], found["score_kind"]) == (hit.score, hit.score_kind)
        assert found["fields"] == hit.fields
        assert found["degraded"] == []


def check_documents(documents: list[Document], outcome: SearchOutcome) -> None:
    check_metadata([document.metadata for document in documents], outcome)
    assert [d.page_content for d in documents] == [hit.text for hit in outcome.hits]
    assert len({document.id for document in documents}) == len(documents)


def check_nodes(nodes: list[NodeWithScore], outcome: SearchOutcome) -> None:
    check_metadata([node.metadata for node in nodes], outcome)
    assert [node.text for node in nodes] == [hit.text for hit in outcome.hits]
    assert [node.score for node in nodes] == [hit.score for hit in outcome.hits]
    assert [node.node.ref_doc_id for node in nodes] == [hit.document for hit in outcome.hits]
    assert len({node.node_id for node in nodes}) == len(nodes)


@pytest.mark.parametrize("rerank", ["none", "default"])
def test_langchain(client: Client, rerank: str) -> None:
    outcome = client.search(QUERY, rerank=rerank)
    retriever = LangChainRetriever(client=client, options={"rerank": rerank})
    check_documents(retriever.invoke(QUERY), outcome)
    first, second = retriever.batch([QUERY, "eggs"])
    check_documents(first, outcome)
    assert second[0].metadata["document"] == "faq/2?x=ü#y"


def test_langchain_options_and_errors(client: Client) -> None:
    retriever = LangChainRetriever(client=client, options={"top": 2, "rerank": "none"})
    assert len(retriever.invoke(QUERY)) == 2
    assert len(retriever.invoke(QUERY, top=1)) == 1
    (document,) = retriever.invoke(QUERY, filter="year < 2020")
    assert document.metadata["document"] == "faq/1"
    with pytest.raises(InvalidRequest, match="tops"):
        retriever.invoke(QUERY, tops=1)


def test_langchain_in_a_chain(client: Client) -> None:
    def titles(documents: list[Document]) -> list[str]:
        return [document.metadata["title"] for document in documents]

    chain = LangChainRetriever(client=client, options={"top": 1}) | RunnableLambda(titles)
    assert chain.invoke("who frees memory") == ["Ownership"]


@pytest.mark.anyio
async def test_langchain_asynchronously(client: Client, async_client: AsyncClient) -> None:
    outcome = client.search(QUERY)
    for other in (async_client, None):
        retriever = LangChainRetriever(client=client, async_client=other)
        check_documents(await retriever.ainvoke(QUERY), outcome)
        (document,) = await retriever.ainvoke(QUERY, top=1)
        assert document.metadata["document"] == outcome.hits[0].document
        many = await asyncio.gather(*(retriever.ainvoke(QUERY, rerank="none") for _ in range(20)))
        assert all(len(documents) == len(outcome.hits) for documents in many)


@pytest.mark.parametrize("rerank", ["none", "default"])
def test_llama_index(client: Client, rerank: str) -> None:
    outcome = client.search(QUERY, rerank=rerank)
    nodes = LlamaIndexRetriever(client, options={"rerank": rerank}).retrieve(QUERY)
    check_nodes(nodes, outcome)
    shown = nodes[0].get_content(MetadataMode.LLM)
    assert outcome.hits[0].title in shown
    assert "score" not in shown
    assert "span" not in shown


def test_llama_index_options_and_errors(client: Client) -> None:
    (node,) = LlamaIndexRetriever(client, options={"filter": "year < 2020"}).retrieve(QUERY)
    assert node.metadata["document"] == "faq/1"
    with pytest.raises(InvalidRequest, match="top"):
        LlamaIndexRetriever(client, options={"top": 0}).retrieve(QUERY)


def test_llama_index_in_a_query_engine(client: Client) -> None:
    synthesizer = NoText(llm=MockLLM())
    retriever = LlamaIndexRetriever(client, options={"top": 2})
    response = RetrieverQueryEngine(retriever, response_synthesizer=synthesizer).query(QUERY)
    assert [node.metadata["rank"] for node in response.source_nodes] == [1, 2]


@pytest.mark.anyio
async def test_llama_index_asynchronously(client: Client, async_client: AsyncClient) -> None:
    outcome = client.search(QUERY)
    for other in (async_client, None):
        retriever = LlamaIndexRetriever(client, async_client=other)
        check_nodes(await retriever.aretrieve(QUERY), outcome)
        many = await asyncio.gather(*(retriever.aretrieve(QUERY) for _ in range(5)))
        assert all(len(nodes) == len(outcome.hits) for nodes in many)


def test_what_was_left_out_is_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    retriever = LangChainRetriever(client=client, options={"deadline_ms": 0, "rerank": "none"})
    with caplog.at_level(logging.WARNING, "trovato"):
        documents = retriever.invoke("bread")
    assert documents[0].metadata["degraded"][0].startswith("encode: ")
    assert "left something out: ['encode: " in caplog.text
