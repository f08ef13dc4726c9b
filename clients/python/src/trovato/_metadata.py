"""What both retrievers tell of a hit."""

from __future__ import annotations

import logging
from typing import Any

from trovato.search import Hit, SearchOutcome

_log = logging.getLogger("trovato")


def described(outcome: SearchOutcome) -> list[tuple[Hit, dict[str, Any]]]:
    """The hits, best first, each with its metadata; a degraded outcome is logged too.

    The `rank`, from 1, outlives frameworks that sort anew or drop the order.
    """
    degraded = [f"{left.stage}: {left.reason}" for left in outcome.degraded]
    if degraded:
        # Without the query: what users look for is not for the log.
        _log.warning("a search left something out: %s", degraded)
    shared = {
        "collection": outcome.collection,
        "generation": outcome.generation,
        "degraded": degraded,
    }
    return [
        (hit, {**_of_hit(hit), "rank": rank, **shared}) for rank, hit in enumerate(outcome.hits, 1)
    ]


def passage_id(hit: Hit) -> str:
    """Names a passage by where it stands; chunk numbers change with the index."""
    return f"{hit.document}#{hit.span.start}-{hit.span.end}"


def _of_hit(hit: Hit) -> dict[str, Any]:
    return {
        "document": hit.document,
        "span": [hit.span.start, hit.span.end],
        "title": hit.title,
        "headings": list(hit.headings),
        "score": hit.score,
        "score_kind": hit.score_kind,
        "fields": dict(hit.fields),
    }
