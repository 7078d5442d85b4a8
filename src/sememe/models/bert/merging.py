"""Merge tokens of like states between layers, so that later layers have fewer to compute.

Of a sequence's tokens those at even places are compared with those at odd ones, and those that are
nearest to their best partner are merged into it: the new state is the mean of what it stands for.
How many follows from the sequence's length alone, so that its vector does not depend on its batch.

Token merging as in Bolya et al. 2023 (arXiv:2210.09461), made there for images. Attention in
proportion to sizes, as there, did worse here and is left out. Size has a price, so that no state
swallows many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sememe.models.onnx.builder import Graph

PRICE = 0.1  # of the logarithm of each size, subtracted from the cosine
FIRST = 8.0  # subtracted for the first token, which is kept
PADDING = 9.0  # and for padding
_INT32, _INT64, _FLOAT = 6, 7, 1  # ONNX's numbers of types
_END = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Merging:
    """Where tokens are merged, and how many.

    Of n tokens (n - kept) / divisor are merged at once, rounded down: none of a short sequence,
    and of the others at most all even ones but the first.

    Attributes:
        layers: Numbers of the layers before which they are, 0 being the first.
        divisor: At least two.
        kept: Tokens that are not counted.
    """

    layers: tuple[int, ...]
    divisor: int
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Tokens:
    """Names of what a graph holds of the tokens of N sequences.

    Attributes:
        states: (N, T, dim).
        lengths: (N,) int32, how many of the T are tokens; the rest is padding.
        sizes: (N, T), how many tokens each stands for; 0 for padding.
        pool: (N, ways, T), the weights of pooling.
    """

    states: str
    lengths: str
    sizes: str
    pool: str


def count_sizes(g: Graph, states: str, lengths: str) -> str:
    """Append the sizes of tokens before any is merged: (N, T), 1 inside a sequence."""
    places = _count_up(g, _size(g, states))
    inside = g("Less", places, g("Cast", _expand(g, lengths, 1), to=_INT64))
    return g("Cast", inside, to=_FLOAT)


def merge_tokens(g: Graph, tokens: Tokens, merging: Merging) -> Tokens:
    """Append one merging; one of the sequences has two tokens or more."""
    one, two = g.constant([1]), g.constant([2])
    count = g("Cast", tokens.lengths, to=_INT64)  # (N,)
    even = g("Div", g("Add", count, one), two)
    free = g("Max", g("Sub", count, g.constant([merging.kept])), g.constant([0]))
    merged = g("Div", free, g.constant([merging.divisor]))
    merged = g("Min", merged, g("Sub", even, one))
    left = g("Sub", count, merged)
    rows = _expand(g, _count_up(g, g("ReduceMax", left, keepdims=0)), 1)  # (T', 1)
    states, sizes, pool = [], [], []
    halves = zip(
        _find_places(g, tokens, merged),
        _halve(g, tokens.states, axis=1),
        _halve(g, tokens.sizes, axis=1),
        _halve(g, tokens.pool, axis=2),
        strict=True,
    )
    for places, state, size, weight in halves:
        member = g("Cast", g("Equal", rows, _expand(g, places, 1)), to=_FLOAT)  # (N, T', T / 2)
        share = g("Mul", member, _expand(g, size, 1))
        states.append(g("MatMul", share, state))
        sizes.append(g("ReduceSum", share, g.constant([2]), keepdims=0))
        pool.append(g("MatMul", weight, g("Transpose", member, perm=[0, 2, 1])))
    total = g("Add", *sizes)
    divided = g("Max", total, g.constant(np.float32(1)))
    mean = g("Div", g("Add", *states), _expand(g, divided, 2))
    return Tokens(mean, g("Cast", left, to=_INT32), total, g("Add", *pool))


def _find_places(g: Graph, tokens: Tokens, merged: str) -> Sequence[str]:
    """Append where the even and the odd tokens go: (N, T / 2) places among those left.

    merged: (N,) how many even tokens of each sequence go where their partner goes.
    """
    sizes = g("Max", tokens.sizes, g.constant(np.float32(1)))
    price = g("Mul", g("Log", sizes), g.constant(np.float32(PRICE)))
    inside = g("Greater", tokens.sizes, g.constant(np.float32(0)))
    price = g("Where", inside, price, g.constant(np.float32(PADDING)))
    price_even, price_odd = _halve(g, price, axis=1)
    every = _size(g, price_even)
    numbers = _count_up(g, every)
    first = g("Equal", numbers, g.constant([0]))
    price_even = g("Where", first, g.constant(np.float32(FIRST)), price_even)

    even, odd = _halve(g, g("LpNormalization", tokens.states, axis=-1, p=2), axis=1)
    worth = g("MatMul", even, g("Transpose", odd, perm=[0, 2, 1]))  # (N, T / 2, T / 2)
    worth = g("Sub", worth, _expand(g, price_odd, 1))
    partner = g("ArgMax", worth, axis=2, keepdims=0)
    worth = g("Sub", g("ReduceMax", worth, g.constant([2]), keepdims=0), price_even)
    every = _expand(g, every, 0)
    order = g.many("TopK", worth, every, outputs=2, axis=1)[1]
    rank = g.many("TopK", order, every, outputs=2, axis=1, largest=0)[1]
    leaves = g("Less", rank, _expand(g, merged, 1))

    stays = g("Cast", g("Not", leaves), to=_INT64)
    places = g("Add", g("CumSum", stays, _scalar(g, 1)), numbers)  # of the odd, if all T are even
    shape = g("Shape", price_odd)
    ends = g("Slice", shape, g.constant([1]), g.constant([2]))
    places_odd = g("Slice", places, g.constant([0]), ends, g.constant([1]))
    shared = g("GatherElements", places_odd, partner, axis=1)
    return g("Where", leaves, shared, g("Sub", places, g.constant([1]))), places_odd


def _halve(g: Graph, x: str, *, axis: int) -> Sequence[str]:
    """Append the even and the odd places along an axis."""
    ends = [g.constant([value]) for value in (_END, axis, 2)]
    return [g("Slice", x, g.constant([start]), *ends) for start in (0, 1)]


def _size(g: Graph, x: str) -> str:
    """Append the length T of (N, T, ...): a number."""
    return g("Gather", g("Shape", x), _scalar(g, 1))


def _count_up(g: Graph, stop: str) -> str:
    """Append 0, 1, ... up to a number, which is left out."""
    return g("Range", _scalar(g, 0), stop, _scalar(g, 1))


def _scalar(g: Graph, value: int) -> str:
    return g("Squeeze", g.constant([value]))


def _expand(g: Graph, x: str, axis: int) -> str:
    """Append an axis of length one."""
    return g("Unsqueeze", x, g.constant([axis]))
