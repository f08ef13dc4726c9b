"""First-stage candidates of each query over its own source: BM25, or BM25 and vectors fused.

The fusion is by reciprocal rank (k = 60, ranks from 1). Vectors are the base
encoder's own, so that mined negatives are what a hybrid retriever really returns.
"""

from __future__ import annotations

import bm25s
import numpy as np
import Stemmer

from sources import Pair, Source

RRF_K = 60


def mine(source: Source, pairs: list[Pair], depth: int, dense: bool) -> list[list[int]]:
    """For each pair up to `depth` passage numbers, best first."""
    if not pairs:
        return []
    depth = min(depth, len(source.corpus))
    texts = [f"{p.title} {p.text}" for p in source.corpus]
    queries = [p.query for p in pairs]
    lexical = bm25(texts, queries, depth)
    if not dense:
        return lexical
    from embed import encode  # torch is only needed here

    vectors, asked = encode([t[:900] for t in texts]), encode(queries)
    out = []
    for start in range(0, len(asked), 512):
        order = np.argsort(-(asked[start : start + 512] @ vectors.T), axis=1, kind="stable")[:, :depth]
        out += [fuse(lexical[start + i], row.tolist(), depth) for i, row in enumerate(order)]
    return out


def bm25(texts: list[str], queries: list[str], depth: int) -> list[list[int]]:
    stemmer = Stemmer.Stemmer("english")
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
    tokens = bm25s.tokenize(queries, stopwords="en", stemmer=stemmer, show_progress=False)
    found, _ = index.retrieve(tokens, k=depth, show_progress=False)
    return [[int(i) for i in row] for row in found]


def fuse(a: list[int], b: list[int], depth: int) -> list[int]:
    scores: dict[int, float] = {}
    for ranking in (a, b):
        for rank, i in enumerate(ranking, 1):
            scores[i] = scores.get(i, 0.0) + 1 / (RRF_K + rank)
    return sorted(scores, key=lambda i: (-scores[i], i))[:depth]
