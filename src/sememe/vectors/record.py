"""What vector files hold, as plain data: readers return it, writers take it, classes wrap it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.text.ngrams import Ngrams
from sememe.vectors.keys import Keys

StrPath = str | os.PathLike[str]
_ROWS = 65_536  # rows hashed at once


@dataclass(frozen=True, eq=False)
class SubwordTable:
    """Rows for the buckets of character n-grams.

    Attributes:
        ngrams: (buckets, dim) float32.
        subwords: Which n-grams a word has, and in which buckets.
        spelling: Whether an unknown string borrows from keys one letter away.
    """

    ngrams: FloatArray
    subwords: Ngrams
    spelling: bool = False


@dataclass(frozen=True, eq=False)
class VectorRecord:
    """Keys, their vectors and what else a file may hold of them.

    Attributes:
        keys: n distinct keys.
        matrix: (n, dim) float32, maybe a memory-mapped file.
        counts: (n,) int64, how often each key was seen in training, or None.
        table: The n-gram rows of vectors with subwords, or None.
        stored_fingerprint: The fingerprint read from a file, so that it need not be computed.
    """

    keys: Keys
    matrix: FloatArray
    counts: NDArray[np.int64] | None = None
    table: SubwordTable | None = None
    stored_fingerprint: str | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits of keys, vectors and n-gram rows: equal if and only if those are."""
        if self.stored_fingerprint:
            return self.stored_fingerprint
        digest = hashlib.blake2b(digest_size=16)
        for start in range(0, len(self), _ROWS):
            keys = "\0".join(self.keys[start : start + _ROWS])
            digest.update(keys.encode("utf-8", "surrogatepass"))
            digest.update(self.matrix[start : start + _ROWS].tobytes())
        if self.table is not None:
            digest.update(repr((self.table.subwords, self.table.spelling)).encode())
            for start in range(0, len(self.table.ngrams), _ROWS):
                digest.update(self.table.ngrams[start : start + _ROWS].tobytes())
        return digest.hexdigest()
