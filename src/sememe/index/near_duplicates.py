"""Near-duplicate images or audio of an index, by the vectors that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._ties import rank
from sememe._types import FloatArray, Modality
from sememe.index.config import EncoderEntry
from sememe.models.weights.catalog import STRUCTURE_MODEL
from sememe.search.store import Store

_NOUNS = {"image": "image", "audio": "audio item"}
_COSINE = 0.95  # least score, by default, of near-duplicates by their vectors
_CANDIDATES = 10  # pairs of images for each image whose structures are aligned
_LEAST_CANDIDATES = 10_000


class SimilarPair(NamedTuple):
    """Two images, or two audio items, that are similar.

    Attributes:
        first, second: Their ids, in order; of files, their paths within the folder.
        score: 1 for copies. The cosine of their vectors, but of the structure of images the
            correlation once they are aligned; see `sememe.space.image_structure`.
    """

    first: str
    second: str
    score: float


ImagePair = SimilarPair
SoundPair = SimilarPair


def choose_threshold(encoder: str) -> float:
    """Return the lowest score of near-duplicates by the vectors of an encoder, by its name."""
    from sememe.space.image_structure import SAME

    return SAME if encoder == STRUCTURE_MODEL else _COSINE


def rank_similar_pairs(
    names: Sequence[str],
    vectors: FloatArray,
    encoder: str,
    *,
    max_pairs: int,
    threshold: float | None,
) -> list[SimilarPair]:
    """Return the most similar pairs of (n, dim) vectors by their names, most similar first.

    encoder: Name of the one that made the vectors. threshold: The lowest score; None is that of
    `choose_threshold`.
    """
    from sememe.space.pairs import check_threshold, similar_pairs

    lowest = choose_threshold(encoder) if threshold is None else check_threshold(threshold)
    if encoder == STRUCTURE_MODEL:
        return _rank_by_structure(names, vectors, max_pairs, lowest)
    pairs = similar_pairs(vectors, max_pairs=max_pairs, threshold=lowest)
    return [SimilarPair(names[i], names[j], float(score)) for i, j, score in pairs]


def find_near_duplicates(
    store: Store,
    encoder: EncoderEntry,
    modality: Modality,
    *,
    max_pairs: int,
    threshold: float | None,
) -> list[SimilarPair]:
    """Return the most similar pairs in an encoder's column; see `Searchable.similar_images`."""
    ids, vectors = _read_vectors(store, encoder.column, encoder.dim, modality)
    if len(ids) < 2:
        held = f"{len(ids)} {_NOUNS[modality]}{'s' * (len(ids) != 1)}"
        raise InvalidInputError(
            f"the index holds {held}; pairs need two. Index a folder of them: "
            "sememe index FOLDER --into DIR"
        )
    limits: dict[str, Any] = {"max_pairs": max_pairs, "threshold": threshold}
    return rank_similar_pairs(ids, vectors, encoder.name, **limits)


def _rank_by_structure(
    names: Sequence[str], vectors: FloatArray, max_pairs: int, lowest: float
) -> list[SimilarPair]:
    """Rank pairs of images by `compare_structures`, which is given those of high cosine."""
    from sememe.space.image_structure import CANDIDATE, compare_structures
    from sememe.space.pairs import similar_pairs
    from sememe.vectors.nearest import check_k

    check_k(max_pairs, "max_pairs")
    most = max(_LEAST_CANDIDATES, _CANDIDATES * len(vectors), max_pairs)
    pairs = similar_pairs(vectors, max_pairs=most, threshold=min(CANDIDATE, lowest))
    rows = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    scores = compare_structures(vectors[rows[:, 0]], vectors[rows[:, 1]])
    kept = np.flatnonzero(scores >= lowest)
    ranked = rank(scores[kept], kept.tolist())[:max_pairs]
    found = [(rows[kept[i]].tolist(), score) for i, score in ranked]
    return [SimilarPair(names[i], names[j], score) for (i, j), score in found]


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
