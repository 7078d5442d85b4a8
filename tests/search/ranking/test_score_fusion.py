"""Fusion: worked numbers, properties, and controls that must not win."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe._errors import InvalidInputError
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.relevance import FLOOR
from sememe.search.ranking.score_fusion import (
    compute_coverage,
    fuse,
    rate_similarities,
    rate_words,
)


def ranking(mean: float = 0.2, deviation: float = 0.1, rows: int = 50, **scores: float):
    """Documents by name, with statistics of the column, which a keyword ranking does not use."""
    ids = sorted(scores, key=lambda id_: (-scores[id_], id_))
    values = np.array([scores[id_] for id_ in ids], np.float32)
    return VectorRanking(ids, np.arange(len(ids), dtype=np.uint64), values, mean, deviation, rows)


EMPTY = ranking()
RANKINGS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.integers(1, 64).map(lambda n: n / 64), min_size=1
)


def test_worked():
    """a, b, c are 4, 2, 1 deviations high: e = 1.138, -0.862, -1.862; half the words: c 0.5, 0.25.

    a = 1.01 * 1.138 - 1.47 * 0.5 - 3.52 = -3.105; b = 1.01 * -0.862 + 4.55 * 0.5 - 4.255 = -2.85;
    c = 1.01 * -1.862 + 4.55 * 0.25 - 4.255 = -4.998. For b speak 1.01 * 2 = 2.02 and 2.275.
    """
    fused = fuse(
        ranking(a=0.6, b=0.4), ranking(b=8.0, c=4.0), similarities={"c": 0.3}, coverage=0.5
    )
    assert fused.ids == ["b", "a", "c"]
    assert fused.scores.tolist() == pytest.approx([0.0547, 0.0429, 0.0067], abs=2e-4)
    assert fused.excess.tolist() == pytest.approx([-0.862, 1.138, -1.862], abs=1e-3)
    assert fused.words.tolist() == [0.5, 0.0, 0.25]
    assert fused.weights["semantic"] == pytest.approx(2.02 / 4.295, abs=1e-3)
    assert fused.note == ""


def test_a_poorly_covered_query_trusts_its_words_less():
    meaning, words = ranking(a=0.6, b=0.3), ranking(b=8.0)
    assert fuse(meaning, words).ids == ["b", "a"]
    assert fuse(meaning, words, coverage=0.25).ids == ["a", "b"]


def test_a_document_without_the_word_of_a_short_query_may_still_be_the_answer():
    """Of one word the coverage takes 1.47 / 4 away, of four words and more 1.47."""
    meaning, words = ranking(a=0.8), ranking(b=8.0)
    one = fuse(meaning, words, required=["dog"])
    four = fuse(meaning, words, required=["how", "to", "train", "dogs"])
    logits = [np.log(s / (1 - s)) for s in (one.scores[1], four.scores[1])]
    assert one.ids == four.ids == ["b", "a"]
    assert logits[0] - logits[1] == pytest.approx(1.47 * 3 / 4)


def test_without_a_similarity_the_lowest_is_assumed():
    fused = fuse(ranking(a=0.9, b=0.5), ranking(c=1.0), coverage=0.1)
    assert fused.ids == ["a", "c", "b"]
    assert fused.excess[1] == fused.excess[2]


def test_meaning_and_words_alone_are_rated_by_models_of_their_own():
    """e = 4 - 2.862: 1.62 * 1.138 - 2.73 = -0.886. 9.56 * 0.5 - 5.72 * 0.5 - 2.66 = -0.74."""
    assert rate_similarities(ranking(a=0.6)).tolist() == pytest.approx([0.292], abs=1e-3)
    assert rate_words(ranking(a=7.0, b=0.0), 0.5)[0] == pytest.approx(0.323, abs=1e-3)
    alone = fuse(EMPTY, ranking(a=7.0, b=3.5), coverage=0.5)
    assert alone.scores.tolist() == pytest.approx(rate_words(ranking(a=7.0, b=3.5), 0.5))
    assert len(rate_similarities(EMPTY)) == len(rate_words(EMPTY, 1.0)) == 0


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


def test_when_words_are_useless_and_meaning_is_far_what_is_nearest_is_still_given():
    fused = fuse(ranking(a=0.3), EMPTY, required=("뷁",), missing=("뷁",))
    assert fused.ids == ["a"] and fused.scores[0] < FLOOR
    assert fused.note.startswith("keyword: ")


def test_a_rare_word_found_exactly_is_near_however_far_its_vector():
    """b is 7.9 below chance, counted as 3 - 4 = -1: -1.01 + 4.55 - 1.47 / 4 - 3.52 = -0.3475."""
    meaning, words = ranking(a=0.3), ranking(b=9.0)
    fused = fuse(meaning, words, similarities={"b": -0.3}, required=("k77120",))
    assert fused.ids == ["b", "a"] and not fused.nothing_close
    assert fused.scores[0] == pytest.approx(0.414, abs=1e-3)
    assert fused.scores[1] < FLOOR


def test_close_is_counted_from_what_is_usual_where_an_encoder_states_it():
    """a is four deviations above the other rows, but only one above what is usual."""
    meaning = ranking(a=0.6)
    assert not fuse(meaning, EMPTY).nothing_close
    usual = replace(meaning, usual=(0.5, 0.1))
    fused = fuse(usual, EMPTY)
    assert fused.nothing_close and fused.scores.tolist() == fuse(meaning, EMPTY).scores.tolist()
    assert not fuse(replace(usual, usual=(0.2, 0.1)), EMPTY).nothing_close
    by_words = fuse(usual, ranking(b=9.0), required=("bx2231",))
    assert by_words.ids[0] == "b" and not by_words.nothing_close  # whatever the vectors


def test_nothing_at_all():
    fused = fuse(EMPTY, EMPTY)
    assert fused.ids == []
    assert fused.scores.shape == (0,)
    assert "no document has a vector" in fused.note
    assert not fused.nothing_close


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_coverage_outside_zero_and_one_is_refused(value):
    with pytest.raises(InvalidInputError, match="coverage"):
        fuse(ranking(a=0.5), ranking(a=1.0), coverage=value)


@given(RANKINGS, RANKINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(semantic, keyword, random):
    def shuffled(scores):
        ids = list(scores)
        random.shuffle(ids)
        return replace(ranking(), ids=ids, scores=np.array([scores[id_] for id_ in ids]))

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
        column = (meaning.mean(), meaning.std(), 200)
        semantic = ranking(*column, **dict(zip(names, meaning, strict=True)))
        shuffled = ranking(*column, **dict(zip(names, rng.permutation(meaning), strict=True)))
        gains["good"] += _precision(keyword.ids, relevant)
        gains["both"] += _precision(fuse(semantic, keyword).ids, relevant)
        gains["shuffled"] += _precision(fuse(shuffled, keyword).ids, relevant)
    assert gains["both"] > gains["good"] > gains["shuffled"]


@pytest.mark.parametrize("n", [7, 50])
def test_a_document_with_all_terms_covers_exactly_all_of_a_query_of_any_length(n):
    """Sums of the same numbers in another order differ in the last bits: 1.0000000000000002."""
    rng = np.random.default_rng(n)
    for _ in range(200):
        rows = {f"term{i}": int(df) for i, df in enumerate(rng.integers(0, 400, n))}
        assert compute_coverage(rows, reversed(rows), 400) == 1.0
        assert 0.0 < compute_coverage(rows, list(rows)[1:], 400) < 1.0


def test_a_guessed_term_proves_half_of_what_its_word_would():
    """바나 stands for 바나나, which no document holds."""
    assert compute_coverage({"바나": 3}, ["바나"], 100, guessed={"바나"}) == 0.5
    rows = {"바나": 3, "껍질": 3}
    assert compute_coverage(rows, ["바나", "껍질"], 100, guessed={"바나"}) == pytest.approx(0.75)
    assert compute_coverage(rows, ["껍질"], 100, guessed={"바나"}) == 0.5
