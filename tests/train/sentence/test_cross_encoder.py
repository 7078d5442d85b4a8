"""Fine-tuning cross-encoders: meaning with a control, the saved folder, refusals, kills."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.encoders.text.cross_encoder import CrossEncoder
from sememe.train.sentence.cross_encoder import CrossTraining
from sememe.train.sentence.evaluator import score_examples
from sememe.train.sentence.examples import read_examples
from tests import forked
from tests.train import networks

pytestmark = pytest.mark.train

QUICK = {"epochs": 12, "batch_size": 16, "learning_rate": 3e-3, "evaluations": 3}
TEXTS = [
    ("the ship on the wave", "butter in the pan"),
    ("a sail", "the deck of a ship"),
    ("a", "b"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(networks.network(tmp_path_factory.mktemp("base") / "bert"))


@pytest.fixture(scope="module")
def trained(base):
    data = networks.scored(240, seed=1)
    return CrossTraining(base, **QUICK).fit(data, evaluate=networks.scored(80, seed=2))


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    return trained.save(tmp_path_factory.mktemp("saved") / "mine")


def test_it_learns_what_belongs_together(trained):
    curve = trained.report_.curve
    assert curve.metric == "spearman"
    assert curve.before < 0.4
    assert curve.after > 0.75
    assert trained.report_.kind == "scored"


def test_shuffled_scores_teach_nothing(base):
    data = networks.scored(240, seed=1)
    scores = np.random.default_rng(0).permutation([row[2] for row in data])
    data = [(a, b, s) for (a, b, _), s in zip(data, scores, strict=True)]
    found = CrossTraining(base, **QUICK).fit(data)
    held = read_examples(networks.scored(80, seed=2))
    assert score_examples(held, predict=found.model_.predict)["spearman"] < 0.4


def test_the_saved_folder_gives_the_scores_of_sentence_transformers(trained, folder, tmp_path):
    from sentence_transformers import CrossEncoder as Theirs

    ours = CrossEncoder.load(str(folder)).score(TEXTS)
    np.testing.assert_allclose(ours, Theirs(str(folder)).predict(TEXTS), atol=1e-5)
    np.testing.assert_allclose(ours, trained.model_.predict(TEXTS), atol=1e-5)
    assert ours[1] > ours[0]
    about = json.loads((folder / "sememe.json").read_text(encoding="utf-8"))
    assert about["kind"] == "cross"
    assert about["parameters"]["epochs"] == 12
    assert set(about["files"]) >= {"model.safetensors", "training.csv", "training.png", "README.md"}
    assert f"{trained.report_.curve.after:.4f}" in (folder / "README.md").read_text("utf-8")
    with pytest.raises(InvalidInputError, match="Call fit first"):
        CrossTraining().save(tmp_path / "none")


def test_a_cross_encoder_can_be_trained_further_and_cut_shorter(folder, tmp_path):
    options = {**QUICK, "epochs": 1, "learning_rate": 1e-5}
    further = CrossTraining(str(folder), **options, max_tokens=20)
    further.fit(networks.scored(40, seed=3), evaluate=networks.scored(80, seed=2))
    assert further.report_.curve.before > 0.75
    shorter = CrossEncoder.load(str(further.save(tmp_path / "shorter")))
    assert shorter.window == 20
    texts = [*TEXTS, ("a ship " * 9, "the pan " * 4), ("a ship", "the pan and the oven " * 9)]
    assert shorter.find_truncated(texts) == [3, 4]
    np.testing.assert_allclose(shorter.score(texts), further.model_.predict(texts), atol=1e-5)


def test_pairs_get_negatives_and_triplets_have_them(base):
    rows, held = networks.pairs(120, 1), networks.pairs(60, 2)
    found = CrossTraining(base, **{**QUICK, "epochs": 2}, negatives=3).fit(rows, evaluate=held)
    assert found.report_.kind == "pairs"
    assert 400 < found.report_.n_examples <= 480
    assert any("random negatives for 120 pairs" in note for note in found.report_.notes)
    assert found.report_.curve.metric == "accuracy"
    assert found.report_.curve.losses[-1][1] < found.report_.curve.losses[0][1]
    triplets = [(a, b, c) for (a, b), (_, c) in zip(rows[:40], rows[40:80], strict=True)]
    found = CrossTraining(base, **{**QUICK, "epochs": 1}).fit(triplets, evaluate=triplets)
    assert found.report_.kind == "triplets"
    assert found.report_.n_examples == 80


def test_a_miner_finds_negatives_near_the_anchor(base):
    options = {**QUICK, "epochs": 1}
    found = CrossTraining(base, **options, negatives=2, miner=base).fit(networks.pairs(60, 1))
    assert any("hard negatives for 60 pairs" in note for note in found.report_.notes)
    assert found.report_.n_examples > 60


def test_the_same_seed_gives_the_same_weights_and_keeps_the_callers_random_state(base):
    torch.manual_seed(7)
    expected = torch.rand(1)
    options = {**QUICK, "epochs": 1}
    states = []
    for drawn in (3, 5):  # the caller's state has no say
        torch.manual_seed(drawn)
        found = CrossTraining(base, **options, seed=3).fit(networks.scored(40, 1))
        states.append(found.model_.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    torch.manual_seed(7)
    CrossTraining(base, **options).fit(networks.scored(40, 1))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"epochs": 0}, InvalidInputError, "epochs=0"),
        ({"negatives": 0}, InvalidInputError, "negatives=0"),
        ({"patience": 0}, InvalidInputError, "patience=0"),
        ({"base": "no such model"}, UnknownNameError, "no such model"),
        ({"base": "glove-6b-50d"}, InvalidInputError, "no network"),
        ({"max_tokens": 5000}, InvalidInputError, "max_tokens=5000"),
    ],
)
def test_refused_before_training(options, error, says, base):
    with pytest.raises(error, match=says):
        CrossTraining(**({"base": base} | options)).fit(networks.pairs(10, 1))


def test_data_that_say_nothing_of_two_texts_are_refused(base):
    labels = [{"text": f"{word} {i}", "label": word} for i in range(3) for word in ("a", "b")]
    for data, kind in ((labels, "labels"), (["one text", "another"], "texts")):
        with pytest.raises(InvalidInputError, match=f"kind '{kind}'"):
            CrossTraining(base).fit(data)
        with pytest.raises(InvalidInputError, match=f"data of evaluate has the kind '{kind}'"):
            CrossTraining(base).fit(networks.pairs(10, 1), evaluate=data)
    with pytest.raises(InvalidInputError, match="finds negatives for pairs"):
        CrossTraining(base, miner=base).fit(networks.scored(10, 1))
    with pytest.raises(InvalidInputError, match="none of the 2 pairs has a negative"):
        CrossTraining(base).fit([("a ship", "a sail"), ("a ship", "a deck")])


def test_a_base_of_several_labels_is_refused(base, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path)
    with pytest.raises(InvalidInputError, match="3 labels"):
        CrossTraining(str(tmp_path)).fit(networks.pairs(10, 1))


def test_killed_the_last_loss_is_the_same(base, tmp_path):
    names = ["sentence1", "sentence2", "score"]
    data = networks.write_tsv(tmp_path / "train.tsv", names, networks.scored(160, 1))
    held = networks.write_tsv(tmp_path / "held.tsv", names, networks.scored(60, 2))
    common = ["train", "cross", data, "-m", base, "--evaluate", held, "--epochs", 2]
    common += ["--batch-size", 16, "--evaluations", 4, "--patience", 0, "-o"]
    assert main([*map(str, common), str(tmp_path / "whole")]) == 0
    assert forked.killed_at(8, *common, tmp_path / "killed") == -9
    assert main([*map(str, common), str(tmp_path / "killed")]) == 0
    whole, killed = (networks.losses(tmp_path / name) for name in ("whole", "killed"))
    assert len(whole) == 20
    np.testing.assert_allclose(killed, whole, atol=1e-6)
    about = json.loads((tmp_path / "killed" / "sememe.json").read_text(encoding="utf-8"))
    assert about["curve"]["resumed_at"] == 5
    assert not (tmp_path / "killed.checkpoint").exists()


def test_command(base, tmp_path, capsys):
    rows = [*networks.scored(60, 1), ("", "empty", 1)]
    data = networks.write_tsv(tmp_path / "train.tsv", ["sentence1", "sentence2", "score"], rows)
    words = ["train", "cross", str(data), "-m", base, "-o", str(tmp_path / "out")]
    words += ["--epochs", "1", "--evaluate", str(data)]
    assert main([*words, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["curve"]["metric"] == "spearman"
    assert any("empty text" in note for note in done["notes"])
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    out = capsys.readouterr()
    assert "spearman held out" in out.out
    assert "sememe evaluate sts" in out.out
    assert main(["evaluate", "sts", str(tmp_path / "out"), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "sts"
