"""From scored rows to ranked documents: best row of each, score descending, ties by id.

Which scores tie is defined in `sememe._ties`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._ties import highest
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
