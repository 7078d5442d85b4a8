"""Merging of tokens: worked by hand, against a plain loop, in the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.models.bert.engine import SentenceEngine
from sememe.models.bert.int8 import Int8, measure_ranges
from sememe.models.bert.merging import Merging, Tokens, count_sizes, merge_tokens
from sememe.models.bert.pooling import pooling_weights
from sememe.models.bert.weights import read_bert_weights
from sememe.models.onnx.builder import Graph, floats, integers
from sememe.models.onnx.session import open_session
from tests.models.bert import checkpoints

DIM = 8
THIRD = Merging(layers=(0, 1), divisor=3)


def merge(states, lengths, merging=THIRD, *, times=1):
    """Return the states, lengths, sizes and weights of pooling after merging."""
    g = Graph()
    tokens = Tokens("states", "lengths", count_sizes(g, "states", "lengths"), "pool")
    for _ in range(times):
        tokens = merge_tokens(g, tokens, merging)
    names = (tokens.states, tokens.lengths, tokens.sizes, tokens.pool)
    outputs = dict(zip("slnp", names, strict=True))
    for output, name in outputs.items():
        g.output(output, "Identity", name)
    ports = {"s": floats("N", "U", DIM), "l": integers("N", bits=32)}
    ports |= {"n": floats("N", "U"), "p": floats("N", 1, "U")}
    inputs = {"states": floats("N", "T", DIM), "lengths": integers("N", bits=32)}
    session = open_session(g.build(inputs | {"pool": floats("N", 1, "T")}, ports))
    lengths = np.array(lengths, np.int32)
    values = {"states": states, "lengths": lengths, "pool": pooling_weights(["mean"], lengths)}
    return session.run(list(outputs), values)


def merge_plainly(rows, sizes, count):
    """Merge the `count` even rows nearest to an odd one into it; return rows and sizes."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    price, odd = 0.1 * np.log(sizes), range(1, len(rows), 2)
    best = {}
    for i in range(2, len(rows), 2):
        worth = {j: units[i] @ units[j] - price[i] - price[j] for j in odd}
        j = max(worth, key=worth.get)
        best[i] = (worth[j], j)
    groups = {j: [j] for j in range(len(rows))}
    for i in sorted(best, key=lambda i: -best[i][0])[:count]:
        groups[best[i][1]].append(i)
        del groups[i]
    return (
        np.array([np.average(rows[own], axis=0, weights=sizes[own]) for own in groups.values()]),
        np.array([sizes[own].sum() for own in groups.values()]),
    )


def draw(lengths, seed=0):
    return np.random.default_rng(seed).normal(size=(len(lengths), max(lengths), DIM)).astype("f4")


def test_worked_by_hand():
    """Of five tokens one is merged: the third into the fourth, the nearest pair.

    The first is as near to the second, but is kept; the third and the fifth are not compared.
    """
    a, b, c = np.eye(DIM, dtype=np.float32)[:3]
    states = np.stack([a, a, b, b + c / 2, c])[None]
    got, lengths, sizes, pool = merge(states, [5])
    np.testing.assert_allclose(got[0], [a, a, b + c / 4, c], atol=1e-6)
    assert (lengths.tolist(), sizes.tolist()) == ([4], [[1, 1, 2, 1]])
    np.testing.assert_allclose(pool, [[[0.2, 0.2, 0.4, 0.2]]], atol=1e-6)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_as_a_plain_loop_merges(times):
    lengths = [31, 30, 12, 11, 5, 4, 3, 2]
    states = draw(lengths)
    got, left, sizes, pool = merge(states, lengths, times=times)
    for i, length in enumerate(lengths):
        rows, own = states[i, :length], np.ones(length)
        for _ in range(times):
            rows, own = merge_plainly(rows, own, min(len(rows) // 3, (len(rows) + 1) // 2 - 1))
        assert left[i] == len(rows)
        np.testing.assert_allclose(got[i, : left[i]], rows, atol=1e-5)
        np.testing.assert_array_equal(sizes[i], np.append(own, [0] * (sizes.shape[1] - len(own))))
        np.testing.assert_allclose(pool[i, 0], sizes[i] / length, atol=1e-6)


def test_of_equal_pairs_the_first_is_merged():
    states = np.ones((1, 9, DIM), np.float32)
    _, _, sizes, _ = merge(states, [9])
    assert sizes.tolist() == [[1, 4, 1, 1, 1, 1]]  # the third, fifth and seventh into the second


@pytest.mark.parametrize(("n", "left"), [(2, 2), (11, 11), (12, 11), (30, 20), (50, 30)])
def test_short_sequences_keep_their_tokens(n, left):
    """Beyond ten tokens half; of the even ones the first stays."""
    _, lengths, sizes, _ = merge(draw([n]), [n], Merging((0,), divisor=2, kept=10))
    assert lengths.tolist() == [left]
    assert sizes.sum() == n


def test_all_even_tokens_but_the_first_may_go_at_most():
    """Half of twelve would be six; of the even ones the first stays, so that five go."""
    _, lengths, sizes, _ = merge(draw([12]), [12], Merging((0,), divisor=2))
    assert lengths.tolist() == [7]
    assert (sizes >= 1).all() and sizes.sum() == 12


def made(**options):
    weights = read_bert_weights(checkpoints.config("bert"), checkpoints.tensors("bert"), where="x")
    return SentenceEngine(weights, threads=2, **options)


@pytest.mark.parametrize("int8", [False, True])
def test_a_sequence_does_not_feel_its_batch(int8):
    rng = np.random.default_rng(0)
    some = [rng.integers(5, 60, size=n).tolist() for n in range(2, 32)]
    options = {"products": Int8(measure_ranges(made()._weights, some))} if int8 else {}
    checkpoints.check_batches(made(merging=THIRD, **options), shortest=2)


def test_only_long_sequences_are_changed():
    rng = np.random.default_rng(0)
    many = [rng.integers(5, 60, size=n).tolist() for n in [*range(2, 20), *range(30, 40)]]
    exact, merged = (
        made(merging=merging).forward(many) for merging in (None, Merging((0, 1), 2, kept=18))
    )
    np.testing.assert_allclose(merged[:18], exact[:18], atol=1e-5)
    assert (np.abs(merged - exact)[18:].max(axis=1) > 1e-3).all()
    assert (merged * exact).sum(axis=1).min() > 0.99


def test_tokens_are_merged_before_the_layers_that_are_named():
    """Before no layer, the first, the second: three vectors, of which the last is nearer."""
    rng = np.random.default_rng(1)
    many = [rng.integers(5, 60, size=40).tolist() for _ in range(6)]
    exact = made().forward(many)
    first, second = (made(merging=Merging((i,), 3)).forward(many) for i in (0, 1))
    assert np.abs(first - second).max() > 1e-3
    far, near = ((rows * exact).sum(axis=1).mean() for rows in (first, second))
    assert far < near < 1 - 1e-5


@pytest.mark.parametrize("pooling", [("max",), ("mean", "max")])
def test_what_cannot_be_merged_is_refused(pooling):
    with pytest.raises(InvalidInputError, match="cannot be merged with pooling"):
        made(merging=THIRD, pooling=pooling)
    weights = read_bert_weights(checkpoints.config("bert"), checkpoints.tensors("bert"), where="x")
    biased = replace(weights, distances=np.zeros((2, 8, 8), np.float32))
    with pytest.raises(InvalidInputError, match="a bias by distance"):
        SentenceEngine(biased, merging=THIRD)
    with pytest.raises(InvalidInputError, match="sequence 1 has 1 tokens.*2 to"):
        made(merging=THIRD).forward([[5, 6], [5]])
