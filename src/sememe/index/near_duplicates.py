"""Pairs of images, or of sounds, in an index that are alike, by the vectors that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe._types import FloatArray, Modality
    from sememe.search.store import Store

_NOUNS = {"image": "image", "audio": "sound"}


class ImagePair(NamedTuple):
    """Two images of an index that look alike.

    Attributes:
        first, second: Their ids, in order.
        score: The cosine of their vectors, 1 for copies.
    """

    first: str
    second: str
    score: float


class SoundPair(NamedTuple):
    """Two recordings of an index that sound alike.

    Attributes:
        first, second: Their ids, in order.
        score: The cosine of their vectors, 1 for copies.
    """

    first: str
    second: str
    score: float


def similar_items(
    store: Store, column: str, dim: int, modality: Modality, *, max_pairs: int, threshold: float
) -> list[tuple[str, str, float]]:
    """Return the pairs that are most alike in a vector column; see `Searchable.similar_images`."""
    from sememe.space.pairs import similar_pairs

    ids, vectors = _vectors(store, column, dim, modality)
    if len(ids) < 2:
        noun = _NOUNS[modality]
        raise InvalidInputError(
            f"the index holds {len(ids)} {noun}{'s' * (len(ids) != 1)}; pairs need two. Index a "
            f"folder of {noun}s: sememe index FOLDER --into DIR"
        )
    pairs = similar_pairs(vectors, max_pairs=max_pairs, threshold=threshold)
    return [(ids[pair.first], ids[pair.second], float(pair.score)) for pair in pairs]


def _vectors(
    store: Store, column: str, dim: int, modality: Modality
) -> tuple[list[str], FloatArray]:
    """Return the ids of all items that have a vector, in order, and the vectors (n, dim).

    That of a recording is the mean of its windows', at unit length.
    """
    import numpy as np
    import pyarrow as pa

    ids: list[str] = []
    parts: list[FloatArray] = [np.empty((0, dim), np.float32)]
    for batch in store.iterate(["id", "modality", column]):
        is_ours = np.array(batch.column("modality").to_pylist(), object) == modality
        kept: Any = batch.filter(pa.array(is_ours & np.asarray(batch.column(column).is_valid())))
        ids += kept.column("id").to_pylist()
        parts.append(kept.column(column).flatten().to_numpy().reshape(-1, dim))
    order = sorted(set(ids))
    place = {id_: i for i, id_ in enumerate(order)}
    sums = np.zeros((len(order), dim), np.float32)
    np.add.at(sums, [place[id_] for id_ in ids], np.concatenate(parts))
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    found: FloatArray = sums / np.maximum(norms, 1e-12)
    return order, found
