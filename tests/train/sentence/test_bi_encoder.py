"""Fine-tuning sentence encoders: meaning with a control, the saved folder, refusals, kills."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.train.sentence.bi_encoder import SentenceTraining, open_model
from sememe.train.sentence.losses import drop_out
from tests import forked
from tests.train import networks

pytestmark = pytest.mark.train

QUICK = {"epochs": 6, "batch_size": 16, "learning_rate": 2e-3, "evaluations": 3}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(networks.network(tmp_path_factory.mktemp("base") / "bert"))


@pytest.fixture(scope="module")
def trained(base):
    data = networks.scored(160, seed=1)
    return SentenceTraining(base, **QUICK).fit(data, evaluate=networks.scored(80, seed=2))


def test_it_learns_what_belongs_together(trained):
    curve = trained.report_.curve
    assert curve.metric == "spearman"
    assert curve.before < 0.5
    assert curve.after > 0.8
    assert trained.report_.n_examples == 160 - sum("left out" in n for n in trained.report_.notes)


def test_shuffled_scores_teach_nothing(base):
    data = networks.scored(160, seed=1)
    scores = np.random.default_rng(0).permutation([row[2] for row in data])
    data = [(a, b, s) for (a, b, _), s in zip(data, scores, strict=True)]
    found = SentenceTraining(base, **QUICK, patience=None).fit(data)
    from sememe.train.sentence.evaluator import score_examples
    from sememe.train.sentence.examples import read_examples

    def encode(texts):
        return found.model_.encode(texts, normalize_embeddings=True)

    held = read_examples(networks.scored(80, seed=2))
    assert score_examples(held, encode=encode)["spearman"] < 0.5


def test_the_saved_folder_opens_here_and_in_sentence_transformers(trained, tmp_path):
    from sentence_transformers import SentenceTransformer

    folder = trained.save(tmp_path / "mine")
    texts = ["the ship on the wave", "butter in the pan", "a"]
    theirs = SentenceTransformer(str(folder)).encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(sememe.load(str(folder)).encode(texts), theirs, atol=1e-5)
    about = json.loads((folder / "sememe.json").read_text(encoding="utf-8"))
    assert about["kind"] == "sentence"
    assert about["parameters"]["epochs"] == 6
    assert set(about["files"]) >= {"model.safetensors", "training.csv", "training.png", "README.md"}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{trained.report_.curve.after:.4f}" in card
    assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    trained.save(folder)  # in place of itself
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"notes\.txt"):
        trained.save(folder)
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("loss", "data", "held"),
    [
        ("multiple-negatives-ranking", networks.pairs(150, 1), networks.pairs(60, 2)),
        ("cosine", networks.scored(160, 1), networks.scored(80, 2)),
        (
            "triplet",
            [
                (a, b, c)
                for (a, b), (_, c) in zip(
                    networks.pairs(150, 1), networks.pairs(150, 3), strict=True
                )
            ],
            networks.pairs(60, 2),
        ),
    ],
)
def test_each_loss_makes_the_held_out_figure_better(loss, data, held, base):
    options = {**QUICK, "batch_size": 32, "epochs": 8}
    found = SentenceTraining(base, loss=loss, **options).fit(data, evaluate=held)
    assert found.report_.loss == loss
    assert found.report_.curve.after > found.report_.curve.before + 0.1


def test_labels(base):
    rng = np.random.default_rng(0)
    rows = [
        {"text": networks.sentence(words, rng), "label": name}
        for _ in range(60)
        for name, words in (("sea", networks.SEA), ("kitchen", networks.KITCHEN))
    ]
    found = SentenceTraining(base, **QUICK).fit(rows[:90], evaluate=rows[90:])
    assert found.report_.loss == "batch-all-triplet"
    assert found.report_.curve.after > 0.85


def test_simcse_runs_on_bare_texts(base):
    texts = [a for a, _ in networks.pairs(100, 1)]
    found = SentenceTraining(base, **{**QUICK, "epochs": 2}).fit(
        texts, evaluate=networks.pairs(60, 2)
    )
    assert found.report_.loss == "simcse"
    assert found.report_.curve.losses[-1][1] < found.report_.curve.losses[0][1]


def test_simcse_sees_two_views_of_a_network_that_was_trained_without_dropout(tmp_path):
    from transformers import AutoConfig, AutoModel

    base = networks.network(tmp_path / "base")
    config = AutoConfig.from_pretrained(base)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    AutoModel.from_pretrained(base, config=config).save_pretrained(base)
    model = open_model(str(base)).train()
    inputs = model.preprocess(["a ship and an oven"])

    def views():
        return [model(dict(inputs))["sentence_embedding"] for _ in range(2)]

    assert torch.equal(*views())
    drop_out(model)
    assert not torch.equal(*views())


def test_matryoshka_makes_the_first_dimensions_better(base):
    data, held = networks.scored(160, 1), networks.scored(80, 2)
    options = {**QUICK, "patience": None}
    wide = SentenceTraining(base, **options, dims=(4,)).fit(data, evaluate=held)
    assert set(wide.report_.dims) == {4}
    assert wide.report_.dims[4] > 0.7


def test_hard_negatives_become_triplets(base):
    found = SentenceTraining(base, **{**QUICK, "epochs": 1}, hard_negatives=2).fit(
        networks.pairs(60, 1)
    )
    assert found.report_.kind == "triplets"
    assert any("hard negatives for 60 pairs" in note for note in found.report_.notes)


def test_the_same_seed_gives_the_same_weights_and_keeps_the_callers_random_state(base):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    options = {**QUICK, "epochs": 1}
    first, second = (
        SentenceTraining(base, **options, seed=3).fit(networks.pairs(40, 1)) for _ in range(2)
    )
    assert torch.equal(torch.rand(1), expected)
    states = [found.model_.state_dict() for found in (first, second)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"epochs": 0}, InvalidInputError, "epochs=0"),
        ({"batch_size": 1}, InvalidInputError, "batch_size=1"),
        ({"loss": "cosent"}, UnknownNameError, "multiple-negatives-ranking"),
        ({"base": "no such model"}, UnknownNameError, "no such model"),
        ({"dims": (33,)}, InvalidInputError, "33"),
        ({"max_tokens": 5000}, InvalidInputError, "max_tokens=5000"),
        ({"temperature": 0}, InvalidInputError, "temperature=0"),
    ],
)
def test_refused_before_training(options, error, says, base):
    with pytest.raises(error, match=says):
        SentenceTraining(**({"base": base} | options)).fit(networks.pairs(10, 1))


def test_diverged_training_says_so_and_a_lower_rate_begins_anew(base, tmp_path, capsys):
    data = networks.write_tsv(tmp_path / "train.tsv", ["anchor", "positive"], networks.pairs(40, 1))
    words = ["train", "sentence", str(data), "-m", base, "-o", str(tmp_path / "out")]
    words += ["--warmup", "0", "--learning-rate"]
    assert main([*words, "1e30"]) == 1
    assert "lower learning rate" in capsys.readouterr().err
    assert main([*words, "1e-4"]) == 0


def test_killed_twice_the_last_loss_is_the_same(base, tmp_path):
    data = networks.write_tsv(tmp_path / "train.tsv", ["anchor", "positive"], networks.pairs(80, 1))
    held = networks.write_tsv(tmp_path / "held.tsv", ["anchor", "positive"], networks.pairs(60, 2))
    common = ["train", "sentence", data, "-m", base, "--evaluate", held, "--epochs", 4]
    common += ["--batch-size", 16, "--evaluations", 5, "--patience", 0, "-o"]
    assert main([*map(str, common), str(tmp_path / "whole")]) == 0
    for step in (6, 18):
        assert forked.killed_at(step, *common, tmp_path / "killed") == -9
    assert main([*map(str, common), str(tmp_path / "killed")]) == 0
    whole, killed = (networks.losses(tmp_path / name) for name in ("whole", "killed"))
    assert len(whole) == 20
    np.testing.assert_allclose(killed, whole, atol=1e-6)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "killed.checkpoint").exists()


def test_a_checkpoint_of_another_run_is_refused(base, tmp_path):
    options = {**QUICK, "epochs": 1}
    SentenceTraining(base, **options).fit(networks.pairs(40, 1), checkpoint=tmp_path / "state")
    with pytest.raises(InvalidInputError, match="another run: data differ"):
        SentenceTraining(base, **options).fit(networks.pairs(40, 2), checkpoint=tmp_path / "state")


def test_a_checkpoint_of_other_weights_of_the_same_name_is_refused(tmp_path):
    options = {**QUICK, "epochs": 1}
    data = networks.pairs(40, 1)
    for seed, error in ((0, None), (0, None), (1, "weights of the base differ")):
        base = str(networks.network(tmp_path / "base", seed=seed))
        training = SentenceTraining(base, **options)
        if error is None:
            training.fit(data, checkpoint=tmp_path / "state")
            continue
        with pytest.raises(InvalidInputError, match=error):
            training.fit(data, checkpoint=tmp_path / "state")


def test_what_learnt_nothing_does_not_stand_in_the_way(base, tmp_path):
    wrong = SentenceTraining(base, dims=(33,), epochs=1)
    with pytest.raises(InvalidInputError, match="33"):
        wrong.fit(networks.pairs(40, 1), checkpoint=tmp_path / "state")
    SentenceTraining(base, dims=(8,), epochs=1).fit(
        networks.pairs(40, 1), checkpoint=tmp_path / "state"
    )


def test_what_flatters_and_what_did_not_help_is_said(base):
    data = networks.pairs(40, 1)
    found = SentenceTraining(base, epochs=1, learning_rate=0.3, warmup=0)
    notes = found.fit(data, evaluate=data[:30]).report_.notes
    assert any("30 of 30 are trained on too" in note for note in notes)
    curve = found.report_.curve
    fell = curve.after < curve.before
    assert any("training did not help" in note for note in notes) == fell
    assert fell


def test_command(base, tmp_path, capsys):
    rows = [*networks.scored(60, 1), ("", "empty", 1), ("a ship", "a pan", "high")]
    data = networks.write_tsv(tmp_path / "train.tsv", ["sentence1", "sentence2", "score"], rows)
    words = ["train", "sentence", str(data), "-m", base, "-o", str(tmp_path / "out")]
    words += ["--epochs", "1", "--evaluate", str(data)]
    assert main([*words, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["curve"]["metric"] == "spearman"
    assert any("empty text" in note for note in done["notes"])
    assert any("no finite number as score" in note for note in done["notes"])
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    out = capsys.readouterr()
    assert "spearman held out" in out.out
    assert "note: 1 of 62 examples left out: empty text" in out.err
