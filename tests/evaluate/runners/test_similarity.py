"""Semantic textual similarity of what scores pairs itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.evaluate import ScoredPair, evaluate_sts, evaluate_word_similarity, run_task

FAST = {"resamples": 50}
PAIRS = [ScoredPair(f"one {i}", f"two {i}", float(i % 6)) for i in range(60)]


class Scorer:
    """Scores by a rule; the pairs it was asked are kept."""

    name = "scorer"

    def __init__(self, rule):
        self.rule = rule
        self.pairs = []

    def score(self, pairs, *, show_progress=False):
        self.pairs = list(pairs)
        return np.array([self.rule(*pair) for pair in pairs], np.float32)


def knows(first, second):
    return math.exp(int(first.split()[1]) % 6)  # monotone, not linear


def test_worked():
    """Human order 1 2 3, the system's 1 3 2: Spearman 1 - 6 (0 + 1 + 1) / (3 x 8) = 0.5."""
    pairs = [ScoredPair("a", "x", 1), ScoredPair("b", "y", 2), ScoredPair("c", "z", 3)]
    found = evaluate_sts(Scorer(lambda a, _: {"a": 0, "b": 9, "c": 5}[a]), pairs, **FAST)
    assert found.metrics["spearman"] == pytest.approx(0.5)
    assert (found.task, found.model, found.n, found.covered) == ("sts", "scorer", 3, 1.0)


def test_a_scorer_that_knows_and_the_controls():
    found = evaluate_sts(Scorer(knows), PAIRS, **FAST)
    assert found.metrics["spearman"] == pytest.approx(1)
    assert 0.5 < found.metrics["pearson"] < 0.95
    assert found.intervals["spearman"] == pytest.approx((1, 1))
    assert abs(found.control["spearman"]) < 0.4
    rng = np.random.default_rng(0)
    noise = evaluate_sts(Scorer(lambda *_: rng.normal()), PAIRS, **FAST)
    assert abs(noise.metrics["spearman"]) < 0.4


def test_blank_sentences_are_not_asked_and_lower_covered():
    scorer = Scorer(knows)
    pairs = [*PAIRS[:9], ScoredPair(" ", "two", 3.0), ScoredPair("one 1", "", 3.0), PAIRS[9]]
    found = evaluate_sts(scorer, pairs, **FAST)
    assert scorer.pairs == [(pair.first, pair.second) for pair in PAIRS[:10]]
    assert found.covered == pytest.approx(10 / 12)
    assert found.metrics["spearman"] == pytest.approx(1)


def test_scores_that_are_none_are_refused():
    with pytest.raises(InvalidInputError, match="scorer gave scores of shape"):
        evaluate_sts(Scorer(lambda *_: math.nan), PAIRS, **FAST)
    with pytest.raises(InvalidInputError, match=r"shape \(60, 1\) for 60 pairs"):
        evaluate_sts(Scorer(lambda *_: [1.0]), PAIRS, **FAST)
    with pytest.raises(InvalidInputError, match="got no pair"):
        evaluate_sts(Scorer(knows), [], **FAST)


def test_only_sts_takes_a_scorer(tmp_path):
    with pytest.raises(InvalidInputError, match="which has no encode"):
        evaluate_word_similarity(Scorer(knows), PAIRS, **FAST)
    table = tmp_path / "sts.tsv"
    table.write_text("".join(f"{a}\t{b}\t{s}\n" for a, b, s in PAIRS), encoding="utf-8")
    found = run_task("sts", Scorer(knows), table, resamples=50)
    assert found.metrics["spearman"] == pytest.approx(1)
    with pytest.raises(InvalidInputError, match="which has no encode"):
        run_task("word-similarity", Scorer(knows), tmp_path / "nowhere.tsv")
