"""Vectors of words and of their parts: no string is unknown (Bojanowski et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.text.ngrams import Ngrams
from sememe.vectors import nearest
from sememe.vectors.checks import checked_matrix, listed
from sememe.vectors.keyed import KeyedVectors
from sememe.vectors.spelling import Spellings

_WORDS = 20_000  # strings composed at once
_PULL = 2  # weight of keys one letter away, beside the n-grams' 1
_GATHERED = 65_536  # n-gram rows in memory at once


class SubwordVectors(KeyedVectors):
    """Labelled vectors, and rows for the buckets of character n-grams.

    A key's vector is the mean of its own row and its n-grams' rows, as fastText makes it, and is
    kept in `matrix`. Any other string has the mean of its n-grams' rows; where that is zero (no
    bucket of it was trained), numbers drawn from the string itself stand in. So every string has
    a finite vector that is not zero, and the same one always.

    With `spelling`, a string one letter away from keys (for Hangul one jamo) leans on them, on
    frequent ones most: a slip of the pen means what it was meant to be. Models trained here do so;
    files of fastText are read without, as the official program has it.

    `in`, `get`, `index_of` and `keys` speak of the keys alone. Queries take any string: what is
    found are keys.

    >>> subwords = Ngrams(3, 3, buckets=50)
    >>> rows = np.random.default_rng(0).normal(size=(50, 4))
    >>> vectors = SubwordVectors(["cat"], [[1, 0, 0, 1]], ngrams=rows, subwords=subwords)
    >>> "dog" in vectors, vectors["dog"].shape
    (False, (4,))
    """

    def __init__(
        self,
        keys: Sequence[str],
        matrix: ArrayLike,
        *,
        ngrams: ArrayLike,
        subwords: Ngrams,
        counts: ArrayLike | None = None,
        spelling: bool = False,
    ) -> None:
        """Take n keys with their (n, dim) vectors, and the (buckets, dim) rows of n-grams.

        spelling: Whether an unknown string leans on keys that are spelt one letter away.

        Raises:
            InvalidInputError: What KeyedVectors refuses, or n-gram rows that do not fit.
        """
        super().__init__(keys, matrix, counts=counts)
        self._ngrams = checked_matrix(ngrams, "ngrams")
        self.subwords = subwords
        self.spelling = spelling
        if self._ngrams.shape != (subwords.buckets, self.dim):
            raise InvalidInputError(
                f"ngrams has shape {self._ngrams.shape}; {subwords.buckets} buckets of vectors "
                f"with {self.dim} numbers need ({subwords.buckets}, {self.dim})."
            )

    @property
    def ngrams(self) -> FloatArray:
        """The rows of the n-grams' buckets, (buckets, dim) float32, read-only."""
        return self._ngrams

    def __getitem__(self, key: str) -> FloatArray:
        row: FloatArray = self.rows([key])[0]
        return row

    def rows(self, keys: Sequence[str]) -> FloatArray:
        """Return the vectors of any strings, (n, dim): a key's own, else from its n-grams."""
        found = np.fromiter(map(self._keys.find, listed(keys)), np.int64, len(keys))
        vectors = np.empty((len(keys), self.dim), np.float32)
        known = found >= 0
        vectors[known] = self._matrix[found[known]]
        if not known.all():
            others = np.flatnonzero(~known)
            words = [_text(keys[i]) for i in others.tolist()]
            vectors[others] = self.compose(words)
            if self.spelling:
                vectors[others] = self._corrected(words, vectors[others])
        return vectors

    def _corrected(self, words: Sequence[str], vectors: FloatArray) -> FloatArray:
        """Move the vectors of words most of the way to those of the keys one letter away.

        A key counts by the root of how often it was seen. Lengths stay.
        """
        for start in range(0, len(words), _WORDS):
            number, row = self._spellings.near(words[start : start + _WORDS])
            if not len(number):
                continue
            weight = 1 / (row + 1) if self._counts is None else np.maximum(self._counts[row], 1)
            pull = nearest.unit(self._matrix[row]) * np.sqrt(weight)[:, None]
            begins = np.flatnonzero(np.diff(number, prepend=-1))
            moved = start + number[begins]
            pulls = nearest.unit(np.add.reduceat(pull, begins).astype(np.float32))
            length = np.linalg.norm(vectors[moved], axis=1, keepdims=True)
            both = nearest.unit(vectors[moved]) + _PULL * pulls
            vectors[moved] = np.where(both.any(axis=1, keepdims=True), both, pulls) * length
        return vectors

    @cached_property
    def _spellings(self) -> Spellings:
        return Spellings(self._keys, jamo=self.subwords.hangul == "jamo")

    def compose(self, words: Sequence[str]) -> FloatArray:
        """Return (n, dim), the mean of each string's n-gram rows, be it a key or not."""
        vectors = np.empty((len(words), self.dim), np.float32)
        for start in range(0, len(words), _WORDS):
            some = words[start : start + _WORDS]
            offsets, ids = self.subwords.ids_of_many(some)
            means = ngram_sums(self._ngrams, offsets, ids)
            means /= np.diff(offsets)[:, None]
            vectors[start : start + len(some)] = means
            bare = ~(vectors[start : start + len(some)].any(axis=1))
            for i in np.flatnonzero(bare).tolist():
                seed = ids[offsets[i] : offsets[i + 1]].tolist()
                drawn = np.random.default_rng([len(seed), *seed[:64]]).uniform(-1, 1, self.dim)
                vectors[start + i] = drawn / self.dim
        return vectors

    def cut(self, dim: int) -> Self:
        """Return the vectors' first `dim` numbers, the n-grams' rows cut alike."""
        if (dim := nearest.check_k(dim, "dim")) > self.dim:
            raise InvalidInputError(f"dim={dim}; these vectors can be cut to 1..{self.dim}.")
        return type(self)(
            self._keys,
            self._matrix[:, :dim],
            ngrams=self._ngrams[:, :dim],
            subwords=self.subwords,
            counts=self._counts,
            spelling=self.spelling,
        )

    def subset(self, keys: Sequence[str]) -> Self:
        """Return the vectors of these keys alone, with all the n-grams' rows."""
        return super().subset(keys)

    def _extend_fingerprint(self, digest: Any) -> None:
        digest.update(repr((self.subwords, self.spelling)).encode())
        for start in range(0, len(self._ngrams), _GATHERED):
            digest.update(self._ngrams[start : start + _GATHERED].tobytes())

    def _like(self, keys: Sequence[str], matrix: FloatArray, counts: Any) -> Self:
        return type(self)(
            keys,
            matrix,
            ngrams=self._ngrams,
            subwords=self.subwords,
            counts=counts,
            spelling=self.spelling,
        )


