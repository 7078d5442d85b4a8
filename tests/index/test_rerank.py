"""Hits ranked again by what scores query and passage together."""

from __future__ import annotations

import math

import pytest

from sememe import Index, InvalidInputError
from sememe.index.querying.hits import Hit, Hits

ANSWER = "doc 57"


class Knowing:
    """Scores a pair by what the passage says of itself: 1 for the answer, and less for the rest."""

    name = "knowing"

    def __init__(self, sign=1.0):
        self.sign = sign
        self.pairs = []

    def score(self, pairs, *, show_progress=False):
        self.pairs = list(pairs)
        return [self.sign if ANSWER in text else 0.0 for _, text in pairs]


class Wrong(Knowing):
    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def score(self, pairs, *, show_progress=False):
        return self.scores


@pytest.fixture(scope="module")
def index(tmp_path_factory, encoder):
    """The more often a text says bank, the better the words match; the answer says it least."""
    made = Index.create(tmp_path_factory.mktemp("rerank") / "index", [encoder])
    texts = [f"doc {i}: " + "bank " * (1 if i == 57 else 2 + i % 3) + "money" for i in range(60)]
    made.add([(f"d{i:02}", text) for i, text in enumerate(texts)])
    return made


def test_a_wrong_order_becomes_right_and_only_with_a_scorer_that_knows(index):
    assert "d57" not in index.search("bank", k=10, mode="keyword").ids
    scorer = Knowing()
    hits = index.search("bank", k=10, mode="keyword", rerank=scorer)
    assert hits.ids[0] == "d57" and hits.scores == [1.0] + [0.0] * 9
    assert hits.ids[1:] == [f"d{i:02}" for i in range(9)]  # ties by id
    assert len(scorer.pairs) == 60
    assert {query for query, _ in scorer.pairs} == {"bank"}
    assert "d57" not in index.search("bank", k=10, mode="keyword", rerank=Knowing(-1.0)).ids
    assert "d57" not in index.search("bank", k=10, mode="keyword", rerank=Knowing(0.0)).ids


def test_only_the_first_hits_are_read(index, monkeypatch):
    monkeypatch.setattr("sememe.index.searchable._RERANKED", 20)
    scorer = Knowing()
    first = index.search("bank", k=20, mode="keyword").ids
    assert set(index.search("bank", k=3, mode="keyword", rerank=scorer).ids) <= set(first)
    assert len(scorer.pairs) == 20
    index.search("bank", k=30, mode="keyword", rerank=scorer)
    assert len(scorer.pairs) == 30


def test_the_rest_of_a_search_stays(index):
    for mode in ("hybrid", "semantic"):
        plain = index.search("money", k=60, mode=mode)
        again = index.search("money", k=60, mode=mode, rerank=Knowing())
        assert (again.mode, again.weights, again.note) == (plain.mode, plain.weights, plain.note)
        assert sorted(again.ids) == sorted(plain.ids) and again.ids[0] == "d57"
        by_id = {hit.id: hit.text for hit in plain}
        assert all(hit.text == by_id[hit.id] for hit in again)


def test_nothing_found_asks_nobody(index):
    scorer = Wrong([1.0])
    assert len(index.search("", rerank=scorer)) == 0
    assert len(index.search("zzzz", mode="keyword", rerank=scorer)) == 0


@pytest.mark.parametrize("scores", [[1.0], [1.0, 2.0, 3.0], [1.0, math.nan]])
def test_a_scorer_that_gives_something_else_is_refused(scores):
    two = tuple(Hit(id_, 1.0, "text", "", id_, 0, 1) for id_ in "ab")
    hits = Hits(two, "keyword", {"keyword": 1.0})
    with pytest.raises(InvalidInputError, match="knowing gave .* for 2 hits"):
        hits.rerank("q", Wrong(scores))
    assert hits.rerank("q", Wrong([1.0, 2.0]), k=1).ids == ["b"]
