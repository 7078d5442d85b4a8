"""A matrix with a key for each row: lookups, similarities, neighbours and analogies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError, UnknownKeyError, UnknownNameError
from sememe._ties import rank
from sememe._types import FloatArray
from sememe.vectors import arithmetic, checks, nearest
from sememe.vectors.arithmetic import Method
from sememe.vectors.checks import check_keys, cosine_similarity, resolve_metric
from sememe.vectors.keys import Keys, ListKeys
from sememe.vectors.nearest import Ranked

Similarity = Literal["cosine", "dot"]
Distance = Literal["cosine", "euclidean", "manhattan"]
Among = int | None  # search only so many keys, the first, which are the most frequent
_Default = TypeVar("_Default")


class KeyedMatrix:
    """Rows with keys, and the queries over them; see `KeyedVectors`."""

    def __init__(
        self, keys: Sequence[str], matrix: ArrayLike, *, counts: ArrayLike | None = None
    ) -> None:
        """Take n keys, their (n, dim) vectors and how often each was seen.

        A float32 matrix is not copied; do not change it afterwards.

        Raises:
            InvalidInputError: Duplicate keys, another number of keys than rows, a matrix that is
                not 2-D or not finite, counts that are negative or not n.
        """
        self._keys = keys if isinstance(keys, Keys) else ListKeys(keys)
        self._matrix = checks.check_matrix(matrix, "matrix")
        if len(self._matrix) != len(self._keys):
            raise InvalidInputError(
                f"got {len(self._keys)} keys and {len(self._matrix)} rows; give one row for each."
            )
        self._counts = None if counts is None else checks.check_counts(counts, len(self._keys))

    @property
    def keys(self) -> Keys:
        """The keys in order: a sequence of str with fast `in`."""
        return self._keys

    @property
    def matrix(self) -> FloatArray:
        """The vectors, (n, dim) float32, read-only; maybe a memory-mapped file."""
        return self._matrix

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How often each key was seen in training, (n,), or None."""
        return self._counts

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._matrix.shape[1])

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} keys, dim={self.dim})"

    def __getitem__(self, key: str) -> FloatArray:
        return np.array(self._matrix[self.index_of(key)])

    def get(self, key: str, default: _Default | None = None) -> FloatArray | _Default | None:
        """Return the (dim,) vector of a key, or `default` if the key is unknown."""
        row = self._keys.find(key)
        return default if row < 0 else self._matrix[row].copy()

    def index_of(self, key: str) -> int:
        """Return the row of a key.

        Raises:
            UnknownKeyError: The key is unknown; the message suggests similar keys.
        """
        row = self._keys.find(key)
        if row < 0:
            raise self._unknown(key)
        return row

    def _unknown(self, key: object) -> UnknownKeyError:
        close = partial(self._keys.close_to, key) if isinstance(key, str) else list[str]
        return UnknownKeyError.of(key, close, len(self))

    def rows(self, keys: Sequence[str]) -> FloatArray:
        """Return the vectors of keys, (n, dim); raises for an unknown one as `index_of` does."""
        return self._matrix[[self.index_of(key) for key in check_keys(keys)]]

    # Pairs of keys

    def similarity(self, a: str, b: str, *, metric: Similarity = "cosine") -> float:
        """Return the cosine (in [-1, 1]) or inner product of two keys' vectors."""
        metric = resolve_metric(metric, get_args(Similarity))
        x, y = (row.astype(np.float64) for row in self.rows([a, b]))
        return float(x @ y) if metric == "dot" else cosine_similarity(x, y)

    def distance(self, a: str, b: str, *, metric: Distance = "cosine") -> float:
        """Return the distance of two keys: 1 - cosine, or the norm of the difference."""
        metric = resolve_metric(metric, get_args(Distance))
        x, y = (row.astype(np.float64) for row in self.rows([a, b]))
        if metric == "cosine":
            return 1 - cosine_similarity(x, y)
        return float(np.linalg.norm(x - y, ord=2 if metric == "euclidean" else 1))

    # Neighbours

    def most_similar(
        self, key: str, k: int = 10, *, metric: Similarity = "cosine", among: Among = None
    ) -> Ranked:
        """Return the k keys most similar to a key, without itself, as (key, score).

        among: Search only the first `among` keys, the most frequent ones.
        """
        return self.most_similar_of_many([key], k, metric=metric, among=among)[0]

    def most_similar_of_many(
        self,
        keys: Sequence[str],
        k: int = 10,
        *,
        metric: Similarity = "cosine",
        among: Among = None,
    ) -> list[Ranked]:
        """Return `most_similar` of each key, computed in blocks."""
        queries = self.rows(keys)
        return self._search(queries, k, metric, among, [[self._keys.find(key)] for key in keys])

    def search(
        self, vector: ArrayLike, k: int = 10, *, metric: Similarity = "cosine", among: Among = None
    ) -> Ranked:
        """Return the k keys nearest to a (dim,) vector as (key, score)."""
        query = self._check_queries([vector])
        return self._search(query, k, metric, among, [[]])[0]

    def search_many(
        self, vectors: ArrayLike, k: int = 10, *, metric: Similarity = "cosine", among: Among = None
    ) -> list[Ranked]:
        """Return `search` of each row of (n, dim) vectors, computed in blocks."""
        queries = self._check_queries(vectors)
        return self._search(queries, k, metric, among, [[] for _ in queries])

    def nearest(
        self, vector: ArrayLike, k: int = 10, *, metric: Distance = "euclidean"
    ) -> list[tuple[str, float]]:
        """Return the k keys least distant from a (dim,) vector as (key, distance), nearest first.

        For the neighbours of a key give its vector; the key itself comes first, at distance 0.
        """
        metric = resolve_metric(metric, get_args(Distance))
        query = self._check_queries([vector])
        norms = self._norms  # raises for NaN
        if metric == "cosine":
            scores = nearest.cosines(self._matrix, norms, query)[0] - 1
        else:
            scores = -nearest.distances(self._matrix, query[0], metric)
        k = nearest.check_k(k)
        ranked = nearest.rank_best(scores, self._keys, k=k, relative=metric != "cosine")
        return [(key, abs(score)) for key, score in ranked]

    # Arithmetic

    def analogy(
        self, a: str, b: str, c: str, k: int = 1, *, method: Method = "3CosAdd", among: Among = None
    ) -> Ranked:
        """Answer "a is to b as c is to ?" with the k best keys, none of them a, b or c.

        method: "3CosAdd" (b - a + c over unit vectors) or "3CosMul" (Levy & Goldberg 2014).
        """
        return self.analogies([(a, b, c)], k, method=method, among=among)[0]

    def analogies(
        self,
        questions: Sequence[tuple[str, str, str]],
        k: int = 1,
        *,
        method: Method = "3CosAdd",
        among: Among = None,
    ) -> list[Ranked]:
        """Return `analogy` of each question (a, b, c), computed in blocks."""
        if method not in get_args(Method):
            raise UnknownNameError.of("method", method, get_args(Method))
        k = nearest.check_k(k)
        if odd := [q for q in questions if isinstance(q, str) or len(q) != 3]:
            raise InvalidInputError(f"got the question {odd[0]!r}; give three keys: (a, b, c).")
        matrix, norms = self._take_first(among)
        relative = method == "3CosMul"
        score = arithmetic.three_cos_add if method == "3CosAdd" else arithmetic.three_cos_mul
        answers: list[Ranked] = []
        for block in nearest.iterate_blocks(len(questions), len(matrix)):
            a, b, c = (self.rows([q[i] for q in questions[block]]) for i in range(3))
            without = [[self._keys.find(key) for key in question] for question in questions[block]]
            answers += self._rank(score(matrix, norms, a, b, c), k, without, relative)
        return answers

    def odd_one_out(self, keys: Sequence[str]) -> str:
        """Return the key least similar to the centroid of all of them; ties by key.

        Raises:
            InvalidInputError: Fewer than 3 keys.
        """
        if len(check_keys(keys)) < 3:
            raise InvalidInputError(f"got {len(keys)} keys; give 3 or more.")
        rows = nearest.unit(self.rows(keys))
        odd, _ = rank(-(rows @ nearest.unit(rows.mean(axis=0))), keys)[0]
        return keys[odd]

    def centroid(
        self, keys: Sequence[str], *, weights: ArrayLike | None = None, normalize: bool = True
    ) -> FloatArray:
        """Return the (dim,) mean of the keys' vectors.

        weights: (n,), one per key, with a sum other than 0. normalize: Average unit vectors.
        """
        if not len(check_keys(keys)):
            raise InvalidInputError("keys is empty; the mean of none is not defined. Give some.")
        rows = self.rows(keys)
        shares = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if shares.shape != (len(keys),) or not np.isfinite(shares).all() or not shares.sum():
            raise InvalidInputError(
                f"weights={weights!r}; give {len(keys)} finite numbers whose sum is not 0."
            )
        mean = shares @ (nearest.unit(rows) if normalize else rows) / shares.sum()
        return np.asarray(mean, np.float32)

    # Shared by the queries

    @cached_property
    def _norms(self) -> FloatArray:
        return nearest.compute_norms(self._matrix)

    def _take_first(self, among: Among) -> tuple[FloatArray, FloatArray]:
        """Return the rows to search and their norms."""
        if among is None:
            return self._matrix, self._norms
        first = nearest.check_k(among, "among")
        return self._matrix[:first], self._norms[:first]

    def _search(
        self,
        queries: FloatArray,
        k: int,
        metric: str,
        among: Among,
        without: Sequence[Sequence[int]],
    ) -> list[Ranked]:
        metric = resolve_metric(metric, get_args(Similarity))
        k = nearest.check_k(k)
        matrix, norms = self._take_first(among)
        results: list[Ranked] = []
        for block in nearest.iterate_blocks(len(queries), len(matrix)):
            if metric == "cosine":
                scores = nearest.cosines(matrix, norms, queries[block])
            else:
                scores = nearest.products(matrix, queries[block])
            results += self._rank(scores, k, without[block], metric != "cosine")
        return results

    def _rank(
        self, scores: FloatArray, k: int, without: Sequence[Sequence[int]], relative: bool
    ) -> list[Ranked]:
        """Return the k best keys of each row of (queries, rows) scores, without some rows."""
        return [
            nearest.rank_best(row, self._keys, k=k, without=skip, relative=relative)
            for row, skip in zip(scores, without, strict=True)
        ]

    def _check_queries(self, vectors: Any) -> FloatArray:
        queries = checks.to_float32(vectors, "the query")
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise InvalidInputError(
                f"got vectors of shape {queries.shape}; a query here has {self.dim} numbers."
            )
        if not np.isfinite(queries).all():
            raise InvalidInputError("the query holds NaN or infinity; leave such vectors out.")
        return queries
