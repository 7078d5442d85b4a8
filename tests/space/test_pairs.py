"""The most similar pairs: worked by hand, equal to the loop over all pairs; memory, refusals."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sememe._errors import InvalidInputError
from sememe.space import Pair, _cosines, most_similar_pair, similar_pairs
from tests.ties import in_order

PEAK = """
import pathlib, re
import numpy as np
from sememe.space import similar_pairs
vectors = np.random.default_rng(0).standard_normal((30_000, 64), dtype=np.float32)
vectors[29_990] = vectors[17]
(pair,) = similar_pairs(vectors, max_pairs=1)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
print(*pair, peak)
"""


def loop(vectors):
    """All pairs by two loops in float64, with their scores."""
    rows = np.asarray(vectors, np.float32).astype(np.float64)
    found = []
    for i, a in enumerate(rows):
        for j, b in enumerate(rows[:i]):
            cosine = a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b))
            found.append(((j, i), float(np.float32(np.clip(cosine, -1, 1)))))
    return found


def best_first(pairs):
    return [(*rows, score) for rows, score in in_order(pairs)] if pairs else []


def samples():
    rng = np.random.default_rng(0)
    return {
        "normal": rng.standard_normal((90, 5)),
        "ties": rng.integers(-1, 2, (80, 4)) + np.array([0, 0, 0, 3]),
        "one direction": np.ones((40, 3)) * np.arange(1, 41)[:, None],
        "copies": np.repeat(rng.standard_normal((9, 6)), 8, axis=0),
        "orthogonal": np.eye(40),
        "wide": rng.standard_normal((20, 3000)),
        "small and large": rng.standard_normal((50, 4)) * 10.0 ** rng.integers(-30, 30, (50, 1)),
    }


@pytest.fixture(params=[7, 16, 1024])
def block(request, monkeypatch):
    monkeypatch.setattr(_cosines, "_BLOCK", request.param)


def test_worked():
    """(1,0) (3,4) (0,2) (4,3): 3/5, 0, 4/5; then 4/5, 24/25; then 3/5."""
    vectors = [[1, 0], [3, 4], [0, 2], [4, 3]]
    scores = [(1, 3, 0.96), (0, 3, 0.8), (1, 2, 0.8), (0, 1, 0.6), (2, 3, 0.6), (0, 2, 0.0)]
    assert [tuple(p) for p in similar_pairs(vectors)] == [
        (i, j, float(np.float32(score))) for i, j, score in scores
    ]
    assert most_similar_pair(vectors) == Pair(1, 3, float(np.float32(0.96)))
    assert len(similar_pairs(vectors, threshold=0.8)) == 3  # a pair that scores it exactly is in
    assert [p[:2] for p in similar_pairs(vectors, max_pairs=2)] == [(1, 3), (0, 3)]


@pytest.mark.parametrize("name", samples())
@pytest.mark.usefixtures("block")
def test_it_is_the_loop_over_all_pairs(name):
    """To the last bit, whatever the block and however few are asked for."""
    vectors = samples()[name]
    every = loop(vectors)
    expected = best_first(every)
    over = {
        threshold: best_first([pair for pair in every if pair[1] >= np.float32(threshold)])
        for threshold in (0.3, 0.9, 1)
    }
    for most in (1, 3, 50, 1000, 100_000):
        assert [tuple(pair) for pair in similar_pairs(vectors, max_pairs=most)] == expected[:most]
        for threshold, best in over.items():
            found = similar_pairs(vectors, max_pairs=most, threshold=threshold)
            assert [tuple(pair) for pair in found] == best[:most]


def test_length_and_order_of_rows_do_not_matter():
    vectors = np.random.default_rng(1).standard_normal((60, 8)).astype(np.float32)
    pairs = similar_pairs(vectors, max_pairs=20)
    powers = 2.0 ** np.random.default_rng(2).integers(-9, 9, (60, 1))
    assert similar_pairs(vectors * powers, max_pairs=20) == pairs
    assert similar_pairs(np.asfortranarray(vectors), max_pairs=20) == pairs
    turned = similar_pairs(vectors[::-1], max_pairs=20)
    assert [(59 - j, 59 - i, score) for i, j, score in turned] == [tuple(pair) for pair in pairs]


def test_copies_score_one_and_do_not_exceed_the_bound(monkeypatch):
    monkeypatch.setattr(_cosines, "_BLOCK", 64)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 48)).astype(np.float32)
    vectors[50:250] = vectors[50]
    found = similar_pairs(vectors, max_pairs=10)
    assert found == [Pair(50, other, 1.0) for other in range(51, 61)]


def test_a_pair_hidden_in_noise_is_found_and_noise_has_none():
    """Two rows with cosine 0.9 among 3,000; the control without it has nothing above 0.8."""
    vectors = np.random.default_rng(0).standard_normal((3000, 64))
    assert similar_pairs(vectors, threshold=0.8) == []
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    across = unit[2500] - (unit[2500] @ unit[40]) * unit[40]
    vectors[2500] = 0.9 * unit[40] + np.sqrt(0.19) * across / np.linalg.norm(across)
    (pair,) = similar_pairs(vectors, threshold=0.8)
    assert pair[:2] == (40, 2500) and pair.score == pytest.approx(0.9, abs=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_memory_is_bounded_by_a_block():
    """All scores of 30,000 vectors would take 3.6 GB, and the vectors take 8 MB."""
    done = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
    first, second, score, kilobytes = done.stdout.split()
    assert (first, second, score) == ("17", "29990", "1.0")
    assert int(kilobytes) < 150_000


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        ([[1.0, 2.0]], r"shape \(1, 2\); allowed: \(n, dim\), at least \(2, 1\)"),
        ([1.0, 2.0], r"shape \(2,\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        ([[1, 2], [0, 0], [0, 0]], "vector 1 holds only zeros.*Leave it out"),
        ([[1, 2], [3, 4], [np.nan, 1]], "vector 2 holds NaN or infinity"),
        ([[1, 2], [3, -np.inf]], "vector 1 holds NaN"),
        ([[1, 2], [1e300, 1]], "vector 1 holds NaN or infinity"),
        ([["a", "b"], ["c", "d"]], "not all numbers"),
        ([[1, 2], [1]], "not all numbers"),
    ],
)
def test_bad_vectors(vectors, says):
    for call in (similar_pairs, most_similar_pair):
        with pytest.raises(InvalidInputError, match=says):
            call(vectors)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_pairs": 0}, "max_pairs=0; give a whole number of at least 1"),
        ({"max_pairs": 2.5}, "max_pairs=2.5"),
        ({"threshold": 1.5}, "threshold=1.5; allowed: a cosine, from -1 to 1"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"threshold": "0.5"}, "threshold='0.5'"),
        ({"threshold": True}, "threshold=True"),
    ],
)
def test_bad_options(options, says):
    with pytest.raises(InvalidInputError, match=says):
        similar_pairs(np.eye(3), **options)
