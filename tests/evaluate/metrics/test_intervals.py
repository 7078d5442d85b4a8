import math

import numpy as np
import pytest

from sememe._errors import InvalidInputError
from sememe.evaluate import bootstrap_interval, derangement, paired_bootstrap, spearman


def test_worked_coin():
    """The mean of 100 coin flips has standard error 0.05: the 95 % interval is near 0.5 ± 0.098."""
    low, high = bootstrap_interval([0, 1] * 50, resamples=4000)
    assert (low, high) == (pytest.approx(0.402, abs=0.015), pytest.approx(0.598, abs=0.015))


def test_same_seed_same_interval_and_statistic_parity():
    values = np.random.default_rng(0).normal(size=40)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    named = bootstrap_interval(values, statistic=lambda rows: float(rows.mean()), seed=1)
    assert named == pytest.approx(bootstrap_interval(values, seed=1), abs=1e-12)


def test_rows_are_drawn_as_a_whole():
    x = np.arange(30.0)
    low, high = bootstrap_interval(
        np.column_stack([x, -x]), statistic=lambda rows: spearman(rows[:, 0], rows[:, 1])
    )
    assert (low, high) == (pytest.approx(-1), pytest.approx(-1))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.normal(size=50), resamples=300, seed=trial)
        inside += low <= 0 <= high
    assert 0.88 <= inside / 200 <= 0.99


def test_undefined_resamples_are_left_out():
    low, high = bootstrap_interval([1.0, 2.0], statistic=lambda rows: math.nan)
    assert math.isnan(low) and math.isnan(high)


def test_paired_bootstrap_sees_a_small_steady_gain_and_no_gain():
    rng = np.random.default_rng(0)
    base = rng.random(200)
    better = paired_bootstrap(base + 0.02 + 0.01 * rng.normal(size=200), base)
    assert better.low > 0 and better.p_value < 0.01
    assert better.mean == pytest.approx(0.02, abs=0.005)
    same = paired_bootstrap(base + 0.01 * rng.normal(size=200), base)  # the control
    assert same.low < 0 < same.high and same.p_value > 0.05
    turned = paired_bootstrap(base, base + 0.02)
    assert turned.high < 0


@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_derangement_is_a_permutation_without_a_fixed_point(n):
    partner = derangement(n, seed=3)
    assert sorted(partner) == list(range(n))
    assert not (partner == np.arange(n)).any()


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([], {}),
        ([math.nan], {}),
        ([1.0], {"confidence": 1.0}),
        ([1.0], {"resamples": 0}),
        ([[1.0, 2.0]], {}),
    ],
)
def test_bad_input(values, options):
    with pytest.raises(InvalidInputError):
        bootstrap_interval(values, **options)


def test_paired_values_must_pair():
    with pytest.raises(InvalidInputError, match="one value for each unit"):
        paired_bootstrap([1.0, 2.0], [1.0])
