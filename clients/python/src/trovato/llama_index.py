"""A retriever for LlamaIndex; needs `pip install trovato[llama-index]`."""

from __future__ import annotations

import asyncio

from llama_index.core.callbacks import CallbackManager
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import (
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)

from trovato._metadata import described, passage_id
from trovato.async_client import AsyncClient
from trovato.client import Client
from trovato.search import SearchOptions, SearchOutcome

# What a language model or an encoder is shown of the metadata beside the text.
_SHOWN_KEYS = {"title", "headings"}


class TrovatoRetriever(BaseRetriever):
    """Finds passages as LlamaIndex nodes, best first.

    The metadata of each holds `document`, `span` (bytes), `title`, `headings`, `score`,
    `score_kind`, `rank`, `fields`, `collection`, `generation` and `degraded`; of these a
    language model is shown the title and the headings.

    Args:
        client: Its owner closes it.
        async_client: For `aretrieve`; without it, `client` is used in a thread.
        options: Parameters of the search.
    """

    def __init__(
        self,
        client: Client,
        *,
        async_client: AsyncClient | None = None,
        options: SearchOptions | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self._client = client
        self._async_client = async_client
        self._options: SearchOptions = options or {}

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._client.search(query_bundle.query_str, **self._options))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._async_client is None:
            return await asyncio.to_thread(self._retrieve, query_bundle)
        return _nodes(await self._async_client.search(query_bundle.query_str, **self._options))


def _nodes(outcome: SearchOutcome) -> list[NodeWithScore]:
    nodes = []
    for hit, metadata in described(outcome):
        hidden = [key for key in metadata if key not in _SHOWN_KEYS]
        node = TextNode(
            id_=passage_id(hit),
            text=hit.text,
            metadata=metadata,
            excluded_llm_metadata_keys=hidden,
            excluded_embed_metadata_keys=hidden,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=hit.document)},
        )
        nodes.append(NodeWithScore(node=node, score=hit.score))
    return nodes
