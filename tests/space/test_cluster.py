"""Clusters: worked by hand, learnt from blobs and not from noise, named, and bad input."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.space import (
    Clusters,
    central_words,
    cluster,
    distinctive_terms,
    purity,
    silhouette,
)

METHODS = ["kmeans", "agglomerative", "hdbscan"]


def blobs(k=3, size=30, spread=0.1, dim=8, seed=0):
    """k directions with `size` vectors around each, shuffled; and which vector is of which."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(k, dim))
    truth = rng.permutation(np.repeat(np.arange(k), size))
    return centers[truth] + spread * rng.normal(size=(k * size, dim)), truth


def grouped(labels, centers=None, value=0.0):
    labels = np.asarray(labels)
    k = int(labels.max()) + 1
    centers = np.eye(k, 2, dtype=np.float32) if centers is None else np.float32(centers)
    return Clusters(labels, centers, value, "kmeans")


def test_worked_purity():
    """Clusters {a, a, b}, {b, b}: 2 of 3 and 2 of 2 right: 4/5. A noise item is wrong: 4/6."""
    assert purity([0, 0, 0, 1, 1], list("aabbb")) == 0.8
    assert purity([0, 0, 0, 1, 1, -1], list("aabbba")) == pytest.approx(4 / 6)
    assert purity([-1, -1], "ab") == 0


def test_worked_silhouette():
    """On a line: {0, 1} and {4}. 0: a 1, b 4: 3/4. 1: a 1, b 3: 2/3. 4 is alone: 0. Mean 0.4722."""
    vectors = [[0.0], [1.0], [4.0]]
    value = silhouette(vectors, [0, 0, 1], normalize=False)
    assert value == pytest.approx((3 / 4 + 2 / 3) / 3)
    with_noise = silhouette([*vectors, [9.0]], [0, 0, 1, -1], normalize=False)
    assert with_noise == pytest.approx(value)
    assert math.isnan(silhouette(vectors, [0, 0, 0])) and math.isnan(silhouette(vectors, [0, 1, 2]))


