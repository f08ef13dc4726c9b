"""The other hybrid engines as parties: `python hybrid_peers.py NAME`.

Each indexes the passages' texts and vectors and answers a query by 100
candidates of its full text and 100 of its vectors, fused as its documentation
proposes, ten hits with their texts. The query's vector is given; cutting its
words is inside the time, as it is for ours.
"""

import json
import re
import shutil
import struct
import sys
import time
from pathlib import Path

import numpy as np

from parties import one_by_one, serve


def passages(corpus, limit=None):
    """Title and text of each line, joined as one text."""
    with open(corpus, encoding="utf-8") as lines:
        for at, line in enumerate(lines):
            if at == limit:
                return
            record = json.loads(line)
            yield at, " ".join(filter(None, (record.get("title", ""), record["text"])))


def folder_bytes(path):
    """Bytes of a file or of all files below a folder."""
    path = Path(path)
    files = path.rglob("*") if path.is_dir() else path.parent.glob(path.name + "*")
    return sum(file.stat().st_size for file in files if file.is_file())


def words(text):
    """The query's words, for query languages in which marks mean something."""
    return re.findall(r"\w+", text)


def reciprocal_rank(lists, top, k=60):
    """Fusion by reciprocal rank, for engines that have none."""
    scores = {}
    for ids in lists:
        for rank, found in enumerate(ids, 1):
            scores[found] = scores.get(found, 0.0) + 1.0 / (k + rank)
    return sorted(scores, key=lambda found: (-scores[found], found))[:top]


