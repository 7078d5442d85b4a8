"""Codes of 8 bits: estimates within the error they state, exact whole-number products."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.search.ranking import integer_product
from sememe.search.ranking.int8_codes import Int8Codes, Rotation
from sememe.search.ranking.integer_product import IntegerProduct
from tests.search.conftest import unit

multiply = IntegerProduct()


def encode(rows: np.ndarray, rotation=None) -> Int8Codes:
    codes = Int8Codes(len(rows), rotation or Rotation(rows.shape[1]))
    for start in range(0, len(rows), 7):
        codes.fill(start, rows[start : start + 7])
    return codes


class Unrotated:
    """A control: rows as they are."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return rows.copy()


def concentrated(n: int, dim: int) -> np.ndarray:
    """Unit rows most of whose length lies in the first components, as after a PCA."""
    rows = np.random.default_rng(3).standard_normal((n, dim)) / np.arange(1, dim + 1)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_worked_by_hand():
    """(0.6, 0.8) in 127ths of 0.8 is (95, 127); of the query (1, 0) nothing is lost.

    The estimate is 0.8 / 127 * 95 = 0.59843, and |r| = 0.6 - 0.59843 = 0.00157.
    """
    codes = encode(np.array([[0.6, 0.8]], np.float32), Unrotated(2))
    (estimate,), error = codes.estimate(np.array([1, 0], np.float32), multiply)
    assert estimate == pytest.approx(0.598425, abs=1e-6)
    assert error == pytest.approx(0.001575, abs=2e-5)


def test_what_the_query_loses_by_hand():
    """(1, 0.5) in 63rds is (63, 32): d = (0, -0.00794).

    The row (0, 1) loses nothing, and as it is the mean, too, d . m corrects its estimate: from
    0.50794 to 0.5. The error is |d| |step c| + |d . m| = 2 * 0.00794.
    """
    codes = encode(np.array([[0, 1]], np.float32), Unrotated(2))
    (estimate,), error = codes.estimate(np.array([1, 0.5], np.float32), multiply)
    assert estimate == pytest.approx(0.5, abs=1e-6)
    assert error == pytest.approx(2 * 0.0079365, abs=2e-5)


@pytest.mark.parametrize("dim", [1, 2, 7, 50, 384, 512])
def test_rotation_keeps_inner_products(dim):
    rows = unit(np.random.default_rng(0), 9, dim)
    rotated = Rotation(dim)(rows)
    np.testing.assert_allclose(rotated @ rotated.T, rows @ rows.T, atol=1e-6)


@pytest.mark.parametrize("dim", [2, 7, 50, 384])
@pytest.mark.parametrize("length", [1.0, 30.0])
def test_no_estimate_is_farther_than_the_error(dim, length):
    rng = np.random.default_rng(dim)
    rows = np.concatenate([unit(rng, 40, dim), concentrated(40, dim), np.zeros((1, dim))])
    rows = (length * rows).astype(np.float32)
    codes = encode(rows)
    for query in [*unit(rng, 10, dim), *concentrated(10, dim), np.zeros(dim, np.float32)]:
        estimates, error = codes.estimate(query, multiply)
        assert np.abs(estimates - rows @ query).max() <= error < 0.2 * length


def test_rotation_makes_the_error_of_concentrated_rows_small():
    rows, query = concentrated(60, 512), concentrated(1, 512)[0]
    _, error = encode(rows).estimate(query, multiply)
    _, without = encode(rows, Unrotated(512)).estimate(query, multiply)
    assert error < 0.05 and without > 4 * error


def test_estimates_have_the_mean_of_the_products():
    """What the query loses by rounding has a mean, too, if the rows have one."""
    rng = np.random.default_rng(1)
    rows = 0.2 * unit(rng, 500, 64) + unit(rng, 1, 64)
    query = unit(rng, 1, 64)[0]
    estimates, _ = encode(rows).estimate(query, multiply)
    assert estimates.mean() == pytest.approx((rows @ query).mean(), abs=2e-4)


def test_rows_that_did_not_come_are_left_out():
    rows = unit(np.random.default_rng(0), 5)
    codes = Int8Codes(8, Rotation(rows.shape[1]))
    codes.fill(0, rows)
    codes.trim(5)
    estimates, error = codes.estimate(rows[2], multiply)
    assert estimates.shape == (5,) and estimates.argmax() == 2
    assert abs(estimates[2] - 1) <= error
    assert codes.nbytes == 5 * (rows.shape[1] + 8)


@pytest.mark.parametrize("dim, rows", [(1, 1), (3, 5), (64, 33), (510, 70), (512, 4096)])
def test_products_are_exact_where_they_are_largest(dim, rows):
    query = np.full(dim, 127, np.uint8)
    matrix = np.full((dim, rows), -127, np.int8)
    matrix[:, ::2] = 127
    expected = query.astype(np.int32) @ matrix.astype(np.int32)
    assert multiply(query, matrix).tolist() == expected.tolist()


@pytest.mark.parametrize("many, chosen", [(0.5, 3), (0.9, 1), (4.0, 1)])
def test_threads_are_those_that_answer_sooner(monkeypatch, many, chosen):
    """A run takes 1 s with one thread, `many` s with three, by a clock that runs advance."""
    now = [0.0]

    def run(threads, query, matrix):
        now[0] += 1.0 if threads == 1 else many
        return np.zeros(matrix.shape[1], np.int32)

    monkeypatch.setattr(integer_product, "LARGE", 6)
    monkeypatch.setattr(integer_product, "_run", run)
    monkeypatch.setattr(integer_product, "_open_session", lambda threads: threads)
    monkeypatch.setattr(integer_product, "count_cpus", lambda: 3)
    monkeypatch.setattr(integer_product.time, "perf_counter", lambda: now[0])
    product, query = IntegerProduct(), np.zeros(2, np.uint8)
    product(query, np.zeros((2, 2), np.int8))
    assert product.threads == 0 and now == [1.0]  # too small to tell
    product(query, np.zeros((2, 3), np.int8))
    assert product.threads == chosen
    spent = now[0]
    product(query, np.zeros((2, 3), np.int8))
    assert now[0] - spent == (1.0 if chosen == 1 else many)  # measured once
