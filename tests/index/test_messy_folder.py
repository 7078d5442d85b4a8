"""A messy folder, searched with the encoder that users have: 200 questions (`tests.messy`)."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest

from sememe import Index
from sememe.evaluate.metrics.calibration import calibration_error
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
def hits(index):
    """(mode, question) -> hits."""
    search = index.search
    return {(m, q): search(q.text, k=WITHIN, mode=m) for m in MODES for q in messy.questions()}


@pytest.fixture(scope="module")
def found(hits):
    """(mode, question) -> ids of the first hits, without the folder."""
    return {key: [id_.removeprefix("folder/") for id_ in own.ids] for key, own in hits.items()}


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
    assert shares["all"] >= 0.88
    assert min(shares.values()) >= 0.7
    rng = random.Random(0)
    others = [q.answers for q in messy.questions() if q.answers]
    assert success(found, "hybrid", lambda _: rng.choice(others))["all"] < 0.1


def test_both_together_are_no_worse_than_the_better_of_the_two(found):
    """But for one question of a kind."""
    hybrid, semantic, keyword = (success(found, m) for m in ("hybrid", "semantic", "keyword"))
    for kind, share in hybrid.items():
        assert share >= max(semantic[kind], keyword[kind]) - 0.06, kind


@pytest.mark.parametrize("mode", MODES)
def test_of_hits_with_a_score_about_as_many_are_right(mode, hits, found):
    """These questions played no part in the fit; answers of other questions must not fit them."""
    own = [(question, each) for (m, question), each in hits.items() if m == mode]
    scores = np.concatenate([each.scores for _, each in own])
    ids = [id_ for question, _ in own for id_ in found[mode, question]]
    asked = [question for question, each in own for _ in each]
    right = np.array([id_ in question.answers for id_, question in zip(ids, asked, strict=True)])
    assert calibration_error(scores, right) <= 0.08
    assert right[scores >= 0.6].mean() >= 0.6
    shuffled = np.random.default_rng(0).permutation(right)
    assert calibration_error(scores, shuffled) > 0.12


def test_nothing_close_is_rarely_said_of_an_answer_and_mostly_where_there_is_none(hits, found):
    said = defaultdict(list)
    for (mode, question), own in hits.items():
        if mode == "hybrid" and (
            not question.answers or not set(found[mode, question]).isdisjoint(question.answers)
        ):
            said[bool(question.answers)].append(own.nothing_close)
    assert np.mean(said[True]) <= 0.07 < 0.7 <= np.mean(said[False])


def test_junk_is_not_in_the_way_and_is_found_by_its_words(found, index):
    shown = [ids for (mode, _), ids in found.items() if mode == "hybrid"]
    junk = sum(id_.startswith("junk/") for ids in shown for id_ in ids)
    assert junk < 0.12 * sum(map(len, shown))
    assert index.search("BoundingBox", k=1, mode="keyword")[0].id.startswith("folder/junk/figure")
