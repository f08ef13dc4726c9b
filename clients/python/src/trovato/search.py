"""What a search asks and finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from trovato._json import JsonObject
from trovato.fields import FieldValue, read_fields
from trovato.spans import Span


class RetrievalOptions(TypedDict, total=False):
    """What searches and answers have in common; absent and `None` are the server's default.

    collection: Which collection; by default the server's first.
    filter: Filter expression on metadata: `folder = notes and year >= 2020`.
    strategy: Which legs run: words, vectors, or both (the default).
    fusion: How the legs are fused: `dbsf:0.5`, `rrf:60`, `minmax:0.25`, ...; hybrid only.
    top: How many hits, from 1; 10 by default.
    depth: Candidates of each leg, from 1; never fewer than `top`.
    rerank: `none`, or `default` for what the collection is served with.
    rerank_depth: Most candidates that are reranked, from 1.
    rerank_budget_ms: How long reranking may take.
    deadline_ms: After which stages are left out; `degraded` then says which.
    typos: Whether words match that are one edit away.
    """

    collection: str | None
    filter: str | None
    strategy: Literal["hybrid", "lexical", "dense"] | None
    fusion: str | None
    top: int | None
    depth: int | None
    rerank: str | None
    rerank_depth: int | None
    rerank_budget_ms: int | None
    deadline_ms: int | None
    typos: Literal["exact", "one_edit"] | None


class SearchOptions(RetrievalOptions, total=False):
    """The parameters of a search beside its query.

    vector: The query's vector of length 1, from callers that encode it themselves.
    per_document: Most hits of one document, from 1.
    explain: Whether each hit carries how its score came about.
    highlights: Whether the query's words are marked; they are by default.
    expand: What else is searched for: `feedback`, `multi-query`, ...
    why_not: A document's id: the outcome says which stage lost it.
    near_duplicates: Whether near-duplicates are grouped (the default) or listed.
    """

    vector: Sequence[float] | None
    per_document: int | None
    explain: bool | None
    highlights: bool | None
    expand: str | None
    why_not: str | None
    near_duplicates: Literal["group", "list"] | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a value came about: `operation` says how it follows from `details`.

    A `leaf` stands by itself; its details, where it has some, say where it is from.
    """

    value: float
    description: str
    operation: str
    details: tuple[Explanation, ...]


@dataclass(frozen=True, slots=True)
class Similar:
    """A near-duplicate that is shown under another hit."""

    document: str
    chunk: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Attributes:
        span: Where `text` stands in the document.
        headings: The headings above it, outermost first.
        score: Higher is better; to be compared within one outcome only.
        score_kind: What the score is: `bm25`, `cosine`, `dbsf:0.5`, `reranked`, ...
        highlights: Where the query's words stand, as spans of the document.
        fields: The document's metadata.
        duplicates: Documents with the same text.
        explanation: Only where it was asked for.
    """

    document: str
    chunk: int
    span: Span
    title: str
    headings: tuple[str, ...]
    text: str
    score: float
    score_kind: str
    highlights: tuple[Span, ...]
    fields: Mapping[str, FieldValue]
    duplicates: tuple[str, ...]
    similar: tuple[Similar, ...]
    explanation: Explanation | None

    def text_of(self, span: Span) -> str:
        """The part of `text` at a span of the document, a highlight for instance.

        Raises:
            SpanError: The span is not within this hit's.
        """
        return span.of(self.text, start=self.span.start)


@dataclass(frozen=True, slots=True)
class Degradation:
    """A stage that was left out or cut short, and why."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class RerankReport:
    """How far the reranker read; `stop` is `complete`, `settled`, `budget` or `failed`."""

    scored: int
    candidates: int
    stop: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """What was searched for besides the query; `added` depends on the kind of expansion."""

    expansion: str
    added: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The stage that lost a document, with what that stage knows of it.

    `stage` is `not_indexed`, `filtered`, `beyond_depth`, `grouped`, `outranked` or
    `returned`.
    """

    document: str
    stage: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """Hits, best first, and what happened on the way.

    Attributes:
        collection: The collection that was searched.
        generation: The commit that was searched.
        degraded: What was left out; empty for a complete result.
        dropped_terms: Words beyond those a query may have.
        timings_ms: By stage; `total` is all of them.
        reranked, expanded, why_not: Only where it was done or asked for.
    """

    query: str
    collection: str
    generation: int
    hits: tuple[Hit, ...]
    degraded: tuple[Degradation, ...]
    dropped_terms: int
    timings_ms: Mapping[str, float]
    reranked: RerankReport | None
    expanded: Expansion | None
    why_not: WhyNot | None


def read_outcome(source: JsonObject) -> SearchOutcome:
    """Reads the response to `POST /v1/search`."""
    return SearchOutcome(
        query=source.text("query"),
        collection=source.text("collection"),
        generation=source.integer("generation"),
        hits=source.objects("hits", _read_hit),
        degraded=source.objects("degraded", read_degradation),
        dropped_terms=source.integer("dropped_terms"),
        timings_ms=source.inner("timings_ms", JsonObject.every_number),
        reranked=source.maybe("reranked", _read_reranked),
        expanded=source.maybe("expanded", _read_expanded),
        why_not=source.maybe("why_not", _read_why_not),
    )


def read_degradation(source: JsonObject) -> Degradation:
    """Reads an item of `degraded`."""
    return Degradation(source.text("stage"), source.text("reason"))


def _read_hit(source: JsonObject) -> Hit:
    return Hit(
        document=source.text("document"),
        chunk=source.integer("chunk"),
        span=source.span("span"),
        title=source.text("title"),
        headings=source.texts("headings"),
        text=source.text("text"),
        score=source.number("score"),
        score_kind=source.text("score_kind"),
        highlights=source.spans("highlights"),
        fields=read_fields(source),
        duplicates=source.texts("duplicates"),
        similar=source.objects("similar", _read_similar),
        explanation=source.maybe("explanation", _read_explanation),
    )


def _read_similar(source: JsonObject) -> Similar:
    return Similar(source.text("document"), source.integer("chunk"))


def _read_explanation(source: JsonObject) -> Explanation:
    return Explanation(
        value=source.number("value"),
        description=source.text("description"),
        operation=source.text("operation"),
        details=source.maybe_objects("details", _read_explanation) or (),
    )


def _read_reranked(source: JsonObject) -> RerankReport:
    return RerankReport(source.integer("scored"), source.integer("candidates"), source.text("stop"))


def _read_expanded(source: JsonObject) -> Expansion:
    return Expansion(source.text("expansion"), source.rest("expansion"))


def _read_why_not(source: JsonObject) -> WhyNot:
    return WhyNot(source.text("document"), source.text("stage"), source.rest("document", "stage"))
