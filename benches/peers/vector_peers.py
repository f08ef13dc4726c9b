"""The other vector libraries as parties: `python vector_peers.py NAME`.

Each is given what its documentation recommends for recall on the CPU, with the
same M and efConstruction where it has them. The binding's cost is part of a
call, as it is for whoever uses the library from Python; `overhead` measures it.
"""

import importlib
import os
import statistics
import sys
import time

import numpy as np

from parties import one_by_one, serve

M = 16
EF_CONSTRUCTION = 200


def read(path, dim, limit=None):
    """`[n, dim]` from a raw file."""
    count = -1 if limit is None else limit * dim
    return np.fromfile(path, dtype="<f4", count=count).reshape(-1, dim)


class Peer:
    """A library that is imported before anything is measured."""

    library = ""
    lib = None

    def refine_bytes(self):
        """Bytes that a search touches only for the rows it scores again."""
        return 0


class Hnswlib(Peer):
    """hnswlib, inner product, f32."""

    library = "hnswlib"

    def build(self, values, path, threads):
        index = self.lib.Index(space="ip", dim=values.shape[1])
        index.init_index(len(values), ef_construction=EF_CONSTRUCTION, M=M, random_seed=100)
        index.add_items(values, num_threads=threads)
        index.save_index(path)

    def open(self, path, dim):
        self.index = self.lib.Index(space="ip", dim=dim)
        self.index.load_index(path)

    def prepare(self, setting, threads):
        self.index.set_ef(setting["ef"])
        self.threads = threads

    def search(self, queries, depth):
        return self.index.knn_query(queries, k=depth, num_threads=self.threads)[0]


class Faiss(Peer):
    """A faiss index by its factory string."""

    library = "faiss"
    factory = ""

    def build(self, values, path, threads):
        self.lib.omp_set_num_threads(threads)
        index = self.lib.index_factory(
            values.shape[1], self.spec(*values.shape), self.lib.METRIC_INNER_PRODUCT
        )
        self.before_add(index)
        index.train(values)
        index.add(values)
        self.lib.write_index(index, path)

    def spec(self, n, dim):
        return self.factory

    def before_add(self, index):
        index.hnsw.efConstruction = EF_CONSTRUCTION

    def open(self, path, dim):
        self.index = self.lib.read_index(path)

    def prepare(self, setting, threads):
        self.lib.omp_set_num_threads(threads)
        self.index.hnsw.efSearch = setting["ef"]

    def search(self, queries, depth):
        return self.index.search(queries, depth)[1]


class FaissHnswFlat(Faiss):
    """faiss HNSW over f32."""

    factory = f"HNSW{M},Flat"


class FaissHnswSq(Faiss):
    """faiss HNSW over eight-bit codes."""

    factory = f"HNSW{M},SQ8"


class FaissIvfPq(Faiss):
    """faiss inverted lists, four-bit product quantisation scanned by SIMD, refined by f32."""

    def refine_bytes(self):
        return self.index.ntotal * self.index.d * 4

    def spec(self, n, dim):
        # Lists by the usual rule, 4 * sqrt(n) rounded to a power of two below.
        lists = 1 << int(np.log2(max(4 * np.sqrt(n), 16)))
        return f"IVF{lists},PQ{dim // 4}x4fs,RFlat"

    def before_add(self, index):
        pass

    def prepare(self, setting, threads):
        self.lib.omp_set_num_threads(threads)
        self.index.k_factor = setting["k_factor"]
        self.lib.extract_index_ivf(self.lib.downcast_index(self.index.base_index)).nprobe = setting["nprobe"]


class Usearch(Peer):
    """usearch; cosine, since its eight-bit codes are scaled for it."""

    library = "usearch.index"
    dtype = ""

    def build(self, values, path, threads):
        index = self.lib.Index(
            ndim=values.shape[1], metric="cos", dtype=self.dtype,
            connectivity=M, expansion_add=EF_CONSTRUCTION,
        )
        index.add(np.arange(len(values)), values, threads=threads)
        index.save(path)

    def open(self, path, dim):
        self.index = self.lib.Index.restore(path)

    def prepare(self, setting, threads):
        self.index.expansion_search = setting["ef"]
        self.threads = threads

    def search(self, queries, depth):
        found = self.index.search(queries if len(queries) > 1 else queries[0], depth, threads=self.threads)
        return np.atleast_2d(found.keys)


class UsearchI8(Usearch):
    """Eight bits."""

    dtype = "i8"


class UsearchF16(Usearch):
    """Half precision."""

    dtype = "f16"


PEERS = {
    "hnswlib": Hnswlib,
    "faiss HNSWFlat": FaissHnswFlat,
    "faiss HNSWSQ8": FaissHnswSq,
    "faiss IVF-PQfs+refine": FaissIvfPq,
    "usearch i8": UsearchI8,
    "usearch f16": UsearchF16,
}


def overhead(peer, dim):
    """Microseconds of a call that has next to nothing to search: 16 rows."""
    import tempfile

    rows = np.eye(16, dim, dtype="<f4")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tiny")
        small = type(peer)()
        small.lib = peer.lib
        small.build(rows, path, 1)
        small.open(path, dim)
        small.prepare({"ef": 1, "nprobe": 1, "k_factor": 1}, 1)
        times = []
        for _ in range(2000):
            called = time.perf_counter_ns()
            small.search(rows[:1], 1)
            times.append((time.perf_counter_ns() - called) / 1000)
    return statistics.median(times)


def main():
    peer = PEERS[sys.argv[1]]()
    peer.lib = importlib.import_module(peer.library)
    state = {}

    def answer(command):
        op = command["op"]
        if op == "ready":
            return {}
        if op == "build":
            values = read(command["vectors"], command["dim"], command.get("limit"))
            started = time.perf_counter()
            peer.build(values, command["path"], command["threads"])
            return {"seconds": time.perf_counter() - started}
        if op == "open":
            started = time.perf_counter()
            peer.open(command["path"], command["dim"])
            state["dim"] = command["dim"]
            seconds = time.perf_counter() - started
            return {"seconds": seconds, "file_bytes": os.path.getsize(command["path"]),
                    "hot_bytes": os.path.getsize(command["path"]) - peer.refine_bytes()}
        if op == "overhead":
            # Quantisers cannot be trained on 16 rows; they share HNSWFlat's binding.
            small = peer
            if isinstance(peer, Faiss):
                small = FaissHnswFlat()
                small.lib = peer.lib
            return {"micros": overhead(small, state["dim"])}
        if op == "round":
            queries = read(command["queries"], state["dim"], command.get("limit"))
            peer.prepare(command["setting"], command["threads"])
            depth = command["depth"]
            if command["threads"] == 1:
                return one_by_one(len(queries), lambda at: peer.search(queries[at : at + 1], depth)[0])
            # Its own threads over the whole batch: what it does best.
            started = time.perf_counter()
            found = peer.search(queries, depth)
            seconds = time.perf_counter() - started
            return {"seconds": seconds, "micros": [], "found": found.tolist()}
        raise ValueError(f"unknown command {op}")

    serve(answer)


if __name__ == "__main__":
    main()
