"""A messy folder, searched with the encoder that users have: 200 questions (`tests.messy`)."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from sememe import Index
from tests import messy

MODES = ("semantic", "keyword", "hybrid")
WITHIN = 5  # an answer among so many hits is a success


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("messy") / "folder"
    messy.write(folder)
    made = Index.create(folder.parent / "index", ["e5-use-multilingual"])
    assert made.sync(folder).added == 186
    return made


@pytest.fixture(scope="module")
def found(index):
    """(mode, question) -> ids of the first hits, without the folder."""

    def search(mode, text):
        return [hit.id.removeprefix("folder/") for hit in index.search(text, k=WITHIN, mode=mode)]

    return {(m, q): search(m, q.text) for m in MODES for q in messy.questions()}


def success(found, mode, answers=lambda question: question.answers):
    """Kind -> share of its questions of which an answer is among the first hits; "all" of them."""
    by_kind = defaultdict(list)
    for (own, question), ids in found.items():
        if own == mode and question.answers:
            hit = not set(ids).isdisjoint(answers(question))
            by_kind[question.kind].append(hit)
            by_kind["all"].append(hit)
    return {kind: sum(hits) / len(hits) for kind, hits in by_kind.items()}


def test_most_questions_find_their_answer_and_with_shuffled_answers_hardly_any(found):
    shares = success(found, "hybrid")
    assert shares["all"] >= 0.85
    assert min(shares.values()) >= 0.65
    rng = random.Random(0)
    others = [q.answers for q in messy.questions() if q.answers]
    assert success(found, "hybrid", lambda _: rng.choice(others))["all"] < 0.1


def test_both_together_are_no_worse_than_the_better_of_the_two(found):
    """But for two questions of a kind."""
    hybrid, semantic, keyword = (success(found, m) for m in ("hybrid", "semantic", "keyword"))
    for kind, share in hybrid.items():
        assert share >= max(semantic[kind], keyword[kind]) - 0.08, kind


def test_junk_is_not_in_the_way_and_is_found_by_its_words(found, index):
    shown = [ids for (mode, _), ids in found.items() if mode == "hybrid"]
    junk = sum(id_.startswith("junk/") for ids in shown for id_ in ids)
    assert junk < 0.12 * sum(map(len, shown))
    assert index.search("BoundingBox", k=1, mode="keyword")[0].id.startswith("folder/junk/figure")
