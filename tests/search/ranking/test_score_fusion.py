"""Fusion: worked numbers, properties, and controls that must not win."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe._errors import InvalidInputError
from sememe.search.ranking.score_fusion import (
    SEMANTIC_WEIGHT,
    Background,
    compute_coverage,
    fuse,
)


@dataclass(frozen=True)
class Ranking:
    ids: list[str]
    scores: np.ndarray


def ranking(**scores: float) -> Ranking:
    ids = sorted(scores, key=lambda id_: (-scores[id_], id_))
    return Ranking(ids, np.array([scores[id_] for id_ in ids], np.float32))


EMPTY = ranking()
RANKINGS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.integers(1, 64).map(lambda n: n / 64), min_size=1
)


def test_worked():
    """Means: a 1, b (0.4-0.2)/(0.6-0.2) = 0.5, c given 0.3 -> 0.25; words: b 1, c 0.5, a 0.

    a = 0.25 * 1 = 0.25; b = 0.25 * 0.5 + 0.75 * 1 = 0.875; c = 0.25 * 0.25 + 0.75 * 0.5 = 0.4375.
    """
    fused = fuse(
        ranking(a=0.6, b=0.4),
        ranking(b=8.0, c=4.0),
        similarities={"c": 0.3},
        background=Background(mean=0.2, rows=2, dim=512),
        weight=0.25,
    )
    assert fused.ids == ["b", "c", "a"]
    np.testing.assert_allclose(fused.scores, [0.875, 0.4375, 0.25], atol=1e-6)
    assert fused.weights == {"semantic": 0.25, "keyword": 0.75}
    assert fused.note == ""


def test_a_poorly_covered_query_trusts_its_words_less():
    """Coverage 0.25 leaves an eighth of the keyword part: 0.5 and 0.0625 become 8/9 and 1/9."""
    fused = fuse(ranking(a=0.6, b=0.1), ranking(b=8.0), coverage=0.25, weight=0.5)
    assert fused.weights["semantic"] == pytest.approx(8 / 9)
    assert fused.ids == ["a", "b"]
    assert fuse(ranking(a=0.6, b=0.1), ranking(b=8.0), weight=0.4).ids == ["b", "a"]


def test_without_a_similarity_the_lowest_is_assumed():
    assert fuse(ranking(a=0.9, b=0.5), ranking(c=1.0), weight=0.4).ids == ["c", "a", "b"]
    fused = fuse(ranking(a=0.9, b=0.5), ranking(c=1.0), weight=0.4)
    np.testing.assert_allclose(fused.scores, [0.6, 0.4, 0.0], atol=1e-6)


def test_ties_by_id():
    assert fuse(ranking(b=0.5, a=0.5), ranking(a=2.0, b=2.0)).ids == ["a", "b"]


@pytest.mark.parametrize(
    ("keyword", "required", "missing", "reason"),
    [
        (EMPTY, ("빠른", "운송"), ("빠른", "운송"), "none of the query's words occurs"),
        (EMPTY, (), (), "no document has a word of the query"),
        (EMPTY, ("운송",), (), "no document has a word of the query"),  # a filter left none
        (ranking(x=9.0), ("3", "번", "버스"), ("번", "버스"), "only 3 of the query's words"),
        (ranking(x=9.0), ("비타민", "c"), ("비타민",), "only c of the query's words"),
    ],
)
def test_useless_words_are_set_aside_and_said(keyword, required, missing, reason):
    fused = fuse(ranking(a=0.6, b=0.4), keyword, required=required, missing=missing)
    assert fused.ids == ["a", "b"]
    assert fused.weights == {"semantic": 1.0, "keyword": 0.0}
    assert fused.note.startswith("keyword: ")
    assert reason in fused.note


@pytest.mark.parametrize(
    ("required", "missing"),
    [
        (("3", "bus"), ("bus2",)),
        (("1984",), ()),
        (("bts", "멤버"), ("멤버",)),
        (("차", "물"), ("물",)),
    ],
)
def test_words_that_name_something_are_kept(required, missing):
    fused = fuse(ranking(a=0.6), ranking(x=9.0), required=required, missing=missing)
    assert fused.ids == ["x", "a"]
    assert fused.note == ""


def test_with_a_filter_the_note_speaks_of_what_passes_it():
    fused = fuse(ranking(a=0.6), EMPTY, required=("운송",), filtered=True)
    assert fused.note == "keyword: no document that passes the filter has a word of the query"
    fused = fuse(EMPTY, ranking(a=1.0), required=("운송",), filtered=True)
    assert fused.note == "semantic: no document that passes the filter has a vector"


def test_meaning_no_better_than_chance_is_set_aside():
    """Of 10,000 random rows of 512 dimensions the best reaches sqrt(2 ln 10000 / 512) = 0.19."""
    background = Background(mean=0.0, rows=10_000, dim=512)
    assert background.chance == pytest.approx(math.sqrt(2 * math.log(10_000) / 512))
    fused = fuse(ranking(a=0.17, b=0.16), ranking(c=3.0), background=background)
    assert fused.ids == ["c"]
    assert fused.weights == {"semantic": 0.0, "keyword": 1.0}
    assert fused.note.startswith("semantic: no document is closer to the query than chance")
    assert fuse(ranking(a=0.35), ranking(c=3.0), background=background).note == ""


@pytest.mark.parametrize(("rows", "seed"), [(500, 0), (5_000, 1), (20_000, 2)])
def test_chance_is_what_random_vectors_hardly_exceed(rows, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(rows, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = rng.normal(size=(50, 512)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    similarities = queries @ vectors.T
    chance = Background(mean=0.0, rows=rows, dim=512).chance
    best = similarities.max(axis=1)
    assert 0.75 * chance < np.median(best) < chance
    assert np.mean(best <= chance) > 0.8


def test_when_both_rankings_are_useless_meaning_is_shown_and_both_are_named():
    background = Background(mean=0.0, rows=10_000, dim=512)
    fused = fuse(ranking(a=0.1), EMPTY, background=background, required=("뷁",), missing=("뷁",))
    assert fused.ids == ["a"]
    assert "semantic: " in fused.note
    assert "keyword: " in fused.note


def test_nothing_at_all():
    fused = fuse(EMPTY, EMPTY)
    assert fused.ids == []
    assert fused.scores.shape == (0,)
    assert "no document has a vector" in fused.note


@pytest.mark.parametrize("name", ["weight", "coverage"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_numbers_outside_zero_and_one_are_refused(name, value):
    with pytest.raises(InvalidInputError, match=name):
        fuse(ranking(a=0.5), ranking(a=1.0), **{name: value})


@pytest.mark.parametrize(("weight", "first"), [(0.0, "b"), (1.0, "a")])
def test_extreme_weights_follow_one_ranking(weight, first):
    assert fuse(ranking(a=0.6, b=0.4), ranking(b=8.0, a=4.0), weight=weight).ids[0] == first


@given(RANKINGS, RANKINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(semantic, keyword, random):
    def shuffled(scores):
        ids = list(scores)
        random.shuffle(ids)
        return Ranking(ids, np.array([scores[id_] for id_ in ids]))

    one, other = (
        fuse(ranking(**semantic), ranking(**keyword)),
        fuse(shuffled(semantic), shuffled(keyword)),
    )
    assert one.ids == other.ids
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)


@given(RANKINGS, RANKINGS)
def test_scores_fall_and_lie_between_zero_and_one(semantic, keyword):
    fused = fuse(ranking(**semantic), ranking(**keyword))
    assert set(fused.ids) == set(semantic) | set(keyword)
    assert all(a >= b for a, b in zip(fused.scores, fused.scores[1:], strict=False))
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in fused.scores)
    assert sum(fused.weights.values()) == pytest.approx(1.0)


@given(RANKINGS, RANKINGS, st.floats(0.1, 100))
def test_the_scale_of_bm25_does_not_matter(semantic, keyword, factor):
    scaled = {id_: score * factor for id_, score in keyword.items()}
    one, other = (
        fuse(ranking(**semantic), ranking(**keyword)),
        fuse(ranking(**semantic), ranking(**scaled)),
    )
    found = dict(zip(other.ids, other.scores, strict=True))
    np.testing.assert_allclose([found[id_] for id_ in one.ids], one.scores, atol=1e-5)


@given(RANKINGS)
def test_better_in_both_rankings_is_better(semantic):
    semantic = semantic | {"y": 0.5, "z": 0.25}
    fused = fuse(ranking(**semantic), ranking(y=2.0, z=1.0))
    assert fused.ids.index("y") < fused.ids.index("z")


def _precision(order: list[str], relevant: set[str]) -> float:
    return len(set(order[:10]) & relevant) / 10


@pytest.mark.parametrize("seed", range(5))
def test_two_honest_rankings_beat_each_and_a_shuffled_ranking_helps_none(seed):
    """Ten of 200 documents are relevant; each ranking sees them through its own noise."""
    rng = np.random.default_rng(seed)
    names = [f"{i:03}" for i in range(200)]
    gains = {"good": 0.0, "both": 0.0, "shuffled": 0.0}
    for _ in range(40):
        truth = np.zeros(200)
        truth[rng.choice(200, 10, replace=False)] = 1.0
        relevant = {name for name, hit in zip(names, truth, strict=True) if hit}
        words = np.clip(2 * truth + rng.normal(0, 0.8, 200) + 2, 0.01, None)
        meaning = 0.2 * truth + rng.normal(0, 0.1, 200)
        keyword = ranking(**dict(zip(names, words, strict=True)))
        background = Background(float(meaning.mean()), 200, 512)
        semantic = ranking(**dict(zip(names, meaning, strict=True)))
        shuffled = ranking(**dict(zip(names, rng.permutation(meaning), strict=True)))
        gains["good"] += _precision(keyword.ids, relevant)
        gains["both"] += _precision(fuse(semantic, keyword, background=background).ids, relevant)
        gains["shuffled"] += _precision(
            fuse(shuffled, keyword, background=background).ids, relevant
        )
    assert gains["both"] > gains["good"] > gains["shuffled"]


def test_the_default_trusts_words_more():
    assert 0.0 < SEMANTIC_WEIGHT < 0.5


@pytest.mark.parametrize("n", [7, 50])
def test_a_document_with_all_terms_covers_exactly_all_of_a_query_of_any_length(n):
    """Sums of the same numbers in another order differ in the last bits: 1.0000000000000002."""
    rng = np.random.default_rng(n)
    for _ in range(200):
        rows = {f"term{i}": int(df) for i, df in enumerate(rng.integers(0, 400, n))}
        assert compute_coverage(rows, reversed(rows), 400) == 1.0
        assert 0.0 < compute_coverage(rows, list(rows)[1:], 400) < 1.0
