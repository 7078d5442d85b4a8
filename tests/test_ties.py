"""Ties: the rule equals its loops, and noise as of another processor turns no order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sememe._ties import (
    TOLERANCE,
    best_places,
    first_best,
    highest,
    rank,
    settle,
    tolerance_of_outputs,
)
from sememe.evaluate.top_k import TopK
from sememe.index.querying.hits import Hit, Hits
from sememe.search.ranking.documents import Ranking
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.score_fusion import fuse
from sememe.space import similar_pairs
from sememe.vectors.keyed import KeyedVectors
from tests.ties import in_order, settled

NOISE = 1e-7  # of a float32 product in another order


def copies(n: int, times: int, seed: int = 0) -> np.ndarray:
    """n scores, each `times` times, in random order."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.repeat(rng.random(n), times)).astype(np.float32)


def noisy(values: np.ndarray, seed: int) -> np.ndarray:
    moved = np.random.default_rng(seed).uniform(-NOISE, NOISE, values.shape)
    return (values + moved).astype(np.float32)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("n", [1, 2, 60, 3000])
def test_equals_its_loops(n, relative):
    scores = noisy(copies(n, 2), 1)
    expected = settled(scores, relative=relative)
    assert settle(scores, relative=relative).tolist() == expected
    for k in (1, 5, n, 10 * n):
        places, of = highest(scores, k, relative=relative)
        edge = sorted(expected)[-min(k, len(scores))]
        assert places.tolist() == [i for i, score in enumerate(expected) if score >= edge]
        assert of.tolist() == [expected[i] for i in places]
    ids = [f"{i:05d}" for i in range(len(scores))][::-1]
    if not relative:
        assert [(ids[i], score) for i, score in rank(scores, ids)] == in_order(
            zip(ids, scores, strict=True)
        )
        assert best_places(scores, 7).tolist() == [i for i, _ in in_order(enumerate(scores))[:7]]


def test_rows_are_ranked_each_by_itself():
    scores = np.stack([noisy(copies(50, 4), seed) for seed in range(6)])
    scores[0] = 0.5  # more ties than are taken at first
    scores[1, 3:] = -np.inf
    for k in (1, 3, 150, 300):
        expected = [best_places(row, k).tolist() for row in scores]
        assert best_places(scores, k).tolist() == expected


@pytest.mark.parametrize("k", [1, 2, 9, 40])
def test_noise_turns_no_order_where_rounding_does(k):
    """40 groups of copies: their ids decide. On a grid some lie across an edge, and turn."""
    scores = copies(40, 5)
    runs = [noisy(scores, seed) for seed in range(20)]
    orders = {tuple(best_places(run, k).tolist()) for run in runs}
    assert orders == {tuple(np.lexsort((np.arange(200), -scores))[:k].tolist())}
    on_a_grid = {tuple(np.argsort(-np.round(run, 5), kind="stable").tolist()) for run in runs}
    assert len(on_a_grid) > 1
    assert len({tuple(np.argsort(-run, kind="stable")[:k].tolist()) for run in runs}) > 1


def test_no_score_changes_by_more_than_the_tolerance_however_dense():
    scores = np.random.default_rng(0).random(1_000_000, np.float32)  # each ties with the next
    found = settle(scores)
    assert 0 <= (found - scores).min() and (found - scores).max() < TOLERANCE
    assert len(np.unique(found)) > 50_000
    assert all(np.float32(a - b) > 0 for a, b in pairwise(np.unique(found)[::-1][:100]))


def test_nan_and_infinities_stay():
    scores = np.array([np.nan, 1, -np.inf, 1, np.inf, np.nan, -np.inf], np.float32)
    for relative in (False, True):
        np.testing.assert_array_equal(settle(scores, relative=relative), scores)
    assert settle([]).tolist() == [] and rank([], []) == []
    assert rank([], [], tolerance=tolerance_of_outputs([])) == []
    assert first_best(np.array([[0.1, 0.5, 0.5 + 1e-7], [0, -np.inf, -1]])).tolist() == [1, 0]


def test_scores_without_a_scale_tie_by_their_share():
    large = np.array([1000, 1000.004, 999.9], np.float32)
    small = large * np.float32(1e-9)
    assert len(set(settle(large, relative=True).tolist())) == 2
    assert len(set(settle(small, relative=True).tolist())) == 2
    assert len(set(settle(small).tolist())) == 1 and len(set(settle(large).tolist())) == 3


def unit(n: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(3).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_words_with_equal_vectors_come_by_word(metric):
    rows = np.repeat(unit(20, 50), 5, axis=0)
    words = [f"w{i:03d}" for i in np.random.default_rng(0).permutation(100)]
    clean = KeyedVectors(words, rows).search(unit(1, 50)[0], k=33, metric=metric)
    for seed in range(5):
        other = KeyedVectors(words, noisy(rows, seed)).search(unit(1, 50)[0], k=33, metric=metric)
        assert [word for word, _ in other] == [word for word, _ in clean]
        scores = [score for _, score in other]
        assert scores == sorted(scores, reverse=True)


def test_pairs_of_copies_come_by_row():
    """Nine rows eight times: 252 pairs score 1, and the first 100 of them are kept."""
    rows = np.repeat(unit(9, 30), 8, axis=0)
    expected = [tuple(pair[:2]) for pair in similar_pairs(rows, max_pairs=100)]
    assert expected == sorted(expected)
    for seed in range(5):
        found = similar_pairs(noisy(rows, seed), max_pairs=100)
        assert [tuple(pair[:2]) for pair in found] == expected


def test_the_best_of_a_corpus_are_the_same_whatever_the_block():
    scores = np.stack([copies(60, 10, seed) for seed in range(3)])
    scores[0] = np.float32(0.7)
    ids = [f"d{i:03d}" for i in np.random.default_rng(0).permutation(600)]
    found = set()
    for seed, block in enumerate((1, 7, 600)):
        best, moved = TopK(3, k=100), noisy(scores, seed)
        for start in range(0, 600, block):
            best.add(ids[start : start + block], moved[:, start : start + block])
        found.add(tuple(tuple(ranking) for ranking in best.rankings()))
    assert len(found) == 1
    assert next(iter(found))[0] == tuple(sorted(ids)[:100])


def test_fusion_and_reranking_go_by_id_where_scores_tie():
    ids = ["d", "a", "c", "b"]
    passages = [Hit(i, 0.0, "text", "", i, 0, 1) for i in ids]
    for seed in range(8):
        scores = noisy(np.full(4, 0.6), seed)
        order = np.argsort(-scores)
        rows = np.arange(4, dtype=np.uint64)
        leg = VectorRanking([ids[i] for i in order], rows, scores[order], 0.2, 0.01, 50)
        assert fuse(leg, Ranking([], leg.rows[:0], scores[:0])).ids == ["a", "b", "c", "d"]

        class Scorer:
            name = "noisy"

            def score(self, pairs, *, show_progress=False, scores=scores):
                return scores

        assert Hits(tuple(passages), "hybrid", {}).rerank("q", Scorer()).ids == sorted(ids)


def test_a_rerankers_far_ends_are_not_ties():
    """Logits of 12 and 13, -9 and -10 through a logistic function lie within 1e-4 of each other."""
    logits = np.array([12, 13, -10, -9])
    hits = Hits(tuple(Hit(i, 0.0, "text", "", i, 0, 1) for i in "abcd"), "hybrid", {})

    class Scorer:
        name = "logistic"

        def score(self, pairs, *, show_progress=False):
            return 1 / (1 + np.exp(-logits))

    assert hits.rerank("q", Scorer()).ids == ["b", "a", "d", "c"]
