"""Calibration: whether of predictions with a probability about as many are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def calibration_error(probabilities: ArrayLike, right: ArrayLike, *, bins: int = 10) -> float:
    """Return the expected calibration error (Naeini et al. 2015, AAAI), over bins of equal width.

    The mean distance of a bin's mean probability from its share of right ones, weighted by how many
    predictions are in it.

    probabilities: (n,) from 0 to 1. right: (n,) bool.

    >>> round(calibration_error([0.9, 0.9, 0.2, 0.2], [True, True, True, False]), 3)
    0.2
    """
    import numpy as np

    given, truth = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    which = np.minimum((given * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(which, given - truth, bins)).sum() / max(1, len(given)))
