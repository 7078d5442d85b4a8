"""Semantic deduplication: worked by hand, equal to the loop, what keeping means, and a control."""

from __future__ import annotations

import numpy as np
import pytest

from sememe._errors import InvalidInputError
from sememe.space import _cosines, duplicates
from tests.space.test_pairs import loop, samples
from tests.ties import TOLERANCE


def at(*degrees):
    return [[np.cos(np.radians(x)), np.sin(np.radians(x))] for x in degrees]


def greedy(vectors, threshold):
    """Row by row: (kept, [(dropped, kept one, score)]); of those that tie, the first."""
    scores = dict(loop(vectors))
    kept, dropped = [], []
    for row in range(len(vectors)):
        hits = [(scores[k, row], k) for k in kept if scores[k, row] >= np.float32(threshold)]
        if hits:
            best = np.float32(max(hits)[0]) - np.float32(TOLERANCE)
            dropped.append((row, *next((k, score) for score, k in hits if score >= best)))
        else:
            kept.append(row)
    return kept, dropped


def as_lists(found):
    columns = found.dropped.tolist(), found.duplicate_of.tolist(), found.scores.tolist()
    return found.kept.tolist(), list(zip(*columns, strict=True))


def test_worked():
    """Directions 0, 20, 40, 61 and 10 degrees, threshold cos 25.

    20 is dropped for 0, and so 40 is kept, for 20 is gone: no chain. 61 is dropped for 40 (21
    degrees) and 10 for 0 (10 degrees).
    """
    found = duplicates(at(0, 20, 40, 61, 10), threshold=np.cos(np.radians(25)))
    assert found.kept.tolist() == [0, 2]
    assert found.dropped.tolist() == [1, 3, 4]
    assert found.duplicate_of.tolist() == [0, 2, 0]
    assert found.scores == pytest.approx(np.cos(np.radians([20, 21, 10])), abs=1e-6)
    assert found.groups() == {0: [1, 4], 2: [3]}


def test_the_most_similar_kept_one_is_named():
    found = duplicates(at(0, 40, 25), threshold=np.cos(np.radians(30)))
    assert as_lists(found)[0] == [0, 1]
    assert found.duplicate_of.tolist() == [1]


@pytest.mark.parametrize("block", [7, 16, 1024])
@pytest.mark.parametrize("name", samples())
def test_it_is_the_loop(name, block, monkeypatch):
    monkeypatch.setattr(_cosines, "_BLOCK", block)
    vectors = samples()[name]
    for threshold in (-1, 0.3, 0.7, 0.9, 1):
        assert as_lists(duplicates(vectors, threshold=threshold)) == greedy(vectors, threshold)


def test_no_two_kept_are_alike_and_each_dropped_has_its_kept(monkeypatch):
    monkeypatch.setattr(_cosines, "_BLOCK", 100)
    vectors = np.random.default_rng(0).standard_normal((500, 4))
    found = duplicates(vectors, threshold=0.8)
    assert sorted([*found.kept, *found.dropped]) == list(range(500))
    assert (np.isin(found.duplicate_of, found.kept) & (found.duplicate_of < found.dropped)).all()
    assert (found.scores >= np.float32(0.8)).all()
    again = duplicates(vectors[found.kept], threshold=0.8)
    assert len(again.dropped) == 0 and len(found.dropped) > 100


@pytest.mark.parametrize(("spread", "kept"), [(0.05, 20), (5.0, 200)])
def test_blobs_come_down_to_one_each_and_noise_stays(spread, kept):
    """20 directions of 10 vectors each; the control is spread so far that none is a duplicate."""
    rng = np.random.default_rng(0)
    centres = np.tile(rng.standard_normal((20, 64)), (10, 1))
    found = duplicates(centres + spread * rng.standard_normal((200, 64)), threshold=0.9)
    assert len(found.kept) == kept
    if kept == 20:
        assert found.kept.tolist() == list(range(20))
        assert (found.duplicate_of == found.dropped % 20).all()


def test_one_row_is_kept():
    found = duplicates([[2.0, 1.0]])
    assert as_lists(found) == ([0], []) and found.groups() == {}


@pytest.mark.parametrize(
    ("vectors", "threshold", "says"),
    [
        (np.zeros((0, 3)), 0.9, r"shape \(0, 3\); allowed: \(n, dim\), at least \(1, 1\)"),
        ([[1, 0], [0, 0]], 0.9, "vector 1 holds only zeros"),
        ([[np.nan, 0]], 0.9, "vector 0 holds NaN"),
        ([[1, 0]], 90, "threshold=90; allowed: a cosine, from -1 to 1"),
    ],
)
def test_bad_input(vectors, threshold, says):
    with pytest.raises(InvalidInputError, match=says):
        duplicates(vectors, threshold=threshold)


def test_of_kept_rows_that_tie_the_first_is_named(monkeypatch):
    """Half way between two of 20 directions that were kept in different blocks before it."""
    monkeypatch.setattr(_cosines, "_BLOCK", 7)
    found = duplicates([*np.eye(20), np.eye(20)[0] + np.eye(20)[13]], threshold=0.7)
    assert as_lists(found)[1] == [(20, 0, float(np.float32(np.sqrt(0.5))))]
