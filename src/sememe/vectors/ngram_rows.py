"""Sums and means of n-gram rows: how fastText makes a word's vector (Bojanowski et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.text.ngrams import Ngrams

_WORDS = 20_000  # words composed at once
_GATHERED = 65_536  # n-gram rows in memory at once


def average_with_ngrams(
    words: Sequence[str],
    own: FloatArray,
    *,
    ngrams: FloatArray,
    subwords: Ngrams,
    short: Literal["whole", "none"] = "whole",
) -> FloatArray:
    """Return (n, dim), the mean of each word's own row and its n-gram rows: fastText's vector.

    own: (n, dim), the row trained for each word. short: See `Ngrams.ids_of_many`.
    """
    vectors = np.empty(own.shape, np.float32)
    for start in range(0, len(words), _WORDS):
        some = words[start : start + _WORDS]
        offsets, ids = subwords.ids_of_many(some, short=short)
        sums = sum_ngram_rows(ngrams, offsets, ids) + own[start : start + len(some)]
        vectors[start : start + len(some)] = sums / (np.diff(offsets) + 1)[:, None]
    return vectors


def sum_ngram_rows(
    ngrams: NDArray[np.floating], offsets: NDArray[np.int64], ids: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return (n, dim), the sum of the rows ids[offsets[i]:offsets[i + 1]] for each i.

    At most _GATHERED rows are in memory at once, however long a word is.
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
