import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe._errors import InvalidInputError
from sememe.evaluate import pearson, spearman

values = st.lists(st.integers(-5, 5), min_size=2, max_size=12)
finite = st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=12)


def test_worked_spearman_with_ties():
    """Ranks of (1, 2, 2, 3) are 1, 2.5, 2.5, 4; of (1, 3, 2, 4) are 1, 3, 2, 4.

    Deviations from 2.5: (-1.5, 0, 0, 1.5) and (-1.5, 0.5, -0.5, 1.5).
    r = 4.5 / sqrt(4.5 * 5) = 0.948683. The shortcut 1 - 6 sum d^2 / (n^3 - n) would give 0.95.
    """
    assert spearman([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(0.9486833, abs=1e-7)


def test_worked_pearson():
    """Deviations (-1, 0, 1) and (-4/3, -1/3, 5/3): r = 3 / sqrt(2 * 14/3) = 0.981981."""
    assert pearson([1, 2, 3], [1, 2, 4]) == pytest.approx(0.9819805, abs=1e-7)


def naive_ranks(numbers):
    return [
        sum(other < number for other in numbers) + (numbers.count(number) + 1) / 2
        for number in numbers
    ]


def naive_pearson(a, b):
    n, ma, mb = len(a), sum(a) / len(a), sum(b) / len(b)
    top = sum((a[i] - ma) * (b[i] - mb) for i in range(n))
    return top / math.sqrt(sum((x - ma) ** 2 for x in a) * sum((x - mb) ** 2 for x in b))


@given(a=values, b=values)
def test_parity_with_naive_loops(a, b):
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(spearman(a, b)) and math.isnan(pearson(a, b))
        return
    assert pearson(a, b) == pytest.approx(naive_pearson(a, b), abs=1e-9)
    assert spearman(a, b) == pytest.approx(naive_pearson(naive_ranks(a), naive_ranks(b)), abs=1e-9)


@given(a=finite, seed=st.integers(0, 9))
def test_bounded_symmetric_and_blind_to_order(a, seed):
    rng = np.random.default_rng(seed)
    b = rng.normal(size=len(a))
    order = rng.permutation(len(a))
    for correlation in (spearman, pearson):
        value = correlation(a, b)
        if math.isnan(value):
            continue
        assert -1 <= value <= 1
        assert correlation(b, a) == pytest.approx(value, abs=1e-9)
        assert correlation(np.asarray(a)[order], b[order]) == pytest.approx(value, abs=1e-6)


def test_spearman_sees_only_the_order():
    a = np.arange(1, 9)
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, -np.exp(a)) == pytest.approx(-1)
    assert pearson(a, np.exp(a)) < 0.9


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2], [1, 2, 3]), ([1], [1]), ([], []), ([1, math.nan], [1, 2])]
)
def test_bad_input(a, b):
    for correlation in (spearman, pearson):
        with pytest.raises(InvalidInputError, match=r"Give two flat lists|Remove its pair"):
            correlation(a, b)
