"""The control that must fail: every answer is assigned to another question."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sememe.evaluate.metrics.intervals import Seed


def derangement(n: int, *, seed: Seed = 0) -> NDArray[np.intp]:
    """Return (n,) a permutation without fixed points: one random cycle through all n.

    For n = 1, [0].

    >>> bool((derangement(5) == np.arange(5)).any())
    False
    """
    cycle = np.random.default_rng(seed).permutation(n)
    partner = np.empty(n, dtype=np.intp)
    partner[cycle] = np.roll(cycle, 1)
    return partner
