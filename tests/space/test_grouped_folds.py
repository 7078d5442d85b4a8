"""Choosing by whole groups: folds that keep them apart, and a penalty that groups ask for."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.space.kernel_probe import KernelProbe
from sememe.space.linear_probe import LinearProbe
from sememe.space.neighbour_probe import NeighbourProbe
from sememe.space.probe import split_folds


def test_no_group_is_on_both_sides_and_every_class_is_learnt():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 7, 200), rng.integers(0, 3, 200)
    found = list(split_folds(labels, groups=groups))
    assert len(found) == 5
    for learnt, aside in found:
        assert not set(groups[learnt]) & set(groups[aside])
        assert set(labels[learnt]) == {0, 1, 2}
    assert sorted(np.concatenate([aside for _, aside in found])) == list(range(200))


def test_a_class_of_one_group_alone_is_never_held_out():
    labels, groups = np.array([0, 0, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 2, 2])
    for learnt, _ in split_folds(labels, groups=groups):
        assert 1 in groups[learnt]


def test_one_group_is_as_none():
    labels = np.array([0, 1] * 10)
    (one, *_), (none, *_) = (
        list(split_folds(labels, groups=groups)) for groups in (np.zeros(20, int), None)
    )
    np.testing.assert_array_equal(one[1], none[1])


@pytest.mark.parametrize("kind", [LinearProbe, KernelProbe, NeighbourProbe])
def test_groups_tell_what_to_expect_of_others(kind):
    """Vectors know the speaker, and each speaker says one word most: shared speakers flatter."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(10), 20)
    labels = np.where(rng.random(200) < 0.9, groups % 2, 1 - groups % 2)
    rows = 3 * rng.standard_normal((10, 12))[groups] + rng.standard_normal((200, 12))
    rows = rows.astype(np.float32)
    shared = kind().fit(rows, labels).held_out_
    apart = kind().fit(rows, labels, groups=groups).held_out_
    assert shared > 0.8
    assert apart < 0.7
