"""The systems that search.py compares: how each stores vectors on disk and answers a query.

Every one runs as its makers set it up, but for what is said beside it. Databases (sememe, LanceDB,
Chroma) store id, short text and vector; usearch and FAISS store numbers and vectors alone. sememe
and Chroma index the words of the text as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _made import DIM

from sememe.search.ranking.approximate import EXACT_LIMIT

K = 10
Batches = Iterator[tuple[int, np.ndarray, list[str]]]  # number of the first row, vectors, texts
Answer = Callable[[np.ndarray], Sequence[int]]  # (512,) query -> numbers of the nearest rows


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to store and search.

    Attributes:
        label: What the table calls it.
        module: What must be installed.
        build: Stores the batches in a folder; what it returns is added to the label.
        open: Returns how to answer one query from that folder.
        folder: Another engine whose folder it searches, instead of building its own.
        above: Rows up to which it would be the same as that other one, and is left out.
    """

    label: str
    module: str
    build: Callable[[Path, Batches, int], str]
    open: Callable[[Path, int], Answer]
    folder: str = ""
    above: int = 0


# sememe: the store under an index, in batches of 2,048 rows as `Index.add` commits them.

_COLUMN = "vector_00000000"


def _build_sememe(folder: Path, batches: Batches, threads: int) -> str:
    from sememe.search.store import Store
    from sememe.search.table.rows import Row

    store = Store.create(folder, {_COLUMN: DIM})
    for first, vectors, texts in batches:
        rows = [
            Row(
                id=str(first + i),
                part=0,
                parts=1,
                modality="text",
                source="benchmark",
                text=text,
                start=0,
                end=len(text),
                hash=f"{first + i:032x}",
                vectors={_COLUMN: vectors[i]},
                terms=text,
            )
            for i, text in enumerate(texts)
        ]
        for start in range(0, len(rows), 2048):
            store.append(rows[start : start + 2048])
    store.compact()
    if store.count() <= store.exact_limit:
        return "exact"
    facts = json.loads((folder / "ann.json").read_text())["columns"][_COLUMN]
    return (
        f"approximate: {facts['kind']}, {facts['probes']} probes, "
        f"which it measured at recall {facts['recall_at_10']}"
    )


def _open_sememe(folder: Path, threads: int, *, exact: bool = False) -> Answer:
    from sememe.search.store import Store

    store = Store.open(folder)
    if exact:
        store.exact_limit = store.count()
    return lambda query: [int(i) for i in store.search_vectors(_COLUMN, query[None], K)[0].ids]


# LanceDB, used directly: one table in one commit.


def _build_lancedb(index: str) -> Callable[[Path, Batches, int], str]:
    def build(folder: Path, batches: Batches, threads: int) -> str:
        import lancedb
        import pyarrow as pa

        schema = pa.schema(
            [("id", pa.string()), ("text", pa.string()), ("vector", pa.list_(pa.float32(), DIM))]
        )

        def stream() -> Iterator[Any]:
            for first, vectors, texts in batches:
                ids = [str(first + i) for i in range(len(texts))]
                column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), DIM)
                yield pa.record_batch([pa.array(ids), pa.array(texts), column], schema=schema)

        table = lancedb.connect(folder).create_table("rows", stream(), schema=schema)
        if index:
            table.create_index(metric="dot", index_type=index)
        return ""

    return build


def _open_lancedb(refine: int) -> Callable[[Path, int], Answer]:
    def opened(folder: Path, threads: int) -> Answer:
        import lancedb

        table = lancedb.connect(folder).open_table("rows")

        def answer(query: np.ndarray) -> list[int]:
            search = table.search(query).distance_type("dot").select(["id", "_distance"]).limit(K)
            found = (search.refine_factor(refine) if refine else search).to_arrow()
            return [int(i) for i in found["id"].to_pylist()]

        return answer

    return opened


# usearch: HNSW with its defaults (connectivity 16, expansion 128 to add and 64 to search).


def _build_usearch(folder: Path, batches: Batches, threads: int) -> str:
    from usearch.index import Index

    index = Index(ndim=DIM, metric="ip")
    for first, vectors, _ in batches:
        index.add(np.arange(first, first + len(vectors)), vectors, threads=threads)
    index.save(str(folder / "index.usearch"))
    return f"stored as {str(index.dtype).rsplit('.', 1)[-1].lower()}, its default here"


def _open_usearch(folder: Path, threads: int) -> Answer:
    from usearch.index import Index

    index = Index.restore(str(folder / "index.usearch"))
    return lambda query: index.search(query, K, threads=threads).keys.tolist()


# FAISS: every vector in memory, compared one by one.


def _build_faiss(folder: Path, batches: Batches, threads: int) -> str:
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(DIM)
    for _, vectors, _ in batches:
        index.add(vectors)
    faiss.write_index(index, str(folder / "index.faiss"))
    return "exact"


def _open_faiss(folder: Path, threads: int) -> Answer:
    """One query is too little for two threads where the machine is not quiet: both are measured."""
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.read_index(str(folder / "index.faiss"))
    return lambda query: index.search(query[None], K)[1][0].tolist()


# Chroma: HNSW with its defaults; squared L2, which ranks unit vectors as the inner product does.


def _chroma(folder: Path) -> Any:
    import chromadb

    settings = chromadb.Settings(anonymized_telemetry=False)
    return chromadb.PersistentClient(str(folder), settings=settings)


def _build_chroma(folder: Path, batches: Batches, threads: int) -> str:
    client = _chroma(folder)
    rows = client.create_collection("rows", embedding_function=None)
    most = client.get_max_batch_size()
    for first, vectors, texts in batches:
        ids = [str(first + i) for i in range(len(texts))]
        for start in range(0, len(ids), most):
            some = slice(start, start + most)
            rows.add(ids[some], embeddings=vectors[some], documents=texts[some])
    return "defaults"


def _open_chroma(folder: Path, threads: int) -> Answer:
    rows = _chroma(folder).get_collection("rows", embedding_function=None)

    def answer(query: np.ndarray) -> list[int]:
        found = rows.query(query_embeddings=[query], n_results=K, include=["distances"])
        return [int(i) for i in found["ids"][0]]

    return answer


ENGINES = {
    "sememe": Engine("sememe", "sememe", _build_sememe, _open_sememe),
    "sememe-exact": Engine(
        "sememe, told to be exact",
        "sememe",
        _build_sememe,
        lambda folder, threads: _open_sememe(folder, threads, exact=True),
        folder="sememe",
        above=EXACT_LIMIT,
    ),
    "lancedb-flat": Engine(
        "LanceDB, no index (exact)", "lancedb", _build_lancedb(""), _open_lancedb(0)
    ),
    "lancedb-rq": Engine(
        "LanceDB, IVF_RQ, refine 10", "lancedb", _build_lancedb("IVF_RQ"), _open_lancedb(10)
    ),
    "lancedb-pq": Engine(
        "LanceDB, IVF_PQ, refine 10", "lancedb", _build_lancedb("IVF_PQ"), _open_lancedb(10)
    ),
    "usearch": Engine("usearch, HNSW", "usearch", _build_usearch, _open_usearch),
    "faiss": Engine("FAISS, flat", "faiss", _build_faiss, _open_faiss),
    "faiss-1": Engine(
        "FAISS, flat, 1 thread",
        "faiss",
        _build_faiss,
        lambda folder, threads: _open_faiss(folder, 1),
        folder="faiss",
    ),
    "chroma": Engine("Chroma, HNSW", "chromadb", _build_chroma, _open_chroma),
}
