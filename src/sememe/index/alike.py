"""Pairs of images in an index that look alike, by the vectors that are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.search.store import Store


class ImagePair(NamedTuple):
    """Two images of an index that look alike.

    Attributes:
        first, second: Their ids, in order.
        score: The cosine of their vectors, 1 for copies.
    """

    first: str
    second: str
    score: float


def similar_images(
    store: Store, column: str, dim: int, *, max_pairs: int, threshold: float
) -> list[ImagePair]:
    """Return the pairs of images that are most alike in a vector column; see `Index`."""
    from sememe.space.pairs import similar_pairs

    ids, vectors = _images(store, column, dim)
    if len(ids) < 2:
        raise InvalidInputError(
            f"the index holds {len(ids)} image{'s' * (len(ids) != 1)}; pairs need two. Index a "
            "folder of images: sememe index PHOTOS --into DIR"
        )
    pairs = similar_pairs(vectors, max_pairs=max_pairs, threshold=threshold)
    return [ImagePair(ids[pair.first], ids[pair.second], float(pair.score)) for pair in pairs]


def _images(store: Store, column: str, dim: int) -> tuple[list[str], FloatArray]:
    """Return the ids of all images that have a vector, in order, and the vectors (n, dim)."""
    import numpy as np
    import pyarrow as pa

    ids: list[str] = []
    parts: list[FloatArray] = [np.empty((0, dim), np.float32)]
    for batch in store.iterate(["id", "modality", column]):
        is_image = np.array(batch.column("modality").to_pylist(), object) == "image"
        kept: Any = batch.filter(pa.array(is_image & np.asarray(batch.column(column).is_valid())))
        ids += kept.column("id").to_pylist()
        parts.append(kept.column(column).flatten().to_numpy().reshape(-1, dim))
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return [ids[i] for i in order], np.concatenate(parts)[order]
