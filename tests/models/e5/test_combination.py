"""How vectors of two encoders become one: by hand, and what is taken out and kept."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.models.e5.combination import Combination, read_combination, stack

RNG = np.random.default_rng(0)


def test_the_numbers_that_come_with_the_package():
    found = read_combination()
    n, dim = found.directions.shape
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(n), atol=1e-5)
    assert (n, dim, found.dim) == (40, 384, 512)
    assert found.projection.shape == (384 + 512, 512)
    np.testing.assert_allclose(found.projection.T @ found.projection, np.eye(512), atol=2e-3)
    assert all(0.3 < np.linalg.norm(mean) < 0.5 for mean in found.means.values())


def test_worked_by_hand():
    """(0.8, 0.6, 0) less (0, 0.1, 0) is (0.8, 0.5, 0), of which the first axis is removed; beside
    (0, 1) at a weight of one quarter it is (0, 1, 0, 0, 0.5) / 1.118."""
    means = {"text": np.float32([0, 0.1, 0]), "document": np.float32([0, 0, 0])}
    means["query"] = means["text"]
    projection, queries = np.eye(5, dtype=np.float32)[:, [4, 1]], np.float32([0.5, 0])
    how = Combination(means, np.float32([[1, 0, 0]]), projection, queries, "")
    rows, others = np.float32([[0.8, 0.6, 0], [0.6, 0.48, 0.64]]), np.float32([[0, 1], [1, 0]])
    np.testing.assert_allclose(how.remove_language(rows, "text")[0], [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(how.remove_language(rows, "document")[1], [0, 0.6, 0.8], atol=1e-6)
    got = how.combine(rows, others, "text")
    np.testing.assert_allclose(got[0], [0.2**0.5, 0.8**0.5], atol=1e-6)
    np.testing.assert_allclose(got[1], [0, 1], atol=1e-6)
    asked = how.combine(rows, others, "query")
    np.testing.assert_allclose(asked[1], [-(0.2**0.5), 0.8**0.5], atol=1e-6)  # (-0.5, 1) / 1.118


@pytest.mark.parametrize("role", ["text", "document"])
def test_nothing_is_left_along_the_directions(role):
    found = read_combination()
    rows = RNG.normal(size=(20, 384)).astype(np.float32)
    left = found.remove_language(rows / np.linalg.norm(rows, axis=1, keepdims=True), role)
    np.testing.assert_allclose(np.linalg.norm(left, axis=1), 1, rtol=1e-5)
    assert np.abs(left @ found.directions.T).max() < 1e-5


def test_a_cosine_is_four_fifths_of_one_and_a_fifth_of_the_other():
    first, second = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in RNG.normal(size=(2, 6, 16)).astype(np.float32)
    )
    both = stack(first, second)
    expected = 0.8 * first @ first.T + 0.2 * second @ second.T
    np.testing.assert_allclose(both @ both.T, expected, atol=1e-6)