def test_silhouette_by_cosine_is_the_naive_one():
    vectors, truth = blobs(spread=0.5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    far = 1 - unit @ unit.T
    values = []
    for i, label in enumerate(truth):
        own = truth == label
        a = far[i, own].sum() / (own.sum() - 1)
        b = min(far[i, truth == other].mean() for other in set(truth) - {label})
        values.append((b - a) / max(a, b))
    assert silhouette(vectors, truth) == pytest.approx(np.mean(values), abs=1e-5)


def test_a_large_set_is_sampled(monkeypatch):
    import sememe.space.cluster_quality as quality

    vectors, truth = blobs(spread=0.5, size=200)
    whole = silhouette(vectors, truth)
    monkeypatch.setattr(quality, "_SAMPLE", 300)
    sampled = silhouette(vectors, truth, seed=1)
    assert sampled == silhouette(vectors, truth, seed=1) != whole
    assert sampled == pytest.approx(whole, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("normalize", [True, False])
def test_blobs_are_found_whatever_the_length_of_vectors(method, normalize):
    vectors, truth = blobs()
    if normalize:
        vectors *= np.random.default_rng(1).uniform(0.1, 10, size=(len(vectors), 1))
    k = None if method == "hdbscan" else 3
    found = cluster(vectors, k=k, method=method, normalize=normalize)
    assert (found.k, found.method) == (3, method)
    assert purity(found.labels, truth.tolist()) > 0.95
    assert found.silhouette > 0.6
    assert found.labels.dtype == np.int64 and found.centers.shape == (3, 8)


@pytest.mark.parametrize("method", ["kmeans", "agglomerative"])
def test_noise_has_no_clusters(method):
    """The control: shuffled truth is not found, and vectors without groups are ill separated."""
    vectors, truth = blobs()
    shuffled = np.random.default_rng(2).permutation(truth)
    found = cluster(vectors, k=3, method=method)
    assert purity(found.labels, shuffled.tolist()) < 0.5
    noise = np.random.default_rng(3).normal(size=(90, 8))
    assert cluster(noise, k=3, method=method).silhouette < 0.3


@pytest.mark.parametrize("method", ["kmeans", "agglomerative"])
@pytest.mark.parametrize("k", [2, 4, 6])
def test_k_is_chosen_by_silhouette(method, k):
    vectors, _ = blobs(k=k)
    found = cluster(vectors, method=method)
    assert found.k == k
    assert found.silhouette == max(
        cluster(vectors, k=size, method=method).silhouette for size in range(2, 11)
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_groups_numbered_as_met(method):
    vectors, _ = blobs(spread=0.6)
    k = None if method == "hdbscan" else 4
    first, again = (cluster(vectors, k=k, method=method, seed=5) for _ in range(2))
    assert first.labels.tolist() == again.labels.tolist()
    assert (first.centers == again.centers).all()
    met = list(dict.fromkeys(label for label in first.labels.tolist() if label >= 0))
    assert met == list(range(first.k))


def test_centers_are_the_means():
    vectors, _ = blobs()
    found = cluster(vectors, k=3, normalize=False)
    for label in range(3):
        mean = vectors[found.members(label)].mean(axis=0)
        assert found.centers[label] == pytest.approx(mean, abs=1e-5)
    unit = cluster(vectors, k=3)
    assert np.linalg.norm(unit.centers, axis=1) == pytest.approx(1, abs=1e-5)


def test_hdbscan_leaves_what_is_alone_as_noise():
    vectors, _ = blobs(dim=3, spread=0.02)
    alone = [[-1.0, -1.0, -1.0]] if vectors.sum() > 0 else [[1.0, 1.0, 1.0]]
    found = cluster(np.vstack([vectors, alone]), method="hdbscan")
    assert found.labels[-1] == -1 and found.members(-1).tolist() == [len(vectors)]
    assert len(central_words(found, ["w"] * 91, np.vstack([vectors, alone]))) == found.k
    few = cluster(vectors[:3], method="hdbscan")
    assert few.labels.tolist() == [-1, -1, -1] and few.k == 0 and math.isnan(few.silhouette)
    assert central_words(few, list("abc"), vectors[:3]) == []
    assert distinctive_terms(few, list("abc")) == []


@pytest.mark.parametrize("method", ["kmeans", "agglomerative"])
def test_one_point_two_points_and_duplicates(method):
    one = cluster([[1.0, 2.0]], method=method)
    assert (one.labels.tolist(), one.k) == ([0], 1)
    assert cluster([[1, 0], [0, 1]], method=method).labels.tolist() == [0, 0]
    assert cluster([[1, 0], [0, 1]], k=2, method=method).labels.tolist() == [0, 1]
    same = np.ones((5, 3))
    assert cluster(same, method=method).labels.tolist() == [0] * 5
    with pytest.raises(InvalidInputError, match=r"k=2, but there are 1 different vectors"):
        cluster(same * [[1], [2], [3], [4], [5]], k=2, method=method)


@pytest.mark.parametrize(
    ("vectors", "options", "says"),
    [
        (np.ones((2, 2)) * [[1], [np.nan]], {}, "vector 1 holds NaN"),
        ([[np.inf, 1.0]], {}, "vector 0 holds NaN or infinity"),
        (np.empty((0, 3)), {}, r"shape \(0, 3\); allowed"),
        (np.empty((3, 0)), {}, r"shape \(3, 0\)"),
        ([1.0, 2.0], {}, r"shape \(2,\)"),
        (np.eye(3), {"k": 4}, "k=4; allowed: 1 to 3"),
        (np.eye(3), {"k": 0}, "k=0; give a whole number"),
        (np.eye(3), {"k": 2, "method": "hdbscan"}, "finds its own number"),
        (np.eye(3), {"k": 2.0}, "k=2.0; give a whole number"),
        (np.eye(3), {"k": 2, "seed": -1}, "seed=-1; allowed: a whole number from 0"),
        ([[1.0], [1.0, 2.0]], {}, "rows of one length"),
        (np.eye(3), {"max_k": 1}, "max_k=1"),
        (np.eye(3), {"min_size": 1}, "min_size=1"),
        (np.zeros((20_001, 1)), {"method": "agglomerative"}, "takes 20000 at most"),
    ],
)
def test_bad_input_says_what_to_give(vectors, options, says):
    with pytest.raises(InvalidInputError, match=says):
        cluster(vectors, **options)


def test_other_bad_input():
    with pytest.raises(UnknownNameError, match="Did you mean 'kmeans'"):
        cluster(np.eye(3), method="k-means")
    with pytest.raises(InvalidInputError, match="one of each"):
        purity([0], ["a", "b"])
    with pytest.raises(InvalidInputError, match="one label for each"):
        silhouette(np.eye(3), [0, 1])
    with pytest.raises(InvalidInputError, match="one of each"):
        central_words(grouped([0, 1]), ["a"], np.eye(2))
    with pytest.raises(InvalidInputError, match="one text for each"):
        distinctive_terms(grouped([0, 1]), ["a"])


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ImportError, match=r"pip install 'sememe\[classify\]'"):
        cluster(np.eye(3), k=2)


def test_no_fewer_than_one_word_names_a_cluster():
    with pytest.raises(InvalidInputError, match="k=-1"):
        central_words(grouped([0, 1]), ["a", "b"], np.eye(2), k=-1)
    with pytest.raises(InvalidInputError, match="k=0"):
        distinctive_terms(grouped([0, 1]), ["a", "b"], k=0)


def test_worked_central_words():
    """Cosines with (1, 0): b 1, a and c 0.8 (by word), z 0.6; a word that stands twice is once."""
    vectors = [[0.8, 0.6], [2, 0], [0.8, -0.6], [0.6, 0.8], [2, 0], [0, 5]]
    clusters = grouped([0, 0, 0, 0, 0, 1])
    words = ["c", "b", "a", "z", "b", "other"]
    assert central_words(clusters, words, vectors) == [["b", "a", "c"], ["other"]]
    assert central_words(clusters, words, vectors, k=1) == [["b"], ["other"]]


def test_worked_distinctive_terms():
    """cat 2 of 2 in cluster 0, soup 2 of 2 in 1, "fresh" in both: it names neither at k=1.

    Clusters hold 3 and 3 terms, A = 3: cat 2 log(1 + 3/2) = 1.83; fresh log(1 + 3/2) = 0.92.
    """
    texts = ["the cat 12", "a fresh cat", "soup", "fresh soup"]
    assert distinctive_terms(grouped([0, 0, 1, 1]), texts, k=1) == [["cat"], ["soup"]]
    assert distinctive_terms(grouped([0, 0, 1, 1]), texts) == [["cat", "fresh"], ["soup", "fresh"]]
    korean = ["고양이가 잔다", "고양이는", "기차를 탄다", "기차가"]
    assert distinctive_terms(grouped([0, 0, 1, 1]), korean, k=1) == [["고양이"], ["기차"]]
    assert distinctive_terms(grouped([0, 1]), ["", "12"]) == [[], []]
