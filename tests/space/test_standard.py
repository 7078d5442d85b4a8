"""What rows are brought to: signed ones about their mean, rectified about 0, old ones as ever."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.space.kernel_probe import KernelProbe
from sememe.space.linear_probe import LinearProbe
from sememe.space.probe import Standard, fit_standard, standardize


def shifted(seed=0, *, n=200, dim=6):
    """Two classes that differ about a mean far from 0 by the signs of small numbers."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    rows = rng.standard_normal((n, dim)) + np.where(y == 1, 0.7, -0.7)[:, None]
    return (rows + [20, -20, 20, -20, 20, -20]).astype(np.float32), y


def test_the_centre_is_that_of_unit_rows_and_0_without_signs():
    rows = np.array([[3, 4], [3, -4]], np.float32)
    np.testing.assert_allclose(fit_standard(rows).centre, [0.6, 0.0], atol=1e-7)
    assert fit_standard(np.abs(rows)).centre.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", [LinearProbe, KernelProbe])
def test_what_is_stored_gives_the_same_and_older_ones_open(kind):
    rows, y = shifted()
    probe = kind().fit(rows, y)
    arrays = dict(probe.arrays())
    np.testing.assert_array_equal(kind.of(arrays).probabilities(rows), probe.probabilities(rows))
    del arrays["centre"]  # as they were before there was one
    old = kind.of(arrays)
    assert not np.allclose(old.probabilities(rows), probe.probabilities(rows))
    assert Standard.among(arrays).centre.tolist() == [0.0] * 6


def test_columns_are_brought_to_one_scale_where_roots_about_0_say_nothing():
    rows, y = shifted()
    standard = fit_standard(rows)
    x = standardize(rows, standard)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(0), 1, atol=0.02)
