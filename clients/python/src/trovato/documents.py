"""Documents as they are stored, and what a server holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trovato._json import JsonObject
from trovato.fields import FieldValue, read_fields
from trovato.spans import Span


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item, table or piece of code; `text` is what lies between.

    Attributes:
        level: Of a heading, from 1.
        anchor: Of a heading that has one.
        language: Of code that names it.
    """

    kind: str
    span: Span
    level: int | None
    anchor: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage as it is indexed; a hit on it returns `parent` where there is one."""

    chunk: int
    span: Span
    headings: tuple[str, ...]
    parent: Span | None


@dataclass(frozen=True, slots=True)
class Document:
    """A document, or the part of a long one around the passage that was asked for.

    Attributes:
        id: Its name in the collection.
        generation: The commit it was read from.
        n_bytes: Length of the whole text.
        window: What `text` is of the whole: all of it unless the document is long.
        passage: The span that was asked for.
        blocks: What the window consists of, gapless and in order.
        chunks: The passages that overlap the window.
        duplicate_of: The document with the same text that is indexed in its place.
    """

    id: str
    collection: str
    generation: int
    title: str
    text: str
    n_bytes: int
    window: Span
    passage: Span | None
    fields: Mapping[str, FieldValue]
    blocks: tuple[Block, ...]
    chunks: tuple[Chunk, ...]
    duplicate_of: str | None

    def text_of(self, span: Span) -> str:
        """The text at a span of the document.

        Raises:
            SpanError: The span is not within the window.
        """
        return span.of(self.text, start=self.window.start)


@dataclass(frozen=True, slots=True)
class Collection:
    """What is served under a name.

    Attributes:
        generation: The commit that searches read.
        n_bytes: Size of the index.
        encoder: What makes its vectors.
        chunker: How its documents are cut.
        reranker: What reranks its hits unless a request says otherwise.
        writable: Whether documents may be put into it and deleted.
        stale: Whether a newer commit could not be loaded.
    """

    name: str
    generation: int
    documents: int
    duplicates: int
    chunks: int
    n_bytes: int
    encoder: str
    chunker: str
    reranker: str | None
    writable: bool
    stale: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a server holds.

    Attributes:
        collections: The default first.
        limits: What a request may ask for, by name, the unit being part of it:
            `query_bytes`, `top`, `request_timeout_ms`, ...
    """

    collections: tuple[Collection, ...]
    limits: Mapping[str, int]


def read_document(source: JsonObject) -> Document:
    """Reads the response to `GET /v1/documents/ID`."""
    return Document(
        id=source.text("document"),
        collection=source.text("collection"),
        generation=source.integer("generation"),
        title=source.text("title"),
        text=source.text("text"),
        n_bytes=source.integer("bytes"),
        window=source.span("window"),
        passage=source.maybe_span("passage"),
        fields=read_fields(source),
        blocks=source.objects("blocks", _read_block),
        chunks=source.objects("chunks", _read_chunk),
        duplicate_of=source.maybe_text("duplicate_of"),
    )


def _read_block(source: JsonObject) -> Block:
    return Block(
        kind=source.text("kind"),
        span=source.span("span"),
        level=source.maybe_integer("level"),
        anchor=source.maybe_text("anchor"),
        language=source.maybe_text("language"),
    )


def _read_chunk(source: JsonObject) -> Chunk:
    return Chunk(
        chunk=source.integer("chunk"),
        span=source.span("span"),
        headings=source.texts("headings"),
        parent=source.maybe_span("parent"),
    )


def read_catalog(source: JsonObject) -> Catalog:
    """Reads the response to `GET /v1/collections`."""
    return Catalog(
        collections=source.objects("collections", _read_collection),
        limits=source.inner("limits", JsonObject.every_integer),
    )


def _read_collection(source: JsonObject) -> Collection:
    return Collection(
        name=source.text("name"),
        generation=source.integer("generation"),
        documents=source.integer("documents"),
        duplicates=source.integer("duplicates"),
        chunks=source.integer("chunks"),
        n_bytes=source.integer("bytes"),
        encoder=source.text("encoder"),
        chunker=source.text("chunker"),
        reranker=source.maybe_text("reranker"),
        # A server of a version without it only reads.
        writable=source.maybe_flag("writable") or False,
        stale=source.flag("stale"),
    )
