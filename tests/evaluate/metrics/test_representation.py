"""Neighbours, a linear probe and the effective rank, by hand and by properties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sememe.evaluate.metrics.representation import effective_rank, knn_accuracy, linear_probe
from sememe.train.simclr.monitor import Figures, Monitor, note_collapse, warn_of_collapse


def test_effective_rank_by_hand():
    """Nine rows along one axis and one along another: singular values 3 and 1, shares 3/4, 1/4."""
    rows = np.zeros((10, 4), np.float32)
    rows[:9, 0], rows[9, 1] = 7, 0.5  # lengths count nothing
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert effective_rank(rows) == pytest.approx(math.exp(entropy), abs=1e-5)


def test_effective_rank_goes_from_one_to_the_width():
    assert effective_rank(np.eye(6, dtype=np.float32)) == pytest.approx(6)
    assert effective_rank(np.ones((50, 6), np.float32)) == pytest.approx(1, abs=1e-4)
    assert effective_rank(np.zeros((5, 6), np.float32)) == 1


def test_effective_rank_is_the_same_however_the_space_is_turned():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 8)).astype(np.float32) * np.arange(1, 9, dtype=np.float32)
    turn = np.linalg.qr(rng.standard_normal((8, 8)))[0].astype(np.float32)
    assert effective_rank(rows @ turn) == pytest.approx(effective_rank(rows), rel=1e-4)


def test_neighbours_by_hand():
    """Of the query's three nearest two are of class 1; the nearest alone is of class 0."""
    bank = np.array([[1, 0], [1, 0.2], [1, 0.3], [0, 1], [-1, 0]], np.float32)
    labels = np.array([0, 1, 1, 0, 0])
    query, one = np.array([[5, 0]], np.float32), np.array([1])
    assert knn_accuracy(bank, labels, query, one, k=1) == 0
    assert knn_accuracy(bank, labels, query, one, k=3) == 1
    assert knn_accuracy(bank, labels, query, np.array([0]), k=100) == 1  # all five vote


def test_among_equal_neighbours_the_first_count_and_of_equal_votes_the_smaller_label():
    bank = np.ones((4, 2), np.float32)
    query = np.ones((1, 2), np.float32)
    assert knn_accuracy(bank, np.array([2, 1, 0, 0]), query, np.array([2]), k=1) == 1
    assert knn_accuracy(bank, np.array([2, 1, 0, 0]), query, np.array([1]), k=2) == 1


def test_neighbours_find_clusters_and_nothing_under_shuffled_labels():
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((4, 16)) * 3
    labels = np.repeat(np.arange(4), 100)
    rows = (centres[labels] + rng.standard_normal((400, 16))).astype(np.float32)
    bank, asked = slice(0, None, 2), slice(1, None, 2)
    found = knn_accuracy(rows[bank], labels[bank], rows[asked], labels[asked])
    assert found > 0.95
    shuffled = rng.permutation(labels)
    control = knn_accuracy(rows[bank], shuffled[bank], rows[asked], shuffled[asked])
    assert control < 0.4


def test_a_linear_probe_finds_classes_and_nothing_under_shuffled_labels():
    rng = np.random.default_rng(1)
    labels = np.tile(np.arange(3), 100)
    rows = (rng.standard_normal((3, 8))[labels] * 3 + rng.standard_normal((300, 8))).astype("f4")
    assert linear_probe(rows[:200], labels[:200], rows[200:], labels[200:]) > 0.9
    shuffled = rng.permutation(labels)
    assert linear_probe(rows[:200], shuffled[:200], rows[200:], shuffled[200:]) < 0.5


def test_a_collapse_warns_once_and_a_rise_does_not():
    """The features of three looks: five directions, all, one."""
    rng = np.random.default_rng(2)
    pixels = np.zeros((64, 2, 2, 3), np.uint8)
    full = rng.standard_normal((64, 16)).astype(np.float32)
    narrow = full * (np.arange(16) < 5)
    monitor, figures = Monitor(pixels, None), []

    def evaluate(rows):
        figures.append(monitor.evaluate(len(figures), lambda _: rows))
        warn_of_collapse(figures)

    for rows in (narrow, full):
        evaluate(rows)  # a warning would be an error
    assert note_collapse(figures) == ""
    with pytest.warns(RuntimeWarning, match="collapse"):
        evaluate(np.ones((64, 16), np.float32))
    evaluate(np.ones((64, 16), np.float32))
    assert "by step 2" in note_collapse(figures)


def test_collapse_is_less_than_half_of_the_highest():
    assert note_collapse([Figures(0, 8.0), Figures(1, 20.0), Figures(2, 10.0)]) == ""
    assert note_collapse([Figures(0, 8.0), Figures(1, 20.0), Figures(2, 9.9)]) != ""
