"""KeyedVectors and SubwordVectors: labelled vectors that can be queried, saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.text.ngrams import Ngrams
from sememe.vectors import nearest
from sememe.vectors.checks import check_keys, check_matrix
from sememe.vectors.formats import registry
from sememe.vectors.keyed_matrix import KeyedMatrix
from sememe.vectors.ngram_rows import sum_ngram_rows
from sememe.vectors.record import StrPath, SubwordTable, VectorRecord
from sememe.vectors.spelling import Spellings

_WORDS = 20_000  # strings composed at once
_PULL = 2  # weight of keys one letter away, against 1 of the n-grams


class KeyedVectors(KeyedMatrix):
    """Labelled vectors, in the order given: by frequency where it is known.

    A score or similarity is higher for nearer vectors, a distance lower. Results are sorted best
    first, ties by key. Looking up an unknown key raises UnknownKeyError, which is a KeyError;
    `get` and `in` do not.

    >>> vectors = KeyedVectors(["king", "queen", "car"], [[1, 0], [0.9, 0.1], [0, 1]])
    >>> vectors["king"].tolist(), "ring" in vectors
    ([1.0, 0.0], False)
    >>> vectors.most_similar("king", k=1)[0][0]
    'queen'
    """

    def subset(self, keys: Sequence[str]) -> Self:
        """Return the vectors of these keys only, in the order given; all n-gram rows stay."""
        rows = [self.index_of(key) for key in check_keys(keys)]
        counts = None if self._counts is None else self._counts[rows]
        return self._like(list(keys), self._matrix[rows], counts)

    def cut(self, dim: int) -> Self:
        """Truncate the vectors, and n-gram rows, to their first `dim` numbers."""
        if (dim := nearest.check_k(dim, "dim")) > self.dim:
            raise InvalidInputError(f"dim={dim}; these vectors can be cut to 1..{self.dim}.")
        return self._like(self._keys, self._matrix[:, :dim], self._counts)

    def normalized(self) -> KeyedVectors:
        """Return the vectors at unit length; zero vectors stay zero."""
        units = np.empty(self._matrix.shape, np.float32)
        np.divide(self._matrix, self._norms[:, None], out=units)
        return KeyedVectors(self._keys, units, counts=self._counts)

    def _like(self, keys: Sequence[str], matrix: FloatArray, counts: Any) -> Self:
        return type(self)(keys, matrix, counts=counts)

    def save(self, path: StrPath, *, format: str | None = None) -> Path:
        """Write the vectors and return the path.

        format: One of `sememe.vectors.formats.registry.FORMATS`: "sememe" (a folder, read by
            memory-mapping), "word2vec-text", "word2vec-binary", "glove-text", "fasttext-vec" or
            "fasttext-bin". By default the suffix decides.
        """
        return registry.write(self.record, path, format=format)

    @classmethod
    def load(cls, path: StrPath, *, format: str | None = None) -> KeyedVectors:
        """Read vectors from a folder or file; SubwordVectors if it holds n-gram rows.

        format: See `save`. By default the first bytes decide.

        Raises:
            CorruptFileError: The file is damaged or not of the format; names the line or byte.
            FileNotFoundError: There is no such file.
        """
        return from_record(registry.read(path, format=format))

    @cached_property
    def record(self) -> VectorRecord:
        """What a file holds of these vectors; arrays are shared, not copied."""
        return VectorRecord(self._keys, self._matrix, self._counts, self._subword_table())

    def _subword_table(self) -> SubwordTable | None:
        return None

    @property
    def fingerprint(self) -> str:
        """32 hex digits of keys and vectors: equal if both are. Folders keep it, files do not."""
        return self.record.fingerprint


class SubwordVectors(KeyedVectors):
    """Labelled vectors with a row for each bucket of character n-grams.

    A key's vector is the mean of its own row and its n-gram rows, as in fastText, and is stored in
    `matrix`. Any other string gets the mean of its n-gram rows; if that is zero (none of its
    buckets was trained), random numbers seeded by the string. So every string has a finite,
    non-zero vector, always the same one.

    With `spelling`, a string one letter (in Hangul one jamo) away from keys is moved towards them,
    most towards frequent ones, which corrects misspellings. Models trained here do so; files of
    fastText are read without, as in the official program.

    `in`, `get`, `index_of` and `keys` cover the keys only. Queries take any string and return keys.

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

        spelling: Whether an unknown string is moved towards keys one letter away.

        Raises:
            InvalidInputError: What KeyedVectors refuses, or n-gram rows that do not fit.
        """
        super().__init__(keys, matrix, counts=counts)
        self._ngrams = check_matrix(ngrams, "ngrams")
        self.subwords = subwords
        self.spelling = spelling
        if self._ngrams.shape != (subwords.buckets, self.dim):
            raise InvalidInputError(
                f"ngrams has shape {self._ngrams.shape}; {subwords.buckets} buckets of vectors "
                f"with {self.dim} numbers need ({subwords.buckets}, {self.dim})."
            )

    @property
    def ngrams(self) -> FloatArray:
        """The n-gram rows, (buckets, dim) float32, read-only."""
        return self._ngrams

    def __getitem__(self, key: str) -> FloatArray:
        return np.asarray(self.rows([key])[0])

    def rows(self, keys: Sequence[str]) -> FloatArray:
        """Return the vectors of any strings, (n, dim): a key's own, else made of its n-grams."""
        rows = np.fromiter(map(self._keys.find, check_keys(keys)), np.int64, len(keys))
        vectors = np.empty((len(keys), self.dim), np.float32)
        known = rows >= 0
        vectors[known] = self._matrix[rows[known]]
        if not known.all():
            others = np.flatnonzero(~known)
            words = [_check_text(keys[i]) for i in others.tolist()]
            vectors[others] = self.compose(words)
            if self.spelling:
                vectors[others] = self._correct_spelling(words, vectors[others])
        return vectors

    def _correct_spelling(self, words: Sequence[str], vectors: FloatArray) -> FloatArray:
        """Move the vectors of words most of the way to those of the keys one letter away.

        A key is weighted by the square root of its count. Lengths are kept.
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
        """Return (n, dim), the mean of each string's n-gram rows, whether it is a key or not."""
        vectors = np.empty((len(words), self.dim), np.float32)
        for start in range(0, len(words), _WORDS):
            some = words[start : start + _WORDS]
            offsets, ids = self.subwords.ids_of_many(some)
            means = vectors[start : start + len(some)]
            means[:] = sum_ngram_rows(self._ngrams, offsets, ids) / np.diff(offsets)[:, None]
            for i in np.flatnonzero(~means.any(axis=1)).tolist():
                seed = ids[offsets[i] : offsets[i + 1]].tolist()
                drawn = np.random.default_rng([len(seed), *seed[:64]]).uniform(-1, 1, self.dim)
                means[i] = drawn / self.dim
        return vectors

    def _subword_table(self) -> SubwordTable:
        return SubwordTable(self._ngrams, self.subwords, self.spelling)

    def _like(self, keys: Sequence[str], matrix: FloatArray, counts: Any) -> Self:
        table = replace(self._subword_table(), ngrams=self._ngrams[:, : matrix.shape[1]])
        return type(self)(keys, matrix, counts=counts, **vars(table))


def from_record(record: VectorRecord) -> KeyedVectors:
    """Return KeyedVectors, or SubwordVectors if the record holds n-gram rows; raises as they do."""
    keys, matrix, counts = record.keys, record.matrix, record.counts
    if record.table is None:
        vectors = KeyedVectors(keys, matrix, counts=counts)
    else:
        vectors = SubwordVectors(keys, matrix, counts=counts, **vars(record.table))
    vectors.record = record  # with the fingerprint that was read
    return vectors


def _check_text(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidInputError(f"key={key!r} is {type(key).__name__}; a key is a str.")
    return key
