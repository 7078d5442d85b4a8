"""Sampling tables of training, made from the counts of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.train.words.kernels.primitives import Sampler, jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.words.kernels.primitives import Floats, Ids


def make_sampler(
    counts: NDArray[np.int64],
    *,
    subsample: float = 1e-3,
    noise_exponent: float = 0.75,
    noise_counts: NDArray[np.int64] | None = None,
) -> Sampler:
    """Return the tables for words that occur `counts` times (Mikolov et al. 2013, 1310.4546).

    noise_counts: (n,) how often each word is a target, by default `counts`; words that never are
    (0) are not noise either.

    A word of frequency f is kept with probability sqrt(t / f) + t / f, t = `subsample`, as in
    word2vec.c (the paper omits the second term); 0 keeps all. Noise is count ** noise_exponent.

    >>> keep = make_sampler(np.array([900, 99, 1]), subsample=0.01).keep
    >>> [round(float(chance), 3) for chance in keep]
    [0.117, 0.419, 1.0]
    """
    counts = counts.astype(np.float64)
    keep = np.ones(len(counts))
    if subsample:
        ratio = subsample * counts.sum() / counts
        keep = np.minimum(1.0, np.sqrt(ratio) + ratio)
    predicted = counts if noise_counts is None else noise_counts.astype(np.float64)
    noise = np.where(predicted > 0, predicted**noise_exponent, 0.0)
    accept = np.ones(len(counts), np.float32)
    alias = np.arange(len(counts), dtype=np.int32)
    _fill_alias(noise / noise.sum() * len(counts), accept, alias)
    return Sampler(keep.astype(np.float32), accept, alias)


@jit
def _fill_alias(share: NDArray[np.float64], accept: Floats, alias: Ids) -> None:
    """Fill the alias table by Vose's method: a share below 1 is topped up by one above 1."""
    n = share.shape[0]
    short, rich = np.empty(n, np.int64), np.empty(n, np.int64)
    n_short, n_rich = 0, 0
    for i in range(n):
        if share[i] < 1:
            short[n_short] = i
            n_short += 1
        else:
            rich[n_rich] = i
            n_rich += 1
    while n_short and n_rich:
        n_short -= 1
        i, j = short[n_short], rich[n_rich - 1]
        accept[i] = share[i]
        alias[i] = j
        share[j] -= 1 - share[i]
        if share[j] < 1:
            n_rich -= 1
            short[n_short] = j
            n_short += 1
