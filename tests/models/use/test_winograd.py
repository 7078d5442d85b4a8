"""Minimal filtering gives what sliding the filter gives, by hand and for every size in use."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.models.use.winograd import minimal_filter


def test_two_outputs_of_three_by_hand():
    """[1 2 3 4] under [1 10 100]: 1 + 20 + 300 and 2 + 30 + 400, in four products, not six."""
    combine, spread, unmix = minimal_filter(2, 3)
    products = (spread @ [1, 10, 100]) * (unmix @ [1, 2, 3, 4])
    assert products.shape == (4,)
    np.testing.assert_allclose(combine @ products, [321, 432], atol=1e-9)


@pytest.mark.parametrize(("m", "n"), [(4, 2), (4, 3), (4, 5), (2, 5), (1, 3), (3, 1)])
def test_it_equals_sliding_the_filter(m, n):
    rng = np.random.default_rng(m * 10 + n)
    combine, spread, unmix = minimal_filter(m, n)
    for _ in range(20):
        taps, read = rng.standard_normal(n), rng.standard_normal(m + n - 1)
        slid = [float(taps @ read[i : i + n]) for i in range(m)]
        np.testing.assert_allclose(combine @ ((spread @ taps) * (unmix @ read)), slid, atol=1e-10)


def test_float32_keeps_five_digits_at_the_largest_size_in_use():
    rng = np.random.default_rng(0)
    combine, spread, unmix = (part.astype(np.float32) for part in minimal_filter(4, 5))
    taps = rng.standard_normal(5).astype(np.float32)
    read = rng.standard_normal((8, 1000)).astype(np.float32)
    exact = np.stack([taps.astype(float) @ read[i : i + 5].astype(float) for i in range(4)])
    found = combine @ ((spread @ taps)[:, None] * (unmix @ read))
    assert np.abs(found - exact).max() < 2e-5 * np.abs(exact).max()


def test_sizes_that_float32_cannot_carry_are_refused():
    with pytest.raises(ValueError, match="may be 9 at most"):
        minimal_filter(6, 5)
