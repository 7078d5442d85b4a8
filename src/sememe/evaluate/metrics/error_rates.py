"""Word and character error rates: how much of what is said is written wrong.

Errors are the fewest words (or characters) that must be put in, left out or changed to make what
was written into what was said (Levenshtein 1966). The rate is all errors over all that is said, so
that long recordings count for more; it is above 1 where more is written than is said.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.evaluate.metrics.intervals import Seed, bootstrap_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """How often something was written wrong.

    Attributes:
        rate: errors / length; NaN where nothing is said in any recording.
        interval: Where the rate lies, with 95 % confidence, by drawing recordings anew.
        errors: Put in, left out or changed, in all.
        length: What is said, in all.
    """

    rate: float
    interval: tuple[float, float]
    errors: int
    length: int


def word_error_rate(
    said: Sequence[str], written: Sequence[str], *, resamples: int = 1000, seed: Seed = 0
) -> ErrorRate:
    """Compare texts word by word, as they are; words are what white space parts.

    said, written: (n,) what is said in each recording, and what was understood. A recording in
    which nothing is said adds nothing to the length, and what was written of it counts as errors.

    Raises:
        InvalidInputError: None, or not as many of one as of the other.

    >>> word_error_rate(["one two three"], ["one too"]).rate
    0.6666666666666666
    """
    pairs = [(a.split(), b.split()) for a, b in _pair_texts(said, written)]
    return _rate(pairs, resamples, seed)


def character_error_rate(
    said: Sequence[str], written: Sequence[str], *, resamples: int = 1000, seed: Seed = 0
) -> ErrorRate:
    """Compare texts character by character in the form NFC, a single space between words.

    Arguments and errors are those of `word_error_rate`.

    >>> character_error_rate(["세 시"], ["네 시"]).rate
    0.3333333333333333
    """
    pairs = [(_characters(a), _characters(b)) for a, b in _pair_texts(said, written)]
    return _rate(pairs, resamples, seed)


def edit_distance(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Return how many must be put in, left out or changed to make one sequence into the other.

    >>> edit_distance("kitten", "sitting"), edit_distance(["a"], [])
    (3, 1)
    """
    numbers = {one: i for i, one in enumerate(dict.fromkeys([*first, *second]))}
    columns = np.array([numbers[one] for one in second], np.int64)
    steps = np.arange(len(columns) + 1)
    row = steps  # from nothing to each beginning of the second
    for i, one in enumerate(first, 1):
        changed = row[:-1] + (columns != numbers[one])
        best = np.concatenate([[i], np.minimum(row[1:] + 1, changed)])
        row = np.minimum.accumulate(best - steps) + steps  # or one put in after another
    return int(row[-1])


def _pair_texts(said: Sequence[str], written: Sequence[str]) -> list[tuple[str, str]]:
    if isinstance(said, str) or isinstance(written, str):
        raise InvalidInputError("got one text; give two lists, of what is said and was written.")
    if not len(said) or len(said) != len(written):
        raise InvalidInputError(
            f"got {len(said)} texts that are said and {len(written)} that were written. Give one "
            "or more, as many of each."
        )
    return list(zip(said, written, strict=True))


def _characters(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _rate(
    pairs: Sequence[tuple[Sequence[str], Sequence[str]]], resamples: int, seed: Seed
) -> ErrorRate:
    counts = np.array([(edit_distance(a, b), len(a)) for a, b in pairs], np.float64)
    interval = bootstrap_interval(counts, statistic=_ratio, resamples=resamples, seed=seed)
    errors, length = (int(n) for n in counts.sum(axis=0))
    return ErrorRate(_ratio(counts), interval, errors, length)


def _ratio(counts: NDArray[np.float64]) -> float:
    errors, length = counts.sum(axis=0)
    return float(errors / length) if length else float("nan")
