"""Bodies as the server sends them, small; texts hold characters of one to four bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TEXT = "Größe\n\nDie Größe 🦀 zählt."

HIT: dict[str, Any] = {
    "document": "notes/größe.md",
    "chunk": 7,
    "span": [100, 100 + len(TEXT.encode())],
    "title": "Größe",
    "headings": ["Maße", "Größe"],
    "score": 0.75,
    "score_kind": "dbsf:0.5",
    "text": TEXT,
    "highlights": [[100, 107], [113, 120]],
    "pieces": [{"text": TEXT, "match": False}],
    "fields": {"year": 2021, "draft": False, "tags": ["a", "b"], "share": 0.5},
    "duplicates": ["copy.md"],
    "similar": [{"document": "other.md", "chunk": 3}],
}

OUTCOME: dict[str, Any] = {
    "query": "Größe",
    "collection": "notes",
    "hits": [HIT],
    "timings_ms": {"lexical": 1, "total": 2.5},
    "degraded": [{"stage": "encode", "reason": "the deadline of 0 ms had passed"}],
    "dropped_terms": 0,
    "generation": 3,
}

CONTEXT: dict[str, Any] = {
    "passages": [
        {
            "number": 1,
            "document": "notes/größe.md",
            "title": "Größe",
            "headings": ["Größe"],
            "span": HIT["span"],
            "text": TEXT,
            "tokens": 12,
            "score": 1.25,
            "chunks": [7, 8],
        }
    ],
    "tokens": 12,
    "budget": 2000,
    "left_out": [{"document": "other.md", "span": [0, 5], "reason": "near_duplicate"}],
}

RETRIEVAL: dict[str, Any] = {
    "standalone": {"query": "how large is a crab", "rules": ["pronoun: it -> a crab"]},
    "collection": "notes",
    "generation": 3,
    "context": CONTEXT,
}

ANSWER: dict[str, Any] = {
    "question": "how large is it?",
    "standalone": RETRIEVAL["standalone"],
    "collection": "notes",
    "generation": 3,
    "model": "extractive",
    "abstained": False,
    "confidence": 0.83,
    "answer": "Die Größe 🦀 zählt.[1]",
    "claims": [{"text": "Die Größe 🦀 zählt.", "citations": [1]}],
    "citations": [
        {
            "number": 1,
            "document": "notes/größe.md",
            "title": "Größe",
            "headings": ["Größe"],
            "span": [109, 133],
            "quote": "Die Größe 🦀 zählt.",
            "verdict": "found",
            "places": [{"document": "notes/größe.md", "span": [109, 133]}],
        }
    ],
    "context": CONTEXT,
    "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": None},
    "timings_ms": {"search": 4.1, "answer": 12, "first_byte": None, "total": 17.0},
    "degraded": [],
}

WRITTEN: dict[str, Any] = {
    "document": "notes/größe.md",
    "collection": "notes",
    "result": "created",
    "chunks": 2,
    "generation": 4,
}


def job(number: int = 1, state: str = "done", **changes: object) -> dict[str, Any]:
    """A job of two items of which one was refused, unless `changes` say otherwise."""
    counts = dict.fromkeys(COUNTS, 0) | {"items": 2, "settled": 2, "created": 1, "refused": 1}
    return {
        "job": f"19a4c2f1e30-{number}",
        "collection": "notes",
        "state": state,
        "received": "2026-11-01T08:00:00.000Z",
        "ended": "2026-11-01T08:00:01.500Z",
        "generation": 5,
        "counts": counts,
        **changes,
    }


COUNTS = (
    "items",
    "settled",
    "created",
    "replaced",
    "unchanged",
    "deleted",
    "not_found",
    "refused",
    "lost",
)

ITEMS: list[dict[str, Any]] = [
    {"line": 1, "document": "a", "result": "created", "chunks": 3},
    {"line": 2, "document": "b", "result": "refused", "reason": "empty: it has no text"},
]

STREAM = (
    ("retrieval", RETRIEVAL),
    ("token", {"text": "Die Größe "}),
    ("token", {"text": "🦀 zählt.[1]"}),
    ("answer", ANSWER),
)


def event(name: str, data: object) -> bytes:
    """An event as the server writes it."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def stream(*events: tuple[str, object]) -> bytes:
    """Several events, one after the other."""
    return b"".join(event(name, data) for name, data in events)


def refusal(code: str, **figures: object) -> Mapping[str, object]:
    """The body of an error."""
    return {"error": {"code": code, "message": f"told as {code}", **figures}}
