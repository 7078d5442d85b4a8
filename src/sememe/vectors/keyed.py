"""KeyedVectors and SubwordVectors: labelled vectors that can be queried, saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.text.ngrams import Ngrams
from sememe.vectors import nearest
from sememe.vectors.checks import checked_matrix, listed
from sememe.vectors.formats import registry
from sememe.vectors.keyed_matrix import KeyedMatrix
from sememe.vectors.ngram_rows import ngram_sums
from sememe.vectors.record import StrPath, SubwordTable, VectorRecord
from sememe.vectors.spelling import Spellings

_WORDS = 20_000  # strings composed at once
_PULL = 2  # weight of keys one letter away, beside the n-grams' 1


class KeyedVectors(KeyedMatrix):
    """Vectors with labels, in the order given: by frequency, wherever that is known.

    A score or similarity is higher for what is nearer, a distance lower. Results come best first,
    equal ones by key. Looking up an unknown key raises UnknownKeyError, which is a KeyError;
    `get` and `in` do not.

    >>> vectors = KeyedVectors(["king", "queen", "car"], [[1, 0], [0.9, 0.1], [0, 1]])
    >>> vectors["king"].tolist(), "ring" in vectors
    ([1.0, 0.0], False)
    >>> vectors.most_similar("king", k=1)[0][0]
    'queen'
    """

    def subset(self, keys: Sequence[str]) -> Self:
        """Return the vectors of these keys alone, in the order given."""
        rows = [self.index_of(key) for key in listed(keys)]
        counts = None if self._counts is None else self._counts[rows]
        return self._like(list(keys), self._matrix[rows], counts)

    def cut(self, dim: int) -> Self:
        """Return the vectors' first `dim` numbers."""
        if (dim := nearest.check_k(dim, "dim")) > self.dim:
            raise InvalidInputError(f"dim={dim}; these vectors can be cut to 1..{self.dim}.")
        return self._like(self._keys, self._matrix[:, :dim], self._counts)

    def normalized(self) -> KeyedVectors:
        """Return the vectors at unit length; a vector of zeros stays so."""
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

    def _subword_table(self) -> SubwordTable:
        return SubwordTable(self._ngrams, self.subwords, self.spelling)

    def _like(self, keys: Sequence[str], matrix: FloatArray, counts: Any) -> Self:
        return type(self)(
            keys,
            matrix,
            ngrams=self._ngrams,
            subwords=self.subwords,
            counts=counts,
            spelling=self.spelling,
        )


def from_record(record: VectorRecord) -> KeyedVectors:
    """Return KeyedVectors, or SubwordVectors if the record holds n-gram rows.

    Raises:
        InvalidInputError: What the constructors refuse.
    """
    keys, matrix, table = record.keys, record.matrix, record.table
    if table is None:
        vectors = KeyedVectors(keys, matrix, counts=record.counts)
    else:
        vectors = SubwordVectors(
            keys,
            matrix,
            ngrams=table.ngrams,
            subwords=table.subwords,
            counts=record.counts,
            spelling=table.spelling,
        )
    vectors.record = record  # with the fingerprint that was read
    return vectors


def _text(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidInputError(f"key={key!r} is {type(key).__name__}; a key is a str.")
    return key
