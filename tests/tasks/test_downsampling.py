"""Pooling a stream: the same columns whatever the blocks, exact where it divides, bounded."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.tasks.downsampling import Downsampler
from sememe.tasks.plotting import choose_ticks, choose_time_ticks, map_colours


def pooled(rows, most, reduce, *, block):
    found = Downsampler(most, reduce)
    for start in range(0, len(rows), block):
        found.add(rows[start : start + block])
    return found


@pytest.mark.parametrize("reduce", [np.minimum, np.maximum, np.add])
@pytest.mark.parametrize("n", [1, 7, 64, 1000, 4096])
def test_blocks_do_not_matter(reduce, n):
    rows = np.random.default_rng(n).standard_normal((n, 3))
    one = pooled(rows, 16, reduce, block=n).columns(10)
    many = pooled(rows, 16, reduce, block=37).columns(10)
    np.testing.assert_allclose(one, many, atol=1e-12)
    assert one.shape == (10, 3)


def test_where_it_divides_columns_are_what_they_say():
    rows = np.random.default_rng(0).standard_normal((4096, 2))
    whole = rows.reshape(16, 256, 2)
    for reduce, expected in (
        (np.minimum, whole.min(1)), (np.maximum, whole.max(1)), (np.add, whole.mean(1)),
    ):  # fmt: skip
        np.testing.assert_allclose(pooled(rows, 16, reduce, block=100).columns(16), expected)


def test_nothing_is_lost_and_ends_count_by_their_length():
    """101 rows, the last alone in its bin: the mean of all columns' ends is near, the peak kept."""
    rows = np.zeros((101, 1))
    rows[100] = 5.0
    assert pooled(rows, 8, np.maximum, block=9).columns(8).max() == 5.0
    ones = pooled(np.ones((101, 1)), 8, np.add, block=9).columns(8)
    np.testing.assert_allclose(ones, 1.0)


def test_fewer_rows_than_columns_stand_in_several():
    found = pooled(np.array([[1.0], [2.0]]), 100, np.add, block=1).columns(4)
    assert found[:, 0].tolist() == [1, 1, 2, 2]


def test_memory_is_bounded_by_the_columns():
    found = Downsampler(50, np.add)
    for _ in range(300):
        found.add(np.ones((1000, 1)))
        assert found._held <= 100
    assert found.count == 300_000


def test_colours_only_grow_lighter():
    light = map_colours(np.linspace(0, 1, 100)).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > 0).mean() > 0.95 and light[-1] > 200 > 30 > light[0]


def test_ticks_are_round():
    assert choose_ticks(0.43, 5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert [name for _, name in choose_time_ticks(0.43, 5)] == ["0", "0.1", "0.2", "0.3", "0.4"]
    assert [name for _, name in choose_time_ticks(7200, 4)] == [
        "0:00:00",
        "0:30:00",
        "1:00:00",
        "1:30:00",
        "2:00:00",
    ]
    assert len(choose_time_ticks(20 * 86_400, 10)) <= 11
