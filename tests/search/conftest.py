"""Rows to fill a store with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sememe.search.store import Store
from sememe.search.table.rows import Row

COLUMN = "vector_0a1b2c3d"
DIM = 16


def unit(rng: np.random.Generator, n: int, dim: int = DIM) -> np.ndarray:
    vectors = rng.standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_row(id: str, part: int = 0, parts: int = 1, **given) -> Row:
    """A row whose vector follows from its id, part and hash unless one is given."""
    hash = given.pop("hash", "h")
    seed = [*f"{id}/{part}/{hash}".encode("utf-8", "surrogatepass")]
    values = {
        "modality": "text",
        "source": f"{id}.md",
        "text": f"text of {id}, part {part}",
        "start": 10 * part,
        "end": 10 * part + 10,
        "vectors": {COLUMN: unit(np.random.default_rng(seed), 1)[0]},
        "terms": f"{id} common" if part == 0 else None,
    }
    return Row(id=id, part=part, parts=parts, hash=hash, **(values | given))


def naive_bm25(query: Sequence[str], documents: Sequence[str]) -> np.ndarray:
    """Robertson and Zaragoza 2009, k1=1.2, b=0.75, transcribed; a repeated term counts again."""
    counts = [Counter(document.split()) for document in documents]
    lengths = [sum(c.values()) for c in counts]
    n, mean = len(documents), sum(lengths) / len(documents)
    scores = np.zeros(n)
    for term in query:
        df = sum(term in c for c in counts)
        idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
        for i, c in enumerate(counts):
            tf = c[term]
            scores[i] += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * lengths[i] / mean))
    return scores


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.create(tmp_path / "store", {COLUMN: DIM})


@pytest.fixture
def contents() -> Callable[[Store], dict[str, list[tuple[int, str]]]]:
    """Everything a store holds, as id -> sorted (part, hash)."""

    def read(store: Store) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        for batch in store.iterate(["id", "part", "hash"]):
            for row in batch.to_pylist():
                found.setdefault(row["id"], []).append((row["part"], row["hash"]))
        return {id: sorted(rows) for id, rows in found.items()}

    return read
