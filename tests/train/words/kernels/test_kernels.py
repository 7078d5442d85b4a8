"""The compiled steps against numbers by hand and against the NumPy reference."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest

from sememe.train.words.kernels import reference
from sememe.train.words.kernels.cbow import cbow_block, cbow_window
from sememe.train.words.kernels.huffman import make_tree, no_tree
from sememe.train.words.kernels.primitives import (
    choose_outputs,
    draw_word,
    jit,
    keep_tokens,
    predict,
    sigmoid_,
)
from sememe.train.words.kernels.rows import new_rows, row_width
from sememe.train.words.kernels.sampling import make_sampler
from sememe.train.words.kernels.skipgram import skipgram_block, skipgram_window
from sememe.train.words.kernels.subword import Parts, add_rows, change_rows, move, subword_block

DIM, WIDTH = 10, 16


def random_rows(n, seed):
    rows = np.zeros((n, WIDTH), np.float32)
    rows[:, :DIM] = np.random.default_rng(seed).normal(size=(n, DIM)) / 2
    return rows


def scratch(k, n):
    return np.empty((1 + 2 * k, WIDTH), np.float32), np.empty(n * k, np.float32)


def test_skipgram_by_hand():
    """x = (1, 0), o = (0, 2): the score is 0, sigmoid 1/2, the error 0.1 * (1 - 1/2) = 0.05.

    x becomes (1, 0) + 0.05 (0, 2) = (1, 0.1); o becomes (0, 2) + 0.05 (1, 0) = (0.05, 2).
    """
    inputs, outputs = np.zeros((1, 16), np.float32), np.zeros((1, 16), np.float32)
    inputs[0, 0], outputs[0, 1] = 1, 2
    context, rows, labels = np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.float32)
    skipgram_window(inputs, outputs, context, 1, rows, labels, 1, np.float32(0.1), *scratch(1, 1))
    assert inputs[0, :2].tolist() == pytest.approx([1, 0.1])
    assert outputs[0, :2].tolist() == pytest.approx([0.05, 2])


# A window with a repeated neighbour would read the row it has just changed, where the reference
# reads it once; a repeated noise word is the same to both.
WINDOWS = [([3, 1, 4, 7], [2, 5, 5, 6]), ([0], [1]), ([9, 8], [0, 1, 2, 3, 4, 5, 6])]


@pytest.mark.parametrize(("context", "rows"), WINDOWS)
def test_skipgram_agrees_with_the_reference(context, rows):
    inputs, outputs = random_rows(10, 1), random_rows(8, 2)
    labels = np.zeros(len(rows), np.float32)
    labels[0] = 1
    x, o = inputs[:, :DIM].astype(np.float64), outputs[:, :DIM].astype(np.float64)
    reference.skipgram_step(x, o, context=context, rows=rows, labels=labels, rate=0.3)
    skipgram_window(
        inputs,
        outputs,
        np.array(context),
        len(context),
        np.array(rows),
        labels,
        len(rows),
        np.float32(0.3),
        *scratch(len(rows), len(context)),
    )
    np.testing.assert_allclose(inputs[:, :DIM], x, atol=2e-6)
    np.testing.assert_allclose(outputs[:, :DIM], o, atol=2e-6)
    assert not inputs[:, DIM:].any() and not outputs[:, DIM:].any()  # padding stays zero


@pytest.mark.parametrize(("context", "rows"), WINDOWS)
def test_cbow_agrees_with_the_reference(context, rows):
    inputs, outputs = random_rows(10, 3), random_rows(8, 4)
    labels = np.zeros(len(rows), np.float32)
    labels[0] = 1
    x, o = inputs[:, :DIM].astype(np.float64), outputs[:, :DIM].astype(np.float64)
    reference.cbow_step(x, o, context=context, rows=rows, labels=labels, rate=0.3)
    cbow_window(
        inputs,
        outputs,
        np.array(context),
        len(context),
        np.array(rows),
        labels,
        len(rows),
        np.float32(0.3),
        np.empty(WIDTH, np.float32),
        np.empty(WIDTH, np.float32),
        np.empty(len(rows), np.float32),
    )
    np.testing.assert_allclose(inputs[:, :DIM], x, atol=2e-6)
    np.testing.assert_allclose(outputs[:, :DIM], o, atol=2e-6)


def test_the_subword_step_agrees_with_the_reference():
    words, ngrams, outputs = random_rows(3, 5), random_rows(6, 6), random_rows(8, 7)
    ids = np.array([0, 4, 1, 1, 5], np.int32)
    made = Parts(words, ngrams, np.array([0, 2, 5, 5]), ids)
    targets = [([2, 5, 6], [1, 0, 0]), ([3, 7], [1, 0])]
    parts = np.concatenate([words, ngrams])[:, :DIM].astype(np.float64)
    o = outputs[:, :DIM].astype(np.float64)
    reference.subword_skipgram_step(
        parts, o, own=[1, 3 + 1, 3 + 1, 3 + 5], targets=targets, rate=0.2
    )
    hidden, change = np.zeros(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    own = np.empty(WIDTH, np.float32)
    hidden /= add_rows(hidden, made, 1)
    for rows, labels in targets:
        k = len(rows)
        labels = np.array(labels, np.float32)
        g = np.empty(k, np.float32)
        own[:] = 0
        predict(outputs, np.array(rows), labels, k, np.float32(0.2), hidden, own, g)
        move(hidden, change, own)
    change_rows(change, made, 1)
    np.testing.assert_allclose(np.concatenate([words, ngrams])[:, :DIM], parts, atol=2e-6)
    np.testing.assert_allclose(outputs[:, :DIM], o, atol=2e-6)


def test_the_step_climbs_the_objective():
    """The change is the gradient: finite differences of the log-likelihood give the same."""
    rng = np.random.default_rng(0)
    x, o = rng.normal(size=(1, 4)), rng.normal(size=(3, 4))
    labels = np.array([1.0, 0, 0])

    def likelihood(row):
        s = reference.sigmoid(o @ row)
        return float(np.sum(labels * np.log(s) + (1 - labels) * np.log(1 - s)))

    h = 1e-6
    slope = [
        (likelihood(x[0] + h * unit) - likelihood(x[0] - h * unit)) / (2 * h) for unit in np.eye(4)
    ]
    before = x.copy()
    reference.skipgram_step(x, o.copy(), context=[0], rows=[0, 1, 2], labels=labels, rate=1.0)
    np.testing.assert_allclose((x - before)[0], slope, rtol=1e-6)


def test_sigmoid_to_the_precision_of_float32():
    x = np.concatenate([np.linspace(-30, 30, 4001), [-1e30, 1e30, 0]]).astype(np.float32)
    got = x.copy()
    sigmoid_(got, len(got))
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(got[:-3], expected[:-3], rtol=2e-6, atol=1e-12)
    np.testing.assert_allclose(got[-3:], [0, 1, 0.5], atol=1e-7)


def test_noise_follows_the_counts():
    counts = np.array([1000, 300, 50, 7, 1])
    sampler = make_sampler(counts, noise_exponent=0.75)
    n = 200_000
    drawn = np.bincount(_draw_many(sampler, n, np.uint64(7)), minlength=5)
    expected = counts**0.75 / (counts**0.75).sum() * n
    assert float(((drawn - expected) ** 2 / expected).sum()) < 18.5  # chi-square, 4 df, p = 0.001
    uniform = np.full(5, n / 5)
    assert float(((drawn - uniform) ** 2 / uniform).sum()) > 1000  # the control


@jit
def _draw_many(sampler, n, seed):
    state = np.array([seed], np.uint64)
    drawn = np.empty(n, np.int64)
    for i in range(n):
        drawn[i] = draw_word(state, sampler)
    return drawn


def test_a_tables_chances_add_up_to_the_noise_distribution():
    counts = np.random.default_rng(0).integers(1, 10_000, 997)
    sampler = make_sampler(counts, noise_exponent=0.5)
    chance = sampler.accept.astype(np.float64)
    np.add.at(chance, sampler.alias, 1 - sampler.accept.astype(np.float64))
    np.testing.assert_allclose(chance / 997, counts**0.5 / (counts**0.5).sum(), rtol=1e-4)


def test_subsampling_keeps_the_share_of_the_formula():
    """f = 0.9, t = 0.01: sqrt(t/f) + t/f = 0.1054 + 0.0111 = 0.1165."""
    counts = np.array([900, 100])
    keep = make_sampler(counts, subsample=0.01).keep
    ids = np.append(np.zeros(100_000, np.int32), np.int32(-1))
    sentence = np.empty(len(ids), np.int32)
    n, after = keep_tokens(np.array([5], np.uint64), ids, 0, keep, sentence)
    assert after == len(ids)
    assert n / 100_000 == pytest.approx(0.1165, abs=0.004)
    assert make_sampler(counts, subsample=0).keep.tolist() == [1, 1]


def test_a_huffman_tree_is_as_short_as_any():
    counts = np.random.default_rng(1).integers(1, 1000, 200)
    tree = make_tree(counts)
    lengths = np.diff(tree.starts)
    heap, cost = sorted(counts.tolist()), 0
    while len(heap) > 1:  # the cost of the textbook's tree: the sum of all merged weights
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        cost += merged
        heapq.heappush(heap, merged)
    assert int((lengths * counts).sum()) == cost
    assert math.isclose(float((0.5**lengths).sum()), 1.0)  # Kraft: no branch is left open
    paths = {
        tuple(zip(tree.points[a:b], tree.bits[a:b], strict=True))
        for a, b in zip(tree.starts[:-1], tree.starts[1:], strict=True)
    }
    assert len(paths) == 200  # no two words share a path
    assert {path[0][0] for path in paths} == {198}  # all begin at the root
    assert max(tree.points) == 198 and min(tree.points) == 0


def test_hierarchical_outputs_are_a_distribution():
    """The chances of all words, products along their paths, add up to 1 for any vector."""
    counts = np.array([50, 20, 20, 7, 3, 1])
    tree = make_tree(counts)
    nodes, x = np.random.default_rng(2).normal(size=(5, DIM)), np.ones(DIM)
    total = 0.0
    for word in range(6):
        rows, labels = np.empty(96, np.int64), np.empty(96, np.float32)
        state = np.ones(1, np.uint64)
        k = choose_outputs(state, word, 0, make_sampler(counts), tree, rows, labels)
        s = reference.sigmoid(nodes[rows[:k]] @ x)
        total += float(np.prod(np.where(labels[:k] > 0.5, s, 1 - s)))
    assert total == pytest.approx(1)


def test_a_draw_of_the_target_is_no_noise():
    sampler = make_sampler(np.array([10]))  # the only word there is to draw
    rows, labels = np.empty(6, np.int64), np.empty(6, np.float32)
    k = choose_outputs(np.ones(1, np.uint64), 0, 5, sampler, no_tree(), rows, labels)
    assert (k, rows[0], labels[0]) == (1, 0, 1)


@pytest.mark.parametrize("block", [skipgram_block, cbow_block, subword_block])
def test_a_window_of_one_word_trains_nothing(block):
    ids = np.array([0, -1, 1, -1, -1, 2, -1], np.int32)  # three sentences of one word, one of none
    inputs, outputs = random_rows(3, 1), random_rows(3, 2)
    before = inputs.copy()
    sampler = make_sampler(np.array([5, 5, 5]), subsample=0)
    if block is subword_block:
        parts = Parts(inputs, random_rows(1, 3), np.zeros(4, np.int64), np.empty(0, np.int32))
        args = [parts, np.arange(3, dtype=np.int32), outputs, sampler, no_tree(), False]
    else:
        args = [inputs, outputs, sampler, no_tree()]
    assert block(ids, *args, 5, 5, 0.1, 0.1, np.uint64(3)) == 0
    assert np.array_equal(inputs, before)


def test_rows_are_padded_aligned_and_the_same_however_many():
    for dim in (3, 7, 50, 100, 300):
        width = row_width(dim)
        assert width >= dim and width % 8 == 0 and width <= max(8, dim * 1.15)
        rows = new_rows(5, dim, width, seed=3)
        assert rows.ctypes.data % 64 == 0
        assert 0.5 / dim < np.abs(rows[:, :dim]).max() <= 1 / dim and not rows[:, dim:].any()
    assert np.array_equal(new_rows(5, 7, 8, seed=3), new_rows(70_000, 7, 8, seed=3)[:5])
