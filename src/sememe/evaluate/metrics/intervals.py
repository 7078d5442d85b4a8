"""Bootstrap confidence intervals, and the paired bootstrap of a difference.

Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 13 and 16; Sakai
2006, Evaluating evaluation metrics based on the bootstrap, for the paired form over queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sememe._errors import InvalidInputError

Statistic = Callable[[NDArray[np.float64]], float]

Seed = int | np.random.Generator | None
_BLOCK = 4_000_000  # draws in memory at once: 32 MB


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The mean of a - b over the same units, with its interval and two-sided p-value.

    Attributes:
        mean: Mean of the differences; above 0 if the first is better.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Twice the fraction of resamples on the other side of 0; small if a and b differ.
    """

    mean: float
    low: float
    high: float
    p_value: float


def bootstrap_interval(
    values: ArrayLike,
    *,
    statistic: Statistic | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: Seed = 0,
) -> tuple[float, float]:
    """Return the percentile interval (low, high) of a statistic over resampled rows.

    values: (n,) or (n, columns); rows are resampled as a whole, so that pairs are kept. `statistic`
    maps an array of that shape to a number; by default the mean of (n,) values. Resamples whose
    statistic is NaN are left out; the interval is (nan, nan) if all are. The same seed gives the
    same interval.

    >>> bootstrap_interval([3.0, 3.0, 3.0])
    (3.0, 3.0)
    """
    rows = _check(values, confidence=confidence, resamples=resamples)
    generator = np.random.default_rng(seed)
    if statistic is None:
        return _percentiles(_resample_means(rows, resamples, generator), confidence)
    n = len(rows)
    draws = (rows[generator.integers(n, size=n)] for _ in range(resamples))
    return _percentiles(np.array([statistic(draw) for draw in draws]), confidence)


def bootstrap_intervals(
    units: Mapping[str, ArrayLike], *, resamples: int, seed: Seed
) -> dict[str, tuple[float, float]]:
    """Return the interval of the mean of each metric, {name: (n,) values by unit}."""
    return {
        name: bootstrap_interval(values, resamples=resamples, seed=seed)
        for name, values in units.items()
    }


def paired_bootstrap(
    first: ArrayLike,
    second: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: Seed = 0,
) -> PairedDifference:
    """Compare two systems on the same units: value i of each belongs to the same query or pair.

    first, second: (n,). The p-value is 2 * min(P(d* <= 0), P(d* >= 0)) over the resampled mean
    differences d*, with one added to both counts so that it is never 0.

    >>> paired_bootstrap([1.0, 0.0], [1.0, 0.0]).mean
    0.0
    """
    a = _check(first, confidence=confidence, resamples=resamples)
    b = _check(second, confidence=confidence, resamples=resamples)
    if a.ndim != 1 or a.shape != b.shape:
        raise InvalidInputError(
            f"got {a.shape} and {b.shape} values. Give one value for each unit on both sides."
        )
    means = _resample_means(a - b, resamples, np.random.default_rng(seed))
    low, high = _percentiles(means, confidence)
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p_value = min(1.0, 2 * (tail + 1) / (resamples + 1))
    return PairedDifference(mean=float((a - b).mean()), low=low, high=high, p_value=p_value)


def _resample_means(
    values: NDArray[np.float64], resamples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return (resamples,) means, drawn in blocks of bounded memory."""
    if values.ndim != 1:
        raise InvalidInputError(
            f"got rows of shape {values.shape} and no statistic. Give a statistic or flat values."
        )
    n, means = len(values), np.empty(resamples)
    step = max(1, _BLOCK // n)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        draws = values[generator.integers(n, size=(size, n))]  # (size, n)
        means[start : start + size] = draws.mean(axis=1)
    return means


def _percentiles(statistics: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    known = statistics[~np.isnan(statistics)]
    if not len(known):
        return (float("nan"), float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return (float(low), float(high))


def _check(values: ArrayLike, *, confidence: float, resamples: int) -> NDArray[np.float64]:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim == 0 or not len(rows) or not np.isfinite(rows).all():
        raise InvalidInputError(
            f"got values of shape {rows.shape}. Give at least one finite value to resample."
        )
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence={confidence} is not between 0 and 1. Try 0.95.")
    if resamples < 1:
        raise InvalidInputError(f"resamples={resamples} is below 1. Try 1000.")
    return rows
