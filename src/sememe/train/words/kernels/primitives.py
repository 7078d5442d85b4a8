"""Compiled building blocks of the word-vector kernels.

Rows are float32, padded with zeros to a multiple of 16 (one cache line), so that the compiler
vectorises each loop over a row. All functions release the interpreter lock.

    state[0]            the random number generator: xorshift64* (Vigna 2016, arXiv:1402.6246)
    Sampler             subsampling of tokens, and sampling of negatives
    Tree                the Huffman tree of hierarchical softmax
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._lazy import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]  # (n, width)
    Floats = NDArray[np.float32]  # (n,)
    Numbers = NDArray[np.int64]
    Ids = NDArray[np.int32]
    State = NDArray[np.uint64]  # (1,)

_numba = require("numba", "training word vectors")
ROW_PADDING = 16  # float32 values in 64 bytes
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy", "cache": True}
_TWO_TO_24 = np.float32(1 / (1 << 24))
_ONE = np.float32(1)


def jit(function: Any) -> Any:
    """Compile with the options of all kernels: no lock, no checks, fast math, cached."""
    return _numba.njit(**_OPTIONS)(function)


def jit_inline(function: Any) -> Any:
    """Compile inline in each caller, which avoids reference counting of array arguments."""
    return _numba.njit(inline="always", **_OPTIONS)(function)


class Sampler(NamedTuple):
    """Sampling tables of n words.

    keep: (n,) float32, the probability that a token of the word survives subsampling.
    accept, alias: (n,) float32 and int32, Walker's alias table of the noise distribution.
    """

    keep: Floats
    accept: Floats
    alias: Ids


class Tree(NamedTuple):
    """Huffman paths: word w has the nodes points[starts[w]:starts[w + 1]], root first.

    points: int32 rows of the output matrix. bits: float32, 1 if the path turns left.
    """

    starts: Numbers
    points: Ids
    bits: Floats


@jit_inline
def next_random(state: State) -> np.uint64:
    """Advance `state` and return 64 random bits, of which the higher ones are better."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    bits: np.uint64 = x * np.uint64(0x2545F4914F6CDD1D)
    return bits


@jit_inline
def below(state: State, n: int) -> np.int64:
    """Return a random integer in [0, n), n < 2**32 (Lemire's multiplication)."""
    return np.int64(((next_random(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@jit_inline
def draw_word(state: State, sampler: Sampler) -> np.int64:
    """Draw a word of the noise distribution in constant time (Walker's alias method)."""
    bits = next_random(state)
    n = np.uint64(sampler.alias.shape[0])
    word = np.int64(((bits >> np.uint64(32)) * n) >> np.uint64(32))
    if np.float32(bits & np.uint64(0xFFFFFF)) * _TWO_TO_24 >= sampler.accept[word]:
        return np.int64(sampler.alias[word])
    return word


@jit_inline
def keep_tokens(state: State, ids: Ids, start: int, keep: Floats, sentence: Ids) -> tuple[int, int]:
    """Copy the tokens that survive subsampling from ids[start:] to the end of the sentence (-1).

    Returns (n, next): how many were copied into `sentence`, and the start of the next sentence.
    """
    n = 0
    while start < ids.shape[0] and ids[start] >= 0:
        word = ids[start]
        start += 1
        chance = np.float32(next_random(state) >> np.uint64(40)) * _TWO_TO_24
        if chance < keep[word]:
            sentence[n] = word
            n += 1
    return n, start + 1


@jit_inline
def neighbours(sentence: Ids, length: int, middle: int, reach: int, context: Numbers) -> int:
    """Copy the words within `reach` of the middle one into `context`; return their number."""
    n = 0
    for j in range(max(0, middle - reach), min(length, middle + reach + 1)):
        if j != middle:
            context[n] = sentence[j]
            n += 1
    return n


@jit_inline
def predict(
    outputs: Rows,
    rows: Numbers,
    labels: Floats,
    k: int,
    rate: float,
    hidden: Floats,
    change: Floats,
    g: Floats,
) -> None:
    """Train rows[:k] of the outputs to predict labels[:k] from `hidden`; accumulate its change.

    s = sigmoid(O h), step = rate * (labels - s), change += O' step, O += step h'. g: (k or more,),
    set to s.
    """
    dim = hidden.shape[0]
    for j in range(k):
        row = rows[j]
        total = np.float32(0)
        for d in range(dim):
            total += hidden[d] * outputs[row, d]
        g[j] = total
    sigmoid_(g, k)
    for j in range(k):
        row = rows[j]
        step = rate * (labels[j] - g[j])
        for d in range(dim):
            change[d] += step * outputs[row, d]
            outputs[row, d] += step * hidden[d]


@jit_inline
def choose_outputs(
    state: State,
    target: int,
    negatives: int,
    sampler: Sampler,
    tree: Tree,
    rows: Numbers,
    labels: Floats,
) -> int:
    """Write the output rows that predict `target`, and their labels; return their number.

    Negative sampling: the target with label 1, and words of the noise distribution with label 0
    (draws of the target itself are skipped). Without negatives: the nodes on the target's path.
    """
    if negatives == 0:
        start = tree.starts[target]
        depth: int = tree.starts[target + 1] - start
        for k in range(depth):
            rows[k] = tree.points[start + k]
            labels[k] = tree.bits[start + k]
        return depth
    rows[0] = target
    labels[0] = _ONE
    n = 1
    for _ in range(negatives):
        word = draw_word(state, sampler)
        if word != target:
            rows[n] = word
            labels[n] = np.float32(0)
            n += 1
    return n


@jit_inline
def sigmoid_(values: Floats, n: int) -> None:
    """Replace values[:n] by 1 / (1 + exp(-value)), vectorised.

    exp(x) = 2**i * 2**f; 2**f for |f| <= 1/2 by its Taylor polynomial (relative error below 2e-7).
    """
    for j in range(n):
        x = min(max(-values[j], np.float32(-80)), np.float32(80)) * np.float32(1.44269504)
        whole = np.floor(x + np.float32(0.5))
        f = (x - whole) * np.float32(0.69314718)
        p = np.float32(1 / 720) * f + np.float32(1 / 120)
        p = p * f + np.float32(1 / 24)
        p = p * f + np.float32(1 / 6)
        p = p * f + np.float32(0.5)
        p = p * f + _ONE
        p = p * f + _ONE
        scale = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
        values[j] = _ONE / (_ONE + p * scale)
