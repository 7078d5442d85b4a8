"""Quality of a clustering: purity against known classes, and the silhouette without them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe.vectors.checks import check_vectors

NOISE = -1
_SAMPLE = 5000  # points whose distances to each other are computed: 200 MB


def purity(labels: ArrayLike, truth: Sequence[Hashable]) -> float:
    """Return the fraction of items that are of their cluster's most frequent class, in [0, 1].

    labels, truth: (n,). Items labelled -1 (noise) count as wrong. Purity rises with the number of
    clusters (n clusters of one item have purity 1), so report k with it.

    Raises:
        InvalidInputError: The two differ in length, or are empty.

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
    vectors: ArrayLike, labels: ArrayLike, *, normalize: bool = True, seed: int = 0
) -> float:
    """Return the mean of (b - a) / max(a, b), in [-1, 1]; higher is better separated.

    a: Mean distance of an item to the others of its cluster, b: to those of the nearest other
    cluster; 0 for the only item of a cluster. vectors: (n, dim). Distances are 1 - cosine, or
    Euclidean without `normalize`. Noise (-1) is left out. NaN with fewer than two clusters, or as
    many as items. Above 5,000 items it is computed on a random sample of 5,000.

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
