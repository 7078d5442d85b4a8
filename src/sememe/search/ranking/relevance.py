"""Relevance: the probability that a document answers a query, by its vector and its words.

    e = (similarity - mean) / deviation - sqrt(2 ln (rows + 10))
    c = coverage * BM25 / best BM25

    hybrid     logit = 1.01 e + 4.55 c - 1.47 coverage * min(words, 4) / 4 - 3.52
    semantic   logit = 1.62 e - 2.73
    keyword    logit = 9.56 c - 5.72 coverage - 2.66

Mean and deviation are those of the query's similarities to all rows, and e is by how much a
document exceeds what the best of as many unrelated rows would have by chance; in hybrid search at
least 3 c - 4 of a document with words, as a number found word by word may be far in meaning.
Coverage is the share of the query's words that the best document by BM25 holds, each counted by its
rareness. It takes away some of what c gives: where some document holds all words of a long query,
one that holds none is hardly the answer; of a single word that proves less.

Similarities are taken in deviations, so that the numbers serve any encoder, whose cosines may lie
between 0 and 0.6 or between 0.7 and 0.9. They were fitted by logistic regression, as
`benchmarks/relevance.py` does, to training queries of SciFact and MIRACL-ko, to sentences of
Python's documentation asked in the other language and to nouns asked of paragraphs of Wikipedia,
over all documents and over samples of 60 to 300, a fifth of the weight on queries that nothing
answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOOR = 0.025  # best relevance below which nothing is close, where no similarity is usual
UNLIKELY, LIKELY = 0.01, 0.1  # best relevance below which nothing is close, from which it is
CLOSE, CLOSE_IN_MEANING = 3.3, 2.7  # with and without words, in `is_close`
_UNSEEN = 10  # rows added, so that the best of a few has to exceed something, too
MIN_DEVIATION = 1e-3  # a column of one row, or of equal ones, has none to divide by

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of a logit: of e, of c, of the coverage (see `fuse`), and of 1."""

    excess: float
    words: float
    coverage: float
    constant: float

    def compute_logits(
        self, excess: Numbers | float, words: Numbers | float, coverage: float
    ) -> Numbers:
        """Return (n,) logits for (n,) e and c, of which one may be a number for all."""
        logits = self.excess * excess + self.words * words
        return np.asarray(logits + self.coverage * coverage + self.constant, np.float64)


HYBRID = Weights(excess=1.01, words=4.55, coverage=-1.47, constant=-3.52)
SEMANTIC = Weights(excess=1.62, words=0.0, coverage=0.0, constant=-2.73)
KEYWORD = Weights(excess=0.0, words=9.56, coverage=-5.72, constant=-2.66)


def standardize(similarities: NDArray[Any], mean: float, deviation: float) -> Numbers:
    """Return (n,) similarities as deviations above the mean of all rows."""
    return np.asarray((similarities - mean) / max(deviation, MIN_DEVIATION), np.float64)


def expect_best(rows: int) -> float:
    """Return how many deviations above the mean the best of some unrelated rows is expected.

    The largest of n normal values is a little below sqrt(2 ln n) deviations.

    >>> round(expect_best(10_000), 2)
    4.29
    """
    return math.sqrt(2.0 * math.log(rows + _UNSEEN))


def measure_excess(similarities: NDArray[Any], mean: float, deviation: float, rows: int) -> Numbers:
    """Return (n,) by how many deviations similarities exceed what chance gives: e."""
    return standardize(similarities, mean, deviation) - expect_best(rows)


def is_close(similarity: float, usual: tuple[float, float], coverage: float | None) -> bool:
    """Return whether the nearest text, or the one with most of the query's words, may answer it.

    It may if it is several deviations nearer than unrelated texts usually are; holding all words of
    the query is worth two. Unlike the excess, this asks nothing of the other rows: of a query that
    nothing answers, the best of many is often far above their mean.

    similarity: Of the nearest. usual: Mean and deviation, of an encoder. coverage: Share of the
    words that a document holds; None where they are not searched for.
    """
    deviations = (similarity - usual[0]) / max(usual[1], MIN_DEVIATION)
    if coverage is None:
        return deviations >= CLOSE_IN_MEANING
    return deviations + 2.0 * coverage >= CLOSE


def raise_excess(excess: Numbers, words: Numbers) -> Numbers:
    """Return (n,) e of documents in hybrid search: at least 3 c - 4 where there are words.

    >>> raise_excess(np.array([-6.0, -6.0, 0.5]), np.array([1.0, 0.0, 0.5])).tolist()
    [-1.0, -6.0, 0.5]
    """
    return np.where(words > 0, np.maximum(excess, 3.0 * words - 4.0), excess)


def share_words(bm25: NDArray[Any], coverage: float) -> Numbers:
    """Return (n,) shares of the query's words for (n,) BM25 scores, of the best its coverage: c."""
    return np.asarray(coverage * bm25 / max(bm25.max(initial=0.0), 1e-9), np.float64)


def to_probability(logits: Numbers) -> Numbers:
    """Return 1 / (1 + exp(-logit)).

    >>> to_probability(np.array([0.0, 800.0])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), np.float64)