def with_own_rows(
    words: Sequence[str],
    own: FloatArray,
    *,
    ngrams: FloatArray,
    subwords: Ngrams,
    short: Literal["whole", "none"] = "whole",
) -> FloatArray:
    """Return (n, dim), the mean of each word's own row and its n-grams' rows: fastText's vector.

    own: (n, dim), the row trained for each word. short: see `Ngrams.ids_of_many`.
    """
    vectors = np.empty(own.shape, np.float32)
    for start in range(0, len(words), _WORDS):
        some = words[start : start + _WORDS]
        offsets, ids = subwords.ids_of_many(some, short=short)
        sums = ngram_sums(ngrams, offsets, ids) + own[start : start + len(some)]
        vectors[start : start + len(some)] = sums / (np.diff(offsets) + 1)[:, None]
    return vectors


def ngram_sums(
    ngrams: NDArray[np.floating], offsets: NDArray[np.int64], ids: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return (n, dim), the sum of the rows ids[offsets[i]:offsets[i + 1]] for each i.

    Memory is bounded by _GATHERED rows, however long a word is.
    """
    sums = np.zeros((len(offsets) - 1, ngrams.shape[1]))
    for start in range(0, len(ids), _GATHERED):
        some = ids[start : start + _GATHERED]
        first = int(np.searchsorted(offsets, start, side="right")) - 1
        last = int(np.searchsorted(offsets, start + len(some), side="left"))
        words = np.arange(first, last)
        words = words[(offsets[words + 1] > start) & (offsets[words + 1] > offsets[words])]
        cuts = np.maximum(offsets[words] - start, 0)
        sums[words] += np.add.reduceat(ngrams[some], cuts, axis=0, dtype=np.float64)
    return sums


def _text(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidInputError(f"key={key!r} is {type(key).__name__}; a key is a str.")
    return key
