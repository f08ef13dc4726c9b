"""A retriever for LangChain; needs `pip install trovato[langchain]`."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import Field

from trovato._metadata import described, passage_id
from trovato.async_client import AsyncClient
from trovato.client import Client
from trovato.search import SearchOutcome


class TrovatoRetriever(BaseRetriever):
    """Finds passages as LangChain documents, best first.

    The metadata of each holds `document`, `span` (bytes), `title`, `headings`, `score`,
    `score_kind`, `rank`, `fields`, `collection`, `generation` and `degraded`.

    Attributes:
        client: Its owner closes it.
        async_client: For `ainvoke`; without it, `client` is used in a thread.
        options: Parameters of the search, see `trovato.SearchOptions`. Keywords of
            `invoke` go before them: `retriever.invoke("who frees memory", top=3)`.
    """

    client: Client
    async_client: AsyncClient | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        return _documents(self.client.search(query, **{**self.options, **options}))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        if self.async_client is None:
            inner = run_manager.get_sync()
            return await run_in_executor(
                None, self._get_relevant_documents, query, run_manager=inner, **options
            )
        return _documents(await self.async_client.search(query, **{**self.options, **options}))


def _documents(outcome: SearchOutcome) -> list[Document]:
    return [
        Document(id=passage_id(hit), page_content=hit.text, metadata=metadata)
        for hit, metadata in described(outcome)
    ]
