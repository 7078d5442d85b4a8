"""How good a grouping is: against the truth (purity), or by itself (silhouette)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.space._rows import check_vectors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

NOISE = -1
_SAMPLE = 5000  # points whose distances to each other are computed: 200 MB


def purity(labels: Sequence[int] | NDArray[np.int64], truth: Sequence[Hashable]) -> float:
    """Return the share of items that are of their cluster's most frequent class, in [0, 1].

    labels, truth: (n,). Items labelled -1 (noise) are in no cluster and count as wrong. More
    clusters make it easier: n clusters of one item have purity 1, so state k beside it.

    Raises:
        InvalidInputError: The two differ in length, or hold nothing.

    Reference: Manning, Raghavan and Schuetze 2008, Introduction to Information Retrieval, 16.3.

    >>> purity([0, 0, 0, 1, 1], ["pet", "pet", "fruit", "fruit", "fruit"])
    0.8
    """
    given = np.asarray(labels)
    if given.ndim != 1 or len(given) != len(truth) or not len(given):
        raise InvalidInputError(
            f"got labels of shape {given.shape} and {len(truth)} classes; give one of each for "
            "every item, at least one."
        )
    classes: dict[int, Counter[Hashable]] = {}
    for label, name in zip(given.tolist(), truth, strict=True):
        if label != NOISE:
            classes.setdefault(label, Counter())[name] += 1
    return sum(max(counts.values()) for counts in classes.values()) / len(given)


def silhouette(
    vectors: ArrayLike,
    labels: Sequence[int] | NDArray[np.int64],
    *,
    normalize: bool = True,
    seed: int = 0,
) -> float:
    """Return the mean of (b - a) / max(a, b), in [-1, 1]; higher is better separated.

    a: an item's mean distance to the others of its cluster, b: to those of the nearest other
    cluster; 0 for the only item of a cluster. vectors: (n, dim), at unit length unless told, and
    distances are then 1 - cosine, else Euclidean. Noise (-1) is left out. NaN with fewer than two
    clusters, or where every item is one. Above 5,000 items it is taken on 5,000 drawn by `seed`.

    Reference: Rousseeuw 1987 (doi:10.1016/0377-0427(87)90125-7).
    """
    rows, given = check_vectors(vectors, normalize=normalize), np.asarray(labels)
    if given.shape != (len(rows),):
        raise InvalidInputError(
            f"got {len(rows)} vectors and labels of shape {given.shape}; give one label for each."
        )
    rows, given = rows[given != NOISE], given[given != NOISE]
    if len(rows) > _SAMPLE:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), _SAMPLE, replace=False))
        rows, given = rows[chosen], given[chosen]
    if not 2 <= len(np.unique(given)) < len(given):
        return math.nan
    metrics: Any = require("sklearn.metrics", "silhouette")
    metric = "cosine" if normalize else "euclidean"
    return float(metrics.silhouette_score(rows, given, metric=metric))
