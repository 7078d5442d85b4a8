"""The masked task: by hand, on models that know the answer and on models that do not."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest

from sememe._errors import InvalidInputError
from sememe.app.cli import main
from sememe.encoders.text.masked_lm import MaskedLM
from sememe.evaluate import evaluate_masked, run_task
from tests.models.bert import checkpoints

FAST = {"resamples": 50}
UNKNOWN, N = 0, 30  # ids below N; a text is digits with spaces between


class Digits:
    """Reads numbers as tokens and gives the hidden one the probability `right`, others the rest."""

    name = "digits"
    special_ids = frozenset({UNKNOWN})

    def __init__(self, right=0.5, *, guess=None):
        self.right = right
        self.guess = guess  # what it says instead of the token
        self.asked = []

    def token_ids(self, texts):
        return [[int(word) for word in text.split()] for text in texts]

    def predict(self, ids, places):
        self.asked += zip(ids, places, strict=True)
        hidden = [one[i] for one, some in zip(ids, places, strict=True) for i in some]
        best = hidden if self.guess is None else [self.guess] * len(hidden)
        return np.full(len(hidden), np.log(self.right), np.float32), np.array(best, np.int64)

    def token_log_probabilities(self, texts):
        known = [[i for i in one if i != UNKNOWN] for one in self.token_ids(texts)]
        return [np.full(len(one), np.log(self.right), np.float32) for one in known]


def corpus(n=80, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(map(str, rng.integers(1, N, size=20))) for _ in range(n)]


def test_by_hand():
    """All of "1 1 1 2" and "3" are hidden, at 1/4 each: accuracy 3/5 for who always says 1.

    Cross-entropy ln 4, perplexity 4. The control knows 1: 3/5, 2: 1/5, 3: 1/5, says 1 as well, and
    has the cross-entropy (3 ln 5/3 + 2 ln 5) / 5 = 0.95027.
    """
    found = evaluate_masked(
        Digits(0.25, guess=1), ["1 1 1 2", "3", ""], mask_prob=1, pseudo_texts=1, **FAST
    )
    assert (found.task, found.model, found.n) == ("masked", "digits", 3)
    assert found.covered == pytest.approx(2 / 3)
    assert found.metrics == pytest.approx(
        {
            "accuracy": 0.6,
            "cross_entropy": math.log(4),
            "perplexity": 4,
            "pseudo_perplexity": 4,
        }
    )
    entropy = (3 * math.log(5 / 3) + 2 * math.log(5)) / 5
    assert found.control["accuracy"] == pytest.approx(0.6)
    assert found.control["cross_entropy"] == pytest.approx(entropy)
    assert found.control["perplexity"] == pytest.approx(math.exp(entropy))
    first = (3 * math.log(5 / 3) + math.log(5)) / 4  # of the first text alone
    assert found.control["pseudo_perplexity"] == pytest.approx(math.exp(first))
    assert found.coverage["accuracy"] == 1 and found.coverage["pseudo_perplexity"] == 4 / 5


def test_texts_count_by_their_tokens():
    """A text with 3 hidden tokens found and one with 1 that is not: 3/4, not the mean 1/2."""
    found = evaluate_masked(Digits(guess=1), ["1 1 1", "2"], mask_prob=1, **FAST)
    assert found.metrics["accuracy"] == 0.75
    assert found.intervals["accuracy"] == (0, 1)


def test_the_seed_hides_the_same_tokens():
    asked = []
    for seed in (0, 0, 1):
        model = Digits()
        evaluate_masked(model, corpus(), seed=seed, **FAST)
        asked.append(model.asked)
    assert asked[0] == asked[1] != asked[2]
    assert [ids for ids, _ in asked[0]] == Digits().token_ids(corpus())  # each text once
    assert {len(places) for _, places in asked[0]} == {3}  # 15 % of 20
    assert all(places == sorted(set(places)) for _, places in asked[0])
    places = np.concatenate([places for _, places in asked[0]])
    assert len(np.unique(places)) == 20  # anywhere in the text


def test_each_text_hides_at_least_one_token_and_no_unknown_one():
    model = Digits()
    texts = ["5", "0 7 0", "0 0", "", "1 2 3"]
    found = evaluate_masked(model, texts, mask_prob=0.01, pseudo_texts=2, **FAST)
    assert [len(places) for _, places in model.asked] == [1, 1, 0, 0, 1]
    assert model.asked[1][1] == [1]
    assert found.covered == 3 / 5
    assert found.coverage["perplexity"] == 5 / 9
    assert found.coverage["pseudo_perplexity"] == 2 / 9


def test_who_knows_beats_the_control_and_who_does_not_does_not():
    knowing = evaluate_masked(Digits(0.9), corpus(), **FAST)
    assert knowing.metrics["accuracy"] == 1
    assert knowing.control["accuracy"] < 0.15  # 29 tokens, about equally frequent
    assert knowing.metrics["perplexity"] < 1.2 < 20 < knowing.control["perplexity"] < 29.1
    low, high = knowing.intervals["cross_entropy"]
    assert low == pytest.approx(high) == pytest.approx(-math.log(0.9))
    ignorant = evaluate_masked(Digits(1 / N, guess=7), corpus(), **FAST)
    assert ignorant.metrics["accuracy"] < 0.15
    assert ignorant.metrics["perplexity"] > ignorant.control["perplexity"]


def test_the_control_is_the_best_that_one_answer_can_do():
    texts = ["1 2 1 3", "1 1 4 5"] * 30
    best = max(
        evaluate_masked(Digits(guess=i), texts, mask_prob=1, **FAST).metrics["accuracy"]
        for i in range(1, 6)
    )
    control = evaluate_masked(Digits(), texts, mask_prob=1, **FAST).control
    assert control["accuracy"] == best == 0.5


@pytest.mark.parametrize(
    ("model", "texts", "options", "says"),
    [
        (Digits(), ["1"], {"mask_prob": 0}, r"mask_prob=0 is not in \(0, 1\]"),
        (Digits(), ["1"], {"mask_prob": 1.5}, r"mask_prob=1.5 is not in"),
        (Digits(), ["1"], {"pseudo_texts": -1}, "pseudo_texts=-1; give 0"),
        (Digits(), [], {}, "got 0 texts without a token that digits knows"),
        (Digits(), ["0", ""], {}, "got 2 texts without a token"),
        ("a name", ["1"], {}, "'masked' got str; allowed: a masked language model"),
    ],
)
def test_bad_input(model, texts, options, says):
    with pytest.raises(InvalidInputError, match=says):
        evaluate_masked(model, texts, **options)


def test_a_network_as_its_own_methods_say(tmp_path):
    folder = checkpoints.write_masked(tmp_path / "m")
    model = MaskedLM.load(str(folder))
    texts = ["the cat sat on the mat .", "", "zebra", "a dog ran . " * 15]
    found = evaluate_masked(model, texts, pseudo_texts=9, **FAST)
    assert found.covered == 0.5
    assert found.metrics["pseudo_perplexity"] == pytest.approx(model.pseudo_perplexity(texts))
    assert found.metrics["perplexity"] == pytest.approx(math.exp(found.metrics["cross_entropy"]))
    assert found.metrics["perplexity"] > found.control["perplexity"]  # random weights know nothing


def test_the_task_on_the_command_line(tmp_path, capsys, random_encoder):
    folder = checkpoints.write_masked(tmp_path / "m")
    lines = "the cat sat on the mat .\n\n  \na dog ran on the river .\n"
    (tmp_path / "d.txt").write_text(lines, encoding="utf-8")
    (tmp_path / "d.txt.gz").write_bytes(gzip.compress(lines.encode()))
    assert main(["evaluate", "masked", str(folder), str(tmp_path / "d.txt"), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["task"], done["model"], done["n"], done["covered"]) == (
        "masked",
        str(folder),
        2,
        1.0,
    )
    assert (
        set(done["metrics"])
        == set(done["control"])
        == {
            "accuracy",
            "cross_entropy",
            "perplexity",
        }
    )
    packed = run_task("masked", MaskedLM.load(str(folder)), tmp_path / "d.txt.gz")
    assert packed.metrics == pytest.approx(done["metrics"])
    arguments = ["evaluate", "masked", str(folder), str(tmp_path / "d.txt")]
    assert main(arguments) == 0
    assert "cross_entropy" in capsys.readouterr().out
    assert main([*arguments, "--pseudo-texts", "1", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    alone = MaskedLM.load(str(folder)).pseudo_perplexity(["the cat sat on the mat ."])
    assert done["metrics"]["pseudo_perplexity"] == pytest.approx(alone)
    assert done["coverage"]["pseudo_perplexity"] == 0.5
    for arguments, says in (
        ([str(folder), "no such file"], "no such file or folder"),
        ([str(folder), str(tmp_path)], "is not a file"),
        ([str(folder), str(tmp_path / "d.txt"), str(tmp_path / "d.txt")], "got 2 paths"),
        ([str(tmp_path), str(tmp_path / "d.txt")], "holds no config.json"),
        (["all-minilm-l6-v2", str(tmp_path / "d.txt")], "is no folder"),
    ):
        assert main(["evaluate", "masked", *arguments]) == 2
        assert says in capsys.readouterr().err
    with pytest.raises(InvalidInputError, match="'masked' got RandomEncoder; allowed: a masked"):
        run_task("masked", random_encoder, tmp_path / "d.txt")
    with pytest.raises(InvalidInputError, match="pseudo_texts=3 is for 'masked', not for 'sts'"):
        run_task("sts", random_encoder, tmp_path / "d.txt", pseudo_texts=3)
    with pytest.raises(InvalidInputError, match="'sts' got MaskedLM"):
        run_task("sts", MaskedLM.load(str(folder)), tmp_path / "d.txt")
