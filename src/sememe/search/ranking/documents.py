"""From scored rows to ranked documents: best row of each, score descending, ties by id.

Which scores tie is defined in `sememe._ties`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._ties import TOLERANCE, highest
from sememe.search.table.lance_table import Addresses
from sememe.search.table.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Ranking:
    """Documents, best first, at most k of them.

    Attributes:
        ids: Distinct ids, score descending, ties by id ascending.
        rows: (k,) uint64, address of the best row of each; `Store.rows` fetches it.
        scores: (k,) float32, higher is better.
    """

    ids: list[str]
    rows: Addresses
    scores: NDArray[np.float32]


def rank_documents(
    snapshot: Snapshot,
    positions: NDArray[np.int64],
    scores: NDArray[np.float32],
    k: int,
    *,
    relative: bool = False,
) -> Ranking:
    """Rank the documents of the rows at `positions`, (n,), with their `scores`, (n,).

    relative: The scores have no scale of their own; see `sememe._ties.settle`.
    """
    take = min(len(scores), max(4 * k, 64))
    while True:
        chosen, settled = highest(scores, take, relative=relative)
        ids, at, best = _distinct(snapshot, positions[chosen], settled, k)
        if len(ids) == k or len(chosen) == len(scores):
            return Ranking(ids, snapshot.addresses[at], best.astype(np.float32, copy=False))
        take = min(len(scores), 4 * take)


def rank_estimated(
    snapshot: Snapshot,
    positions: NDArray[np.int64],
    estimates: NDArray[np.float32],
    error: float,
    k: int,
    score: Callable[[NDArray[np.int64]], NDArray[np.float32]],
) -> Ranking:
    """Rank documents as `rank_documents` does, scoring those rows only that may be among the best.

    positions: (n,) ascending. estimates: (n,), none farther than `error` from the score. score:
    Returns the scores (m,) of rows at positions (m,), ascending.
    """
    take, margin = 2 * k, error + 2 * TOLERANCE
    while True:
        chosen, least = positions, -np.inf
        if take < len(estimates):
            edge = np.partition(estimates, len(estimates) - take)[len(estimates) - take]
            chosen = positions[estimates >= edge - error - margin]
            least = edge - error  # rows left out score less by twice the tolerance: none ties
        ranking = rank_documents(snapshot, chosen, score(chosen), k)
        if len(chosen) == len(positions) or (len(ranking.ids) == k and ranking.scores[-1] >= least):
            return ranking
        take *= 4


def _distinct(
    snapshot: Snapshot, positions: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.float32]]:
    """Keep the best row of each document; of equal rows the earlier part."""
    import pyarrow as pa
    import pyarrow.compute as pc

    documents = snapshot.documents[positions]
    order = np.lexsort((snapshot.parts[positions], -scores, documents))
    ordered = documents[order]
    first = order[np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])] if len(order) else order
    names = snapshot.ids.take(pa.array(snapshot.documents[positions[first]]))
    keys = [("score", "descending"), ("id", "ascending")]
    entries = pa.table({"score": scores[first], "id": names})
    select: Any = pc.select_k_unstable  # the stubs know arrays only
    ranked = select(entries, k, sort_keys=keys).to_numpy()
    kept = first[ranked]
    return names.take(pa.array(ranked)).to_pylist(), positions[kept], scores[kept]
