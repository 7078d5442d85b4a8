"""Near-duplicate images or audio of an index, by the vectors that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import FloatArray, Modality
from sememe.search.store import Store

_NOUNS = {"image": "image", "audio": "audio item"}


class SimilarPair(NamedTuple):
    """Two images, or two audio items, that are similar.

    Attributes:
        first, second: Their ids, in order; of files, their paths within the folder.
        score: The cosine of their vectors, 1 for copies.
    """

    first: str
    second: str
    score: float


ImagePair = SimilarPair
SoundPair = SimilarPair


def rank_similar_pairs(
    names: Sequence[str], vectors: FloatArray, *, max_pairs: int, threshold: float
) -> list[SimilarPair]:
    """Return the most similar pairs of (n, dim) vectors by their names, most similar first."""
    from sememe.space.pairs import similar_pairs

    pairs = similar_pairs(vectors, max_pairs=max_pairs, threshold=threshold)
    return [SimilarPair(names[i], names[j], float(score)) for i, j, score in pairs]


def find_near_duplicates(
    store: Store, column: str, dim: int, modality: Modality, *, max_pairs: int, threshold: float
) -> list[SimilarPair]:
    """Return the most similar pairs in a vector column; see `Searchable.similar_images`."""
    ids, vectors = _read_vectors(store, column, dim, modality)
    if len(ids) < 2:
        held = f"{len(ids)} {_NOUNS[modality]}{'s' * (len(ids) != 1)}"
        raise InvalidInputError(
            f"the index holds {held}; pairs need two. Index a folder of them: "
            "sememe index FOLDER --into DIR"
        )
    return rank_similar_pairs(ids, vectors, max_pairs=max_pairs, threshold=threshold)


def _read_vectors(
    store: Store, column: str, dim: int, modality: Modality
) -> tuple[list[str], FloatArray]:
    """Return the ids of all items that have a vector, in order, and the vectors (n, dim).

    The vector of audio is the mean of its windows', at unit length.
    """
    import pyarrow as pa

    ids: list[str] = []
    parts: list[FloatArray] = [np.empty((0, dim), np.float32)]
    for batch in store.iterate(["id", "modality", column]):
        is_ours = np.array(batch.column("modality").to_pylist(), object) == modality
        kept: Any = batch.filter(pa.array(is_ours & np.asarray(batch.column(column).is_valid())))
        ids += kept.column("id").to_pylist()
        parts.append(kept.column(column).flatten().to_numpy().reshape(-1, dim))
    order, rows = np.unique(np.array(ids, object), return_inverse=True)
    sums = np.zeros((len(order), dim), np.float32)
    np.add.at(sums, rows, np.concatenate(parts))
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return order.tolist(), sums / np.maximum(norms, 1e-12)
