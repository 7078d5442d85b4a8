"""BM25 by Lance against the formula, before and after everything that changes the table."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sememe import _errors
from sememe.search.ranking import keyword
from sememe.search.store import Store
from tests.search.conftest import COLUMN, DIM, make_row, naive_bm25

WORDS = [f"w{i}" for i in range(60)]


def documents(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    weights /= weights.sum()
    return [" ".join(rng.choice(WORDS, rng.integers(3, 30), p=weights)) for _ in range(n)]


def rows(texts: dict[str, str]) -> list:
    return [make_row(id, terms=terms, vectors={}) for id, terms in texts.items()]


def assert_same_as_naive(store: Store, held: dict[str, str], *queries: list[str], atol=1e-4):
    ids = list(held)
    for query in queries:
        ranking = store.search_terms(query, len(ids))
        scores = dict(zip(ids, naive_bm25(query, list(held.values())), strict=True))
        expected = sorted((i for i in ids if scores[i] > 0), key=lambda i: (-scores[i], i))
        assert set(ranking.ids) == set(expected)
        np.testing.assert_allclose(ranking.scores, [scores[i] for i in ranking.ids], atol=atol)
        np.testing.assert_allclose(ranking.scores, [scores[i] for i in expected], atol=atol)


def test_worked_by_hand(store):
    """Two documents of 1 and 3 terms, mean 2; "b" is in both, "a" in the first only.

    idf(a) = ln(1 + 1.5/1.5) = ln 2, and the first is half the mean long:
    ln 2 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 0.5)) = ln 2 * 2.2 / 1.75.
    """
    store.append(rows({"one": "a", "two": "b b c"}))
    store.compact()
    ranking = store.search_terms(["a"], 5)
    assert ranking.ids == ["one"]
    assert ranking.scores[0] == pytest.approx(math.log(2) * 2.2 / 1.75, abs=1e-6)


def test_the_terms_of_the_best_document_come_with_the_ranking(store):
    """They are known to occur, and are not counted; the others are, once for each version."""
    store.append(rows({"one": "a b", "two": "b c", "three": "c d"}))
    store.compact()
    ranking = store.search_terms(["a", "b", "d", "nowhere"], 5)
    assert ranking.ids[0] == "one" and ranking.held == {"a", "b"}
    assert ranking.missing == ("nowhere",)
    assert store._vocabulary._counts == {"d": 1, "nowhere": 0}
    assert store.count_term_rows(["b", "d", "nowhere"]) == {"b": 2, "d": 1, "nowhere": 0}
    assert store.search_terms(["nowhere"], 5).held == frozenset()


def test_equals_the_formula_through_batches_replacements_and_removals(store):
    held = {f"d{i}": text for i, text in enumerate(documents(200))}
    items = list(held.items())
    queries = ["w1"], ["w3", "w40"], ["w0", "w7", "w7", "w59", "nowhere"]
    store.append(rows(dict(items[:80])))
    store.append(rows(dict(items[80:])))
    store.compact()
    assert_same_as_naive(store, held, *queries)
    changed = {f"d{i}": text for i, text in zip(range(20, 60), documents(40, 1), strict=True)}
    store.replace(rows(changed))
    held |= changed
    gone = [f"d{i}" for i in range(100, 130)]
    store.delete(gone)
    held = {i: text for i, text in held.items() if i not in gone}
    store.compact()
    assert_same_as_naive(store, held, *queries)


def test_unindexed_rows_are_found_before_compact(store):
    held = {f"d{i}": text for i, text in enumerate(documents(50))}
    store.append(rows(held))
    assert_same_as_naive(store, held, ["w1"], ["w3", "w40"])
    store.compact()
    store.append(rows({"late": "w3 fresh"}))
    assert "late" in store.search_terms(["w3"], 60).ids
    assert store.search_terms(["fresh"], 1).ids == ["late"]


@pytest.mark.parametrize(
    "term",
    ["c++", "c#", ".net", "x" * 300, "Émile", "서울", "東京", "THE", "the", "a'b", '"', "*", "\\"],
)
def test_terms_are_taken_as_they_are(store, term):
    store.append(rows({"a": f"before {term} after", "b": "émile EMILE c net x 서 東"}))
    store.compact()
    ranking = store.search_terms([term], 5)
    assert ranking.ids == ["a"] and ranking.missing == ()


def test_missing_terms_are_named_in_the_order_of_the_query(store):
    store.append(rows({"a": "x y", "b": "y z"}))
    store.compact()
    ranking = store.search_terms(["q", "x", "nope", "z", "y", "q2"], 5)
    assert ranking.missing == ("q", "nope", "q2")
    assert store.search_terms(["q"], 5).ids == []
    assert keyword.document_frequency(store._chunks, "y") == 2
    assert keyword.document_frequency(store._chunks, "q") == 0
    store.append(rows({"c": "q"}))
    assert store.search_terms(["q"], 5).missing == ()
    store.delete(["c"])
    assert store.search_terms(["q"], 5).missing == ("q",)


@pytest.mark.parametrize(("high", "low"), [(1.0, 0.5), (3.0, 2.0), (1.0, 0.37)])
def test_boosts_multiply_what_a_term_adds(store, high, low):
    """Both ways of telling Lance: repetitions for small ratios, a combination for others."""
    held = {f"d{i}": text for i, text in enumerate(documents(60))}
    store.append(rows(held))
    store.compact()
    ranking = store.search_terms({"w1": high, "w5": low}, 60)
    one, five = (naive_bm25([w], list(held.values())) for w in ("w1", "w5"))
    scores = dict(zip(held, high * one + low * five, strict=True))
    np.testing.assert_allclose(ranking.scores, [scores[i] for i in ranking.ids], atol=1e-4)
    assert set(ranking.ids) == {i for i in held if scores[i] > 0}


@pytest.mark.parametrize("boosts", [{"w1": 1.0, "w5": 1.0}, {"w1": 1.0, "w5": 0.37}])
def test_all_wants_every_term(store, boosts):
    held = {f"d{i}": text for i, text in enumerate(documents(60))}
    store.append(rows(held))
    store.compact()
    both = {i for i, text in held.items() if {"w1", "w5"} <= set(text.split())}
    assert set(store.search_terms(boosts, 60, operator="all").ids) == both
    assert 0 < len(both) < 60


def test_ties_are_ordered_by_id_whatever_the_order_of_arrival(store):
    ids = [f"d{i:03d}" for i in range(300)]
    shuffled = np.random.default_rng(0).permutation(ids).tolist()
    store.append(rows(dict.fromkeys(shuffled[:150], "same words")))
    store.append(rows(dict.fromkeys(shuffled[150:], "same words")))
    store.compact()
    assert store.search_terms(["same"], 5).ids == ids[:5]
    assert store.search_terms(["same"], 1000).ids == ids


def test_an_item_is_found_once_by_its_best_block(store):
    store.append(
        [
            make_row("a", 0, 3, terms="x y z"),
            make_row("a", 1, 3, terms=None),
            make_row("a", 2, 3, terms="x x x"),
            make_row("b", terms="x q"),
        ]
    )
    store.compact()
    ranking = store.search_terms(["x"], 5)
    assert ranking.ids == ["a", "b"]
    assert store.rows(ranking.rows, ["part"])[0]["part"] == 2


def test_where_restricts_and_keeps_scores(store):
    held = {f"d{i}": text for i, text in enumerate(documents(100))}
    batch = [make_row(i, terms=t, metadata={"n": int(i[1:])}) for i, t in held.items()]
    store.append(batch)
    store.compact()
    everything = store.search_terms(["w1", "w2"], 100)
    some = store.search_terms(["w1", "w2"], 100, where="n < 30")
    known = dict(zip(everything.ids, everything.scores, strict=True))
    assert some.ids == [i for i in everything.ids if int(i[1:]) < 30]
    np.testing.assert_allclose(some.scores, [known[i] for i in some.ids], atol=1e-6)
    assert store.search_terms(["w1"], 5, where="n < 0").ids == []


@pytest.mark.parametrize("operator", ["any", "all"])
def test_where_over_chunks_keeps_documents_of_which_any_chunk_passes(store, operator):
    """Terms stand on the first row only; what the filter asks for, on a later one."""
    for i in range(200):
        texts = ["hay", "hay with a needle" if i % 20 == 7 else "hay", "it's text"]
        terms = " ".join(["common"] * (1 + i % 3))
        id = f"d{i:03d}"
        store.append(
            [
                make_row(id, p, 3, text=text, terms=None if p else terms, metadata={"n": i})
                for p, text in enumerate(texts)
            ]
        )
    store.compact()
    everything = store.search_terms(["common"], 200, operator=operator)
    scores = dict(zip(everything.ids, everything.scores, strict=True))
    holding = [i for i in everything.ids if int(i[1:]) % 20 == 7]
    assert len(everything.ids) == 200 and len(holding) == 10
    for where, ids in (
        ("text LIKE '%needle%'", holding),
        ("Text LIKE '%needle%' AND n < 100", [i for i in holding if int(i[1:]) < 100]),
        ("`text` LIKE '%needle%' AND part = 1", holding),
        ("part = 2 AND text = 'it''s text'", everything.ids),
        ("part = 3", []),
        ("text LIKE '%needle%' AND part = 0", []),
    ):
        for k in (1, 3, 200):
            ranking = store.search_terms(["common"], k, where=where, operator=operator)
            assert ranking.ids == ids[:k], where
            np.testing.assert_allclose(ranking.scores, [scores[i] for i in ranking.ids], atol=1e-6)
    assert store.search_terms(["absent"], 3, where="text LIKE '%needle%'").ids == []


def test_where_over_chunks_looks_past_the_rows_fetched_for_ties(store, monkeypatch):
    monkeypatch.setattr(keyword, "_TIES_AT_MOST", 64)
    store.append([make_row(f"d{i:04d}", terms="same", text=f"{i}") for i in range(2000)])
    store.compact()
    ranking = store.search_terms(["same"], 3, where="text IN ('1999', '1500', '3')")
    assert ranking.ids == ["d0003", "d1500", "d1999"]


def test_queries_that_make_no_sense(store):
    store.append([make_row("a")])
    assert store.search_terms([], 5).ids == []
    assert store.search_terms({}, 5).missing == ()
    for terms in ("one two", ["one two"], [""], ["a\u3000b"], {"a": 0.0}, {"a": float("nan")}):
        with pytest.raises(_errors.InvalidInputError):
            store.search_terms(terms, 5)
    for k in (0, -1, 2.0, True):
        with pytest.raises(_errors.InvalidInputError, match="k="):
            store.search_terms(["a"], k)


def coverage_and_documents(store):
    """What the index covers, and how many documents it counts, removed ones included."""
    parts = keyword._read_parts(store._chunks)
    return keyword.keyword_coverage(store._chunks), sum(parts.documents)


def test_documents_added_one_by_one_lie_in_few_parts_and_score_by_the_formula(store):
    held = {f"d{i}": text for i, text in enumerate(documents(40))}
    items = list(held.items())
    store.append(rows(dict(items[:20])))
    store.compact()
    for id_, text in items[20:]:
        store.append(rows({id_: text}))
        store.compact()
        parts = keyword._read_parts(store._chunks).documents
        assert len(parts) <= 6  # 20, and up to 20 more by powers of two
    assert sum(parts) == 40
    assert parts[0] == 20  # the large part was not written again
    assert_same_as_naive(store, held, ["w1"], ["w3", "w40"], ["w0", "w7", "w59"])


def test_removed_documents_leave_the_statistics_of_a_large_index(tmp_path, monkeypatch):
    """Above `ALWAYS_REBUILD` a few removed rows are tolerated, many are not."""
    monkeypatch.setattr(keyword, "ALWAYS_REBUILD", 0)
    store = Store.create(tmp_path / "s", {COLUMN: DIM})
    held = {f"d{i}": text for i, text in enumerate(documents(200))}
    store.append(rows(held))
    store.compact()
    store.delete(["d0", "d1"])
    store.compact()
    assert coverage_and_documents(store) == (1.0, 200)
    store.delete([f"d{i}" for i in range(50)])
    store.compact()
    assert coverage_and_documents(store) == (1.0, 150)
    left = {i: t for i, t in held.items() if int(i[1:]) >= 50}
    assert_same_as_naive(store, left, ["w1"], ["w2", "w9"])


def test_common_unit():
    assert keyword._find_unit([1.0]) == 1.0
    assert keyword._find_unit([1.0, 0.5]) == 0.5
    assert keyword._find_unit([3.0, 2.0]) == 1.0
    assert keyword._find_unit([1.0, 0.37]) is None
    assert keyword._find_unit([100.0, 1.0]) is None


def test_extra_terms_add_to_the_score_and_find_nothing(store):
    held = {f"d{i}": text for i, text in enumerate(documents(80))}
    store.append(rows(held))
    store.compact()
    ranking = store.search_terms(["w4"], 80, extra={"w1": 0.5, "w9": 0.25})
    four, one, nine = (naive_bm25([w], list(held.values())) for w in ("w4", "w1", "w9"))
    scores = dict(zip(held, four + 0.5 * one + 0.25 * nine, strict=True))
    assert set(ranking.ids) == {i for i, text in held.items() if "w4" in text.split()}
    np.testing.assert_allclose(ranking.scores, [scores[i] for i in ranking.ids], atol=1e-4)
    few = store.search_terms(["w4"], 5, extra={"w1": 0.5, "w9": 0.25})
    assert few.ids == ranking.ids[:5]
