"""Client of Trovato, a hybrid retrieval engine.

    with Client("http://127.0.0.1:7700") as client:
        for hit in client.search("who frees memory", top=3).hits:
            print(hit.score, hit.document, hit.text)

`Client` and `AsyncClient` have the same methods. Errors are told in `trovato.errors`.
`trovato.langchain` and `trovato.llama_index` hold a retriever each, and need the extra
of that name.
"""

from trovato._version import __version__
from trovato.answers import (
    Answer,
    AnswerEvent,
    AnswerOptions,
    Citation,
    Claim,
    Context,
    LeftOut,
    Passage,
    Place,
    Retrieval,
    Standalone,
    Token,
    Turn,
    Usage,
)
from trovato.async_client import AsyncClient
from trovato.client import Client
from trovato.documents import Block, Catalog, Chunk, Collection, Document
from trovato.errors import (
    ApiError,
    ConnectionFailed,
    HostRefused,
    InvalidRequest,
    NotFound,
    NotReady,
    Overloaded,
    ResponseTimeout,
    ServerFailed,
    Starting,
    TimedOut,
    TransportError,
    TrovatoError,
    Unavailable,
    UnexpectedResponse,
)
from trovato.fields import FieldValue
from trovato.retry import RetryPolicy
from trovato.search import (
    Degradation,
    Expansion,
    Explanation,
    Hit,
    RerankReport,
    SearchOptions,
    SearchOutcome,
    Similar,
    WhyNot,
)
from trovato.spans import Span, SpanError

__all__ = [
    "Answer",
    "AnswerEvent",
    "AnswerOptions",
    "ApiError",
    "AsyncClient",
    "Block",
    "Catalog",
    "Chunk",
    "Citation",
    "Claim",
    "Client",
    "Collection",
    "ConnectionFailed",
    "Context",
    "Degradation",
    "Document",
    "Expansion",
    "Explanation",
    "FieldValue",
    "Hit",
    "HostRefused",
    "InvalidRequest",
    "LeftOut",
    "NotFound",
    "NotReady",
    "Overloaded",
    "Passage",
    "Place",
    "RerankReport",
    "ResponseTimeout",
    "Retrieval",
    "RetryPolicy",
    "SearchOptions",
    "SearchOutcome",
    "ServerFailed",
    "Similar",
    "Span",
    "SpanError",
    "Standalone",
    "Starting",
    "TimedOut",
    "Token",
    "TransportError",
    "TrovatoError",
    "Turn",
    "Unavailable",
    "UnexpectedResponse",
    "Usage",
    "WhyNot",
    "__version__",
]
