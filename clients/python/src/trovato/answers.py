"""What is asked for an answer, and what an answer is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from trovato._json import JsonObject
from trovato.search import Degradation, RetrievalOptions, read_degradation
from trovato.spans import Span


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation, with the answer it got."""

    question: str
    answer: str


class AnswerOptions(RetrievalOptions, total=False):
    """The parameters of an answer beside its question.

    history: Earlier turns, oldest first, at most 20; a follow-up is searched for as a
        query that stands by itself.
    model: `extractive` (the default) or a language model the server is configured with.
    rewrite: What makes a follow-up whole: `rules` (the default) or `model`, the language
        model that answers.
    prompt: Name of a prompt; language models only.
    schema: A JSON schema the answer must satisfy; language models only.
    context_tokens: Token budget of the context, 2000 by default.
    """

    history: Sequence[Turn] | None
    rewrite: str | None
    model: str | None
    prompt: str | None
    schema: Mapping[str, Any] | None
    context_tokens: int | None


@dataclass(frozen=True, slots=True)
class Standalone:
    """What was searched for, and how it was made of the question.

    `rules` names the rules that did, `written_by` the language model; where neither did,
    the question was searched for as it is.
    """

    query: str
    rules: tuple[str, ...]
    written_by: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands."""

    document: str
    span: Span


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote, checked against the stored text.

    Attributes:
        number: What the answer's markers `[1]` and claims name it by, from 1.
        span: Where the cited passage stands in the document.
        quote: The words, verbatim or as the model wrote them.
        verdict: `found`, `elsewhere` (in another place than cited), `stitched` (of
            several places), `not_found`, or `unquoted` where no words are quoted.
        document: `None` where a model cites a passage that it was never shown.
        places: Where the words stand; empty for `not_found`.
    """

    number: int
    document: str | None
    title: str
    headings: tuple[str, ...]
    span: Span | None
    quote: str
    verdict: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the answer, and the numbers of the citations it rests on."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of the context.

    Attributes:
        number: From 1.
        chunks: The indexed passages it was put together of.
    """

    number: int
    document: str
    title: str
    headings: tuple[str, ...]
    span: Span
    text: str
    tokens: int
    score: float
    chunks: tuple[int, ...]

    def text_of(self, span: Span) -> str:
        """The part of `text` at a span of the document, a citation's for instance.

        Raises:
            SpanError: The span is not within this passage's.
        """
        return span.of(self.text, start=self.span.start)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A hit that is not in the context.

    `reason` is `budget`, `near_duplicate`, `document_cap` or `contained`.
    """

    document: str
    span: Span
    reason: str


@dataclass(frozen=True, slots=True)
class Context:
    """What the answer was made of; `tokens` of at most `budget` were used."""

    passages: tuple[Passage, ...]
    tokens: int
    budget: int
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a language model read and wrote; `None` where its provider does not say."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, with the passages it rests on.

    Attributes:
        standalone: What was searched for.
        model: What answered.
        abstained: Whether nothing that was found answers the question.
        confidence: From 0 to 1, where the model has one; calibrated for `extractive`.
        text: The answer with markers `[1]`; JSON where a schema was asked for, see
            `data`.
        timings_ms: By stage; `total` is all of them.
        degraded: What was left out; empty for a complete answer.
    """

    question: str
    standalone: Standalone
    collection: str
    generation: int
    model: str
    abstained: bool
    confidence: float | None
    text: str
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    context: Context
    usage: Usage
    timings_ms: Mapping[str, float]
    degraded: tuple[Degradation, ...]

    def data(self) -> Any:
        """`text` as JSON, for answers to a schema.

        Raises:
            json.JSONDecodeError: No schema was asked for, or the model abstained.
        """
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """First event of a streamed answer: what it will be made of."""

    standalone: Standalone
    collection: str
    generation: int
    context: Context


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a streamed answer."""

    text: str


AnswerEvent: TypeAlias = Retrieval | Token | Answer
"""What a streamed answer consists of; the `Answer` is the last."""


def read_answer(source: JsonObject) -> Answer:
    """Reads the response to `POST /v1/answer`."""
    return Answer(
        question=source.text("question"),
        standalone=source.inner("standalone", _read_standalone),
        collection=source.text("collection"),
        generation=source.integer("generation"),
        model=source.text("model"),
        abstained=source.flag("abstained"),
        confidence=source.maybe_number("confidence"),
        text=source.text("answer"),
        claims=source.objects("claims", _read_claim),
        citations=source.objects("citations", _read_citation),
        context=source.inner("context", _read_context),
        usage=source.inner("usage", _read_usage),
        timings_ms=source.inner("timings_ms", JsonObject.every_number),
        degraded=source.objects("degraded", read_degradation),
    )


def read_retrieval(source: JsonObject) -> Retrieval:
    """Reads the data of the event `retrieval`."""
    return Retrieval(
        standalone=source.inner("standalone", _read_standalone),
        collection=source.text("collection"),
        generation=source.integer("generation"),
        context=source.inner("context", _read_context),
    )


def read_token(source: JsonObject) -> Token:
    """Reads the data of the event `token`."""
    return Token(source.text("text"))


def _read_standalone(source: JsonObject) -> Standalone:
    return Standalone(source.text("query"), source.texts("rules"), source.maybe_text("written_by"))


def _read_claim(source: JsonObject) -> Claim:
    return Claim(source.text("text"), source.integers("citations"))


def _read_citation(source: JsonObject) -> Citation:
    return Citation(
        number=source.integer("number"),
        document=source.maybe_text("document"),
        title=source.text("title"),
        headings=source.texts("headings"),
        span=source.maybe_span("span"),
        quote=source.text("quote"),
        verdict=source.text("verdict"),
        places=source.objects("places", _read_place),
    )


def _read_place(source: JsonObject) -> Place:
    return Place(source.text("document"), source.span("span"))


def _read_context(source: JsonObject) -> Context:
    return Context(
        passages=source.objects("passages", _read_passage),
        tokens=source.integer("tokens"),
        budget=source.integer("budget"),
        left_out=source.objects("left_out", _read_left_out),
    )


def _read_passage(source: JsonObject) -> Passage:
    return Passage(
        number=source.integer("number"),
        document=source.text("document"),
        title=source.text("title"),
        headings=source.texts("headings"),
        span=source.span("span"),
        text=source.text("text"),
        tokens=source.integer("tokens"),
        score=source.number("score"),
        chunks=source.integers("chunks"),
    )


def _read_left_out(source: JsonObject) -> LeftOut:
    return LeftOut(source.text("document"), source.span("span"), source.text("reason"))


def _read_usage(source: JsonObject) -> Usage:
    return Usage(
        input_tokens=source.maybe_integer("input_tokens"),
        output_tokens=source.maybe_integer("output_tokens"),
        cost_usd=source.maybe_number("cost_usd"),
    )