class QdrantEdge:
    """Qdrant in process: its own BM25 with IDF, HNSW, its own fusion."""

    def __init__(self):
        import qdrant_edge

        self.lib = qdrant_edge

    def build(self, corpus, rows, path, limit):
        q = self.lib
        shutil.rmtree(path, ignore_errors=True)
        texts = list(passages(corpus, limit))
        average = sum(len(words(text)) for _, text in texts) / len(texts)
        Path(path).mkdir(parents=True)
        (Path(path) / "average").write_text(str(average))
        config = q.EdgeConfig(
            vectors={"dense": q.EdgeVectorParams(size=rows.shape[1], distance=q.Distance.Dot)},
            sparse_vectors={"words": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
        )
        shard = q.EdgeShard.create(str(Path(path) / "shard"), config)
        bm25 = q.Bm25(q.Bm25Config(avg_len=average))
        for first in range(0, len(texts), 1000):
            shard.update(q.UpdateOperation.upsert_points([
                q.Point(at, {"dense": rows[at].tolist(), "words": bm25.embed_document(text)}, {"text": text})
                for at, text in texts[first : first + 1000]
            ]))
        shard.flush()
        while shard.optimize():
            pass
        shard.flush()
        shard.close()

    def open(self, path):
        average = float((Path(path) / "average").read_text())
        self.bm25 = self.lib.Bm25(self.lib.Bm25Config(avg_len=average))
        self.shard = self.lib.EdgeShard.load(str(Path(path) / "shard"))

    def search(self, text, vector, depth, top, setting):
        q = self.lib
        fusion = q.Fusion.Dbsf() if setting["fusion"] == "dbsf" else q.Fusion.Rrf(k=2)
        request = q.QueryRequest(
            limit=top,
            query=fusion,
            prefetches=[
                q.Prefetch(limit=depth, query=q.Query.Nearest(self.bm25.embed_query(text), using="words")),
                q.Prefetch(limit=depth, query=q.Query.Nearest(vector, using="dense")),
            ],
            with_payload=True,
        )
        return [(point.id, point.payload["text"]) for point in self.shard.query(request)]


class LanceDb:
    """LanceDB: its full-text index with stemming, its vector index where it pays, its RRF."""

    # Below, LanceDB's documentation leaves vectors unindexed.
    MIN_INDEXED = 50_000

    def __init__(self):
        import lancedb
        import lancedb.rerankers
        import pyarrow

        self.lancedb, self.arrow = lancedb, pyarrow

    def build(self, corpus, rows, path, limit):
        shutil.rmtree(path, ignore_errors=True)
        texts = [text for _, text in passages(corpus, limit)]
        values = self.arrow.array(rows[: len(texts)].ravel())
        data = self.arrow.table({
            "id": range(len(texts)),
            "text": texts,
            "vector": self.arrow.FixedSizeListArray.from_arrays(values, rows.shape[1]),
        })
        table = self.lancedb.connect(path).create_table("passages", data)
        table.create_fts_index("text", stem=True, language="English", remove_stop_words=True, use_tantivy=False)
        if len(texts) >= self.MIN_INDEXED:
            table.create_index(metric="dot", index_type="IVF_HNSW_SQ", vector_column_name="vector")
        table.optimize()

    def open(self, path):
        self.table = self.lancedb.connect(path).open_table("passages")
        self.reranker = self.lancedb.rerankers.RRFReranker()

    def search(self, text, vector, depth, top, setting):
        # Its hybrid query gives each leg the limit; ten of the fused are kept.
        found = (
            self.table.search(query_type="hybrid", vector_column_name="vector")
            .vector(vector)
            .text(" ".join(words(text)))
            .rerank(self.reranker)
            .select(["id", "text"])
            .limit(depth)
            .to_arrow()
            .slice(0, top)
        )
        return list(zip(found["id"].to_pylist(), found["text"].to_pylist()))


class Sqlite:
    """SQLite: FTS5 with the Porter stemmer and sqlite-vec's exact scan, RRF by hand."""

    def __init__(self):
        import pysqlite3
        import sqlite_vec

        self.lib, self.vec = pysqlite3, sqlite_vec

    def connect(self, path):
        base = self.lib.connect(path)
        base.enable_load_extension(True)
        self.vec.load(base)
        return base

    def build(self, corpus, rows, path, limit):
        for file in Path(path).parent.glob(Path(path).name + "*"):
            file.unlink()
        base = self.connect(path)
        base.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize='porter unicode61')")
        base.execute(f"CREATE VIRTUAL TABLE vectors USING vec0(row FLOAT[{rows.shape[1]}] distance_metric=cosine)")
        for at, text in passages(corpus, limit):
            base.execute("INSERT INTO words(rowid, text) VALUES (?, ?)", (at + 1, text))
            base.execute("INSERT INTO vectors(rowid, row) VALUES (?, ?)", (at + 1, rows[at].tobytes()))
        base.execute("INSERT INTO words(words) VALUES ('optimize')")
        base.commit()
        base.close()

    def open(self, path):
        self.base = self.connect(path)

    def search(self, text, vector, depth, top, setting):
        match = " OR ".join(f'"{word}"' for word in words(text))
        lexical = self.base.execute(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (match, depth)
        ).fetchall()
        packed = struct.pack(f"<{len(vector)}f", *vector)
        dense = self.base.execute(
            "SELECT rowid FROM vectors WHERE row MATCH ? AND k = ? ORDER BY distance", (packed, depth)
        ).fetchall()
        best = reciprocal_rank([[row for (row,) in lexical], [row for (row,) in dense]], top)
        texts = dict(self.base.execute(
            f"SELECT rowid, text FROM words WHERE rowid IN ({','.join('?' * len(best))})", best
        ))
        return [(row - 1, texts[row]) for row in best]


