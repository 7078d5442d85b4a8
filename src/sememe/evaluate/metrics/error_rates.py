"""Word and character error rate (WER, CER) with bootstrap intervals.

Errors are the minimum number of insertions, deletions and substitutions of words (or characters)
that turn a hypothesis into its reference (Levenshtein 1966). The rate is the total of errors over
the total length of the references, so that long ones weigh more; insertions can make it exceed 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """An error rate.

    Attributes:
        rate: errors / length; NaN if all references are empty.
        interval: Its 95 % bootstrap interval over the pairs.
        errors: Total of insertions, deletions and substitutions.
        length: Total length of the references.
    """

    rate: float
    interval: tuple[float, float]
    errors: int
    length: int


def word_error_rate(
    references: Sequence[str], hypotheses: Sequence[str], *, resamples: int = 1000, seed: Seed = 0
) -> ErrorRate:
    """Return the word error rate; words are separated by white space and not normalised.

    references, hypotheses: (n,) texts. An empty reference has length 0, and the words of its
    hypothesis are errors.

    Raises:
        InvalidInputError: No text, or another number of one than of the other.

    >>> word_error_rate(["one two three"], ["one too"]).rate
    0.6666666666666666
    """
    pairs = [(a.split(), b.split()) for a, b in _pair_texts(references, hypotheses)]
    return _rate(pairs, resamples, seed)


def character_error_rate(
    references: Sequence[str], hypotheses: Sequence[str], *, resamples: int = 1000, seed: Seed = 0
) -> ErrorRate:
    """Return the character error rate, in NFC with single spaces between words.

    Arguments and errors are those of `word_error_rate`.

    >>> character_error_rate(["세 시"], ["네 시"]).rate
    0.3333333333333333
    """
    pairs = _pair_texts(references, hypotheses)
    composed = [[normalize("NFC", " ".join(text.split())) for text in pair] for pair in pairs]
    return _rate(composed, resamples, seed)


def edit_distance(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Return the Levenshtein distance of two sequences.

    >>> edit_distance("kitten", "sitting"), edit_distance(["a"], [])
    (3, 1)
    """
    numbers = {one: i for i, one in enumerate(dict.fromkeys([*first, *second]))}
    columns = np.array([numbers[one] for one in second], np.int64)
    steps = np.arange(len(columns) + 1)
    row = steps  # from the empty sequence to each prefix of the second
    for i, one in enumerate(first, 1):
        changed = row[:-1] + (columns != numbers[one])
        best = np.concatenate([[i], np.minimum(row[1:] + 1, changed)])
        row = np.minimum.accumulate(best - steps) + steps  # runs of insertions
    return int(row[-1])


def _pair_texts(references: Sequence[str], hypotheses: Sequence[str]) -> list[tuple[str, str]]:
    if isinstance(references, str) or isinstance(hypotheses, str):
        raise InvalidInputError("got one text; give two lists, of references and hypotheses.")
    if not len(references) or len(references) != len(hypotheses):
        raise InvalidInputError(
            f"got {len(references)} references and {len(hypotheses)} hypotheses. Give one or more, "
            "as many of each."
        )
    return list(zip(references, hypotheses, strict=True))


def _rate(pairs: Sequence[Sequence[Sequence[str]]], resamples: int, seed: Seed) -> ErrorRate:
    counts = np.array([(edit_distance(a, b), len(a)) for a, b in pairs], np.float64)
    interval = bootstrap_interval(counts, statistic=_ratio, resamples=resamples, seed=seed)
    errors, length = (int(n) for n in counts.sum(axis=0))
    return ErrorRate(_ratio(counts), interval, errors, length)


def _ratio(counts: NDArray[np.float64]) -> float:
    errors, length = counts.sum(axis=0)
    return float(errors / length) if length else float("nan")
