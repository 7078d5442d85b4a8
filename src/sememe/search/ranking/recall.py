"""Recall of an approximate search: queries, and the exact answers to compare it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.search.ranking.exact import stream_vectors
from sememe.search.table.lance_table import Addresses, LanceTable, is_at

QUERIES = 200
NEAREST = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """Queries with their exact answers, and the mean of the whole column.

    Attributes:
        queries: (m, dim) float32.
        truth: (m, 10) uint64, addresses of the nearest rows by inner product.
        mean: (dim,) float32, the mean of all rows; times a query it is the mean similarity.
        rows: (2m, dim) float32, rows drawn at random; times a query, like those of all rows.
    """

    queries: FloatArray
    truth: NDArray[np.uint64]
    mean: FloatArray
    rows: FloatArray

    def measure_recall(self, answers: Sequence[Addresses]) -> float:
        """Return recall@10: the mean share of the nearest rows among the answers."""
        pairs = zip(self.truth, answers, strict=True)
        return sum(int(np.isin(true, got).sum()) for true, got in pairs) / max(1, self.truth.size)


def draw_sample(table: LanceTable, column: str) -> Sample:
    """Draw queries and answer them exactly in one pass over the column.

    A query is a row drawn at random (seed 0), moved a third of the way towards another: near the
    data, as real queries are, but not one of the rows.
    """
    rows = _draw(table, column, 2 * QUERIES, np.random.default_rng(0))
    half = len(rows) // 2
    queries = rows[:half] + 0.5 * rows[half : 2 * half]
    dim = rows.shape[1]
    best = np.full((half, NEAREST), -np.inf, dtype=np.float32)
    truth = np.zeros((half, NEAREST), dtype=np.uint64)
    total, count = np.zeros(dim), 0
    for addresses, matrix in stream_vectors(table, column, dim):
        scores = np.hstack([best, queries @ matrix.T])
        known = np.hstack([truth, np.broadcast_to(addresses, (half, len(addresses)))])
        top = np.argpartition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
        best = np.take_along_axis(scores, top, axis=1)
        truth = np.take_along_axis(known, top, axis=1)
        total += matrix.sum(axis=0, dtype=np.float64)
        count += len(matrix)
    return Sample(queries, truth, (total / max(1, count)).astype(np.float32), rows)


def _draw(table: LanceTable, column: str, n: int, rng: np.random.Generator) -> FloatArray:
    """Draw up to n vectors at random, without replacement, in random order."""
    addresses = table.scan([], filter=f"{column} IS NOT NULL")["_rowaddr"].to_numpy()
    chosen = rng.choice(addresses, size=min(n, len(addresses)), replace=False)
    taken: Any = table.dataset.to_table(columns=[column], filter=is_at(chosen))
    pieces = taken[column].chunks
    rows: FloatArray = np.vstack(
        [piece.flatten().to_numpy().reshape(-1, piece.type.list_size) for piece in pieces]
    )
    return rows[rng.permutation(len(rows))]