class Postgres:
    """Postgres with pgvector's HNSW and its own ranking of words, RRF in one statement."""

    def __init__(self):
        import pgserver
        import psycopg

        self.pgserver, self.psycopg = pgserver, psycopg

    def connect(self, path):
        self.server = self.pgserver.get_server(path)
        return self.psycopg.connect(self.server.get_uri(), autocommit=True)

    def build(self, corpus, rows, path, limit):
        shutil.rmtree(path, ignore_errors=True)
        base = self.connect(path)
        base.execute("CREATE EXTENSION IF NOT EXISTS vector")
        base.execute(f"CREATE TABLE passages (id INT PRIMARY KEY, text TEXT, row VECTOR({rows.shape[1]}))")
        with base.cursor().copy("COPY passages (id, text, row) FROM STDIN") as copy:
            for at, text in passages(corpus, limit):
                copy.write_row((at, text.replace("\0", ""), "[" + ",".join(map(str, rows[at])) + "]"))
        base.execute("ALTER TABLE passages ADD words TSVECTOR GENERATED ALWAYS AS (to_tsvector('english', text)) STORED")
        base.execute("CREATE INDEX ON passages USING gin (words)")
        base.execute("SET maintenance_work_mem = '1GB'")
        base.execute("CREATE INDEX ON passages USING hnsw (row vector_ip_ops)")
        base.execute("VACUUM ANALYZE passages")
        base.close()
        self.server.cleanup()

    def open(self, path):
        self.base = self.connect(path)
        self.base.execute("SET hnsw.ef_search = 100")

    STATEMENT = """
        WITH asked AS (SELECT to_tsquery('english', %(words)s) AS query),
        lexical AS (
            SELECT id, row_number() OVER (ORDER BY ts_rank_cd(words, query) DESC, id) AS rank
            FROM passages, asked WHERE words @@ query ORDER BY rank LIMIT %(depth)s),
        dense AS (
            SELECT id, row_number() OVER () AS rank
            FROM (SELECT id FROM passages ORDER BY row <#> %(vector)s::vector LIMIT %(depth)s) AS nearest),
        fused AS (
            SELECT id, coalesce(1.0 / (60 + lexical.rank), 0) + coalesce(1.0 / (60 + dense.rank), 0) AS score
            FROM lexical FULL JOIN dense USING (id) ORDER BY score DESC, id LIMIT %(top)s)
        SELECT id, text FROM fused JOIN passages USING (id) ORDER BY score DESC, id
    """

    def search(self, text, vector, depth, top, setting):
        return self.base.execute(self.STATEMENT, {
            "words": " | ".join(words(text)), "depth": depth, "top": top,
            "vector": "[" + ",".join(map(str, vector)) + "]",
        }, prepare=True).fetchall()


PEERS = {"qdrant-edge": QdrantEdge, "LanceDB": LanceDb, "SQLite FTS5 + sqlite-vec": Sqlite, "Postgres + pgvector": Postgres}


def main():
    peer = PEERS[sys.argv[1]]()

    def answer(command):
        op = command["op"]
        if op == "ready":
            return {}
        if op == "build":
            dim = json.loads(Path(command["vectors"]).with_suffix(".json").read_text())["dim"]
            rows = np.fromfile(command["vectors"], dtype="<f4").reshape(-1, dim)
            started = time.perf_counter()
            peer.build(command["corpus"], rows, command["path"], command.get("limit"))
            seconds = time.perf_counter() - started
            return {"seconds": seconds, "bytes": folder_bytes(command["path"])}
        if op == "open":
            started = time.perf_counter()
            peer.open(command["path"])
            seconds = time.perf_counter() - started
            return {"seconds": seconds, "bytes": folder_bytes(command["path"])}
        if op == "round":
            dim = json.loads(Path(command["vectors"]).with_suffix(".json").read_text())["dim"]
            limit = command["limit"]
            texts = [json.loads(line)["text"] for line in Path(command["queries"]).read_text("utf-8").splitlines()[:limit]]
            # Lists, made outside the time: what the bindings take.
            vectors = np.fromfile(command["vectors"], dtype="<f4", count=limit * dim).reshape(-1, dim).tolist()
            depth, top, setting = command["depth"], command["top"], command["setting"]
            return one_by_one(len(texts), lambda at: [
                found for found, _ in peer.search(texts[at], vectors[at], depth, top, setting)
            ])
        raise ValueError(f"unknown command {op}")

    serve(answer)


if __name__ == "__main__":
    main()
