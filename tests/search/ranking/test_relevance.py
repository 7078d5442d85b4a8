"""Relevance: worked numbers, and what unrelated vectors hardly exceed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sememe.search.ranking.relevance import (
    FLOOR,
    HYBRID,
    KEYWORD,
    SEMANTIC,
    expect_best,
    is_close,
    standardize,
    to_probability,
)


def test_worked():
    """(0.6 - 0.2) / 0.1 = 4 deviations; of 50 rows sqrt(2 ln 60) = 2.862 are chance: e = 1.138.

    Half of the words, all on it: c = 0.5. 1.01 * 1.138 + 4.55 * 0.5 - 1.47 * 0.5 - 3.52 = -0.831.
    """
    excess = standardize(np.array([0.6, 0.2]), 0.2, 0.1) - expect_best(50)
    assert excess.tolist() == pytest.approx([1.1384, -2.8616], abs=1e-4)
    logits = HYBRID.compute_logits(excess, np.array([0.5, 0.0]), 0.5)
    assert logits.tolist() == pytest.approx([-0.8302, -7.1452], abs=1e-3)
    assert to_probability(logits)[0] == pytest.approx(1 / (1 + math.exp(0.8302)), abs=1e-4)


def test_a_column_of_equal_rows_has_no_deviation_to_divide_by():
    assert np.isfinite(standardize(np.array([0.5, 0.5]), 0.5, 0.0)).all()
    assert expect_best(0) == pytest.approx(math.sqrt(2 * math.log(10)))  # of few rows, too


@pytest.mark.parametrize("weights", [HYBRID, SEMANTIC, KEYWORD])
def test_more_evidence_is_more_relevance_and_none_is_below_the_floor(weights):
    grid = np.linspace(-3, 6, 10)
    for one, other in ((grid, 0.3), (0.3, np.linspace(0, 1, 10))):
        assert (np.diff(weights.compute_logits(one, other, 0.5)) >= 0).all()
    nothing = to_probability(weights.compute_logits(np.array([-1.0]), 0.0, 1.0))
    assert nothing[0] < FLOOR
    assert to_probability(weights.compute_logits(np.array([2.5]), 1.0, 1.0))[0] > 0.7


@pytest.mark.parametrize(
    ("similarity", "coverage", "close"),
    [(0.36, 0.0, False), (0.37, 0.0, True), (0.3, 0.6, False), (0.3, 0.7, True)],
)
def test_close_is_far_above_what_is_usual_or_has_the_words(similarity, coverage, close):
    """0.36 is 3.2 deviations of 0.05 above 0.2, and 0.3 two; holding all words counts for two."""
    assert is_close(similarity, (0.2, 0.05), coverage) is close


def test_where_words_are_not_asked_less_is_close():
    assert is_close(0.34, (0.2, 0.05), None)
    assert not is_close(0.33, (0.2, 0.05), None)
    assert not is_close(0.34, (0.2, 0.05), 0.0)


def test_words_that_some_document_holds_speak_against_one_without_them():
    with_them, without = HYBRID.compute_logits(1.0, np.array([0.9, 0.0]), 0.9)
    assert with_them > HYBRID.compute_logits(1.0, 0.0, 0.0) > without


@pytest.mark.parametrize(("rows", "seed"), [(500, 0), (5_000, 1), (20_000, 2)])
def test_chance_is_what_random_vectors_hardly_exceed(rows, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(rows, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = rng.normal(size=(50, 512)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    similarities = queries @ vectors.T
    best = np.array([standardize(row, row.mean(), row.std()).max() for row in similarities])
    assert 0.75 * expect_best(rows) < np.median(best) < expect_best(rows)
    assert np.mean(best <= expect_best(rows)) > 0.8


def test_probabilities_of_any_logit_are_those_of_the_formula_without_overflow():
    logits = np.array([-1000.0, -2.0, 0.0, 3.5, 1000.0])
    expected = [0.0, 1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3.5)), 1.0]
    np.testing.assert_allclose(to_probability(logits), expected, atol=1e-12)
