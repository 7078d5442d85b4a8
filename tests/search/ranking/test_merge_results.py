"""Rankings of several vector columns on one scale, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.score_fusion import (
    Prior,
    append_ranking,
    merge_results,
    shrink_statistics,
)


def ranking(scores, mean, deviation, first_row=0):
    ids = sorted(scores, key=lambda id_: (-scores[id_], id_))
    rows = np.arange(first_row, first_row + len(ids), dtype=np.uint64)
    return VectorRanking(ids, rows, np.array([scores[i] for i in ids], np.float32), mean, deviation)


USUAL = Prior(0.05, 0.1)
TEXTS = ranking({"a": 0.7, "b": 0.4, "c": 0.2}, mean=0.1, deviation=0.1)


def test_one_ranking_stays_as_it_is():
    assert merge_results([TEXTS], 2) is TEXTS


def test_scores_are_brought_to_the_mean_and_deviation_of_the_first():
    """Of 0.30 in a space of mean 0.20 and deviation 0.02, 5 deviations: 0.1 + 5 * 0.1 = 0.6."""
    images = ranking({"x": 0.30, "y": 0.22, "c": 0.24}, mean=0.20, deviation=0.02, first_row=10)
    found = merge_results([TEXTS, images], 4)
    assert found.ids == ["a", "x", "b", "c"]
    np.testing.assert_allclose(found.scores, [0.7, 0.6, 0.4, 0.3], atol=1e-6)
    assert found.rows.tolist() == [0, 10, 1, 11]  # of c, the row where it is best
    assert (found.mean, found.deviation) == (0.1, 0.1)


def test_ties_go_by_id_and_a_column_of_one_row_counts_little():
    same = ranking({"z": 0.9}, mean=0.9, deviation=0.0, first_row=7)
    found = merge_results([TEXTS, same], 9)
    assert found.ids == ["a", "b", "c", "z"]
    assert found.scores[-1] == pytest.approx(0.1, abs=1e-4)
    assert merge_results([ranking({"b": 1.0}, 0, 1), ranking({"a": 1.0}, 0, 1)], 2).ids == [
        "a",
        "b",
    ]


def test_an_empty_first_ranking_takes_the_others_as_they_are():
    none = ranking({}, mean=0.0, deviation=0.0)
    found = merge_results([none, ranking({"x": 0.3}, mean=0.2, deviation=0.02)], 3)
    assert found.ids == ["x"]
    assert found.scores[0] == pytest.approx(0.3)


def test_a_ranking_that_has_something_gives_the_scale():
    """Of 0.5 in the second, 2 deviations: 0.3 + 2 * 0.05 on the scale of the first that has any."""
    none = ranking({}, mean=0.0, deviation=1.0)
    images = ranking({"x": 0.35}, mean=0.30, deviation=0.05)
    others = ranking({"y": 0.5}, mean=0.1, deviation=0.2, first_row=5)
    found = merge_results([none, images, others], 3)
    assert found.ids == ["y", "x"]
    np.testing.assert_allclose(found.scores, [0.4, 0.35], atol=1e-6)


def test_a_ranking_is_appended_below_another():
    """0.9 and 0.6 go down by 0.7, below 0.2; what both have stays where it is in the first."""
    others = ranking({"x": 0.9, "a": 0.8, "y": 0.6}, mean=0.4, deviation=0.1, first_row=10)
    found = append_ranking(TEXTS, others)
    assert found.ids == ["a", "b", "c", "x", "y"]
    np.testing.assert_allclose(found.scores, [0.7, 0.4, 0.2, 0.2, -0.1], atol=1e-6)
    assert found.rows.tolist() == [0, 1, 2, 10, 12]
    low = ranking({"x": 0.1}, mean=0.0, deviation=0.1)
    np.testing.assert_allclose(append_ranking(TEXTS, low).scores, [0.7, 0.4, 0.2, 0.1])
    none = ranking({}, mean=0.0, deviation=0.1)
    assert append_ranking(none, low) is low
    assert append_ranking(TEXTS, none).ids == TEXTS.ids


def test_few_rows_count_as_some_more():
    """30 rows of mean 0.05 and deviation 0.1, and 10 of mean 0.45 and deviation 0: mean 0.15."""
    found = shrink_statistics(replace(ranking({"a": 0.5}, 0.45, 0.0), count=10), USUAL)
    assert found.mean == pytest.approx((30 * 0.05 + 10 * 0.45) / 40)
    variance = (30 * (0.1**2 + 0.1**2) + 10 * 0.3**2) / 40
    assert found.deviation == pytest.approx(variance**0.5)
    many = shrink_statistics(replace(ranking({"a": 0.5}, 0.45, 0.02), count=10**9), USUAL)
    assert (many.mean, many.deviation) == pytest.approx((0.45, 0.02), abs=1e-4)
