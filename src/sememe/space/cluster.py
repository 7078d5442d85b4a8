"""Clustering: k-means, agglomerative and HDBSCAN, through scikit-learn.

    clusters = cluster(encoder.encode(words), k=2)
    clusters.labels, central_words(clusters, words, vectors)

Reference: Lloyd 1982 with k-means++ (Arthur and Vassilvitskii 2007); Ward 1963; Campello et al.
2013 (doi:10.1007/978-3-642-37456-2_14).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._lazy import require
from sememe._types import FloatArray
from sememe.space.cluster_quality import NOISE, silhouette
from sememe.vectors.checks import check_vectors
from sememe.vectors.nearest import check_k

Labels = NDArray[np.int64]
Method = Literal["kmeans", "agglomerative", "hdbscan"]
_RESTARTS = 10  # of k-means; the best is kept
_LARGEST = 20_000  # items whose n x n distances agglomerative clustering can hold: 1.6 GB


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """The result of `cluster`.

    Attributes:
        labels: (n,) int64, the cluster of each item; -1 is noise. Clusters are numbered in order of
            first appearance.
        centers: (k, dim) float32, the mean of each cluster's vectors, at unit length if they were
            normalized.
        silhouette: Silhouette coefficient, in [-1, 1]; NaN for one cluster.
        method: The clustering method.
    """

    labels: Labels
    centers: FloatArray
    silhouette: float
    method: Method

    @property
    def k(self) -> int:
        """Number of clusters, without noise."""
        return len(self.centers)

    def members(self, label: int) -> Labels:
        """Return the positions of a cluster's items (of the noise for -1), ascending."""
        return np.flatnonzero(self.labels == label)


def cluster(
    vectors: ArrayLike,
    *,
    k: int | None = None,
    method: Method = "kmeans",
    normalize: bool = True,
    max_k: int = 10,
    min_size: int = 5,
    seed: int = 0,
) -> Clusters:
    """Cluster vectors. The same seed gives the same clusters.

    Args:
        vectors: (n, dim), finite.
        k: Number of clusters; None takes the number from 2 to `max_k` with the best silhouette, of
            ties the lowest (and 1 if 2 is impossible). "hdbscan" chooses its own.
        method: "kmeans"; "agglomerative" (Ward's linkage; at most 20,000 items); "hdbscan" (dense
            regions of at least `min_size` items; the rest is noise, -1).
        normalize: Scale rows to unit length first, so that similarity is the cosine.
        max_k: Maximum number of clusters if k is None.
        min_size: Minimum size of a cluster of "hdbscan", 2 or more.
        seed: Seed of the initialisations of k-means.

    Raises:
        InvalidInputError: NaN or infinity, no vector, fewer distinct vectors than k, k with
            "hdbscan", or a number out of range.
        UnknownNameError: No such method.
        MissingExtraError: scikit-learn is not installed.
    """
    if method not in get_args(Method):
        raise UnknownNameError.of("method", method, get_args(Method))
    rows = check_vectors(vectors, normalize=normalize)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise InvalidInputError(f"seed={seed!r}; allowed: a whole number from 0 to 2**32 - 1.")
    _check_numbers(len(rows), k, method, max_k, min_size)
    if method == "hdbscan":
        return _number_clusters(rows, _hdbscan(rows, min_size), method, normalize)
    distinct = _count_distinct(rows, limit=max(k or 0, max_k))
    if k is not None and k > distinct:
        raise InvalidInputError(
            f"k={k}, but there are {distinct} different vectors. Give k={distinct} or less."
        )
    sizes = list(range(2, min(max_k, distinct, len(rows) - 1) + 1)) if k is None else [k]
    tried = [
        _number_clusters(rows, _partition(rows, size, method, seed), method, normalize)
        for size in sizes or [1]
    ]
    return max(tried, key=lambda clusters: (clusters.silhouette, -clusters.k))


def _check_numbers(n: int, k: int | None, method: Method, max_k: int, min_size: int) -> None:
    if k is not None and method == "hdbscan":
        raise InvalidInputError(f"k={k}: hdbscan finds its own number. Leave k out, or min_size=.")
    for name, number in {"k": k, "max_k": max_k, "min_size": min_size}.items():
        if number is not None:
            check_k(number, name)
    if k is not None and k > n:
        raise InvalidInputError(f"k={k}; allowed: 1 to {n}, the number of vectors.")
    for name, number in {"max_k": max_k, "min_size": min_size}.items():
        if number < 2:
            raise InvalidInputError(f"{name}={number}; allowed: 2 or more.")
    if method == "agglomerative" and n > _LARGEST:
        raise InvalidInputError(
            f"got {n} vectors; agglomerative compares each with each and takes {_LARGEST} at most. "
            'Give method="kmeans".'
        )


def _count_distinct(rows: FloatArray, *, limit: int) -> int:
    """Count the rows that differ when rounded to six decimals, up to `limit`."""
    seen: set[bytes] = set()
    for row in rows:
        seen.add((np.round(row, 6) + 0.0).tobytes())  # + 0.0: -0 is 0
        if len(seen) >= limit:
            break
    return len(seen)


def _partition(rows: FloatArray, k: int, method: Method, seed: int) -> Labels:
    if k == 1:
        return np.zeros(len(rows), dtype=np.int64)
    sklearn: Any = require("sklearn.cluster", f'cluster(method="{method}")')
    if method == "kmeans":
        model = sklearn.KMeans(n_clusters=k, n_init=_RESTARTS, random_state=seed)
    else:
        model = sklearn.AgglomerativeClustering(n_clusters=k, linkage="ward")
    return np.asarray(model.fit_predict(rows), np.int64)


def _hdbscan(rows: FloatArray, min_size: int) -> Labels:
    sklearn: Any = require("sklearn.cluster", 'cluster(method="hdbscan")')
    if len(rows) < max(2, min_size):  # too few for one cluster
        return np.full(len(rows), NOISE, dtype=np.int64)
    model = sklearn.HDBSCAN(min_cluster_size=min_size, copy=True)
    return np.asarray(model.fit_predict(rows.astype(np.float64)), np.int64)


def _number_clusters(rows: FloatArray, labels: Labels, method: Method, normalize: bool) -> Clusters:
    """Number the clusters by first appearance and take their means."""
    numbers: dict[int, int] = {}
    for label in labels.tolist():
        if label != NOISE:
            numbers.setdefault(label, len(numbers))
    ordered = np.array([numbers.get(label, NOISE) for label in labels.tolist()], dtype=np.int64)
    centers = np.zeros((len(numbers), rows.shape[1]), dtype=np.float32)
    for label in range(len(numbers)):
        centers[label] = rows[ordered == label].mean(axis=0, dtype=np.float64)
    if normalize and len(centers):
        centers = check_vectors(centers, normalize=True)
    quality = silhouette(rows, ordered, normalize=normalize)
    return Clusters(ordered, centers, quality, method)
