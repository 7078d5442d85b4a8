"""Fine-tuning for classes of sounds: learns, its control does not, runs without torch, goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.app.cli import main
from sememe.encoders.classify.speech_classifier import load_speech_classifier
from sememe.models.weights.folder import ModelFolder, ModelKind
from sememe.train.classify.audio import AudioClassifier
from tests.train.data.syllables import RATE, syllables, write
from tests.train.speech.tones import base

pytestmark = pytest.mark.train

CLASSES = ("one", "two", "three", "four")
QUICK = {"method": "finetune", "epochs": 30, "batch_size": 8, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("made")
    base(place / "base")
    sounds, held = syllables(64, seed=0), syllables(24, seed=1)
    labels = [CLASSES[i % 4] for i in range(64)]
    recipe = AudioClassifier(str(place / "base"), **QUICK, seconds=1.0)
    found = recipe.fit((sounds, labels), evaluate=(held, labels[:24]))
    return place, found, held


def test_it_learns_what_a_network_can_and_saves_it(made, tmp_path):
    _, found, held = made
    report = found.report_
    assert report.accuracy > 0.8
    assert report.control < 0.6
    assert report.curve.metrics[0][1] < 0.6  # before training
    assert report.n_train == dict.fromkeys(sorted(CLASSES), 16)
    saved = found.save(tmp_path / "mine")
    assert ModelFolder.open(saved).holds(ModelKind.SPEECH_CLASSIFIER)
    again = AudioClassifier.load(saved)
    assert (again.method, again.labels) == ("finetune", tuple(sorted(CLASSES)))
    np.testing.assert_allclose(again.probabilities(held), found.probabilities(held), atol=1e-6)
    told = again.predict(held)
    assert np.mean([a == CLASSES[i % 4] for i, a in enumerate(told)]) == report.accuracy


def test_it_is_transformers_own_network(made, tmp_path):
    import torch
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    _, found, held = made
    saved = found.save(tmp_path / "mine")
    model = AutoModelForAudioClassification.from_pretrained(saved).eval()
    extract = AutoFeatureExtractor.from_pretrained(saved)
    assert [model.config.id2label[i] for i in range(4)] == sorted(CLASSES)
    ours = load_speech_classifier(saved).probabilities(held[:6])
    for row, (samples, rate) in zip(ours, held, strict=False):
        inputs = extract(samples, sampling_rate=rate, return_tensors="pt")
        with torch.no_grad():
            theirs = model(inputs["input_values"]).logits.softmax(-1)[0].numpy()
        np.testing.assert_allclose(row, theirs, atol=1e-4)


def test_the_command_trains_classifies_and_goes_on(made, tmp_path, capsys):
    place, _, _ = made
    sounds = syllables(24, seed=2)
    names = [f"{CLASSES[i % 4]}/{i:02}.wav" for i in range(24)]
    write(tmp_path / "data", sounds, names)
    (tmp_path / "data" / "one" / "broken.wav").write_bytes(b"RIFF")
    arguments = ["train", "audio-classifier", str(tmp_path / "data"), "-o", str(tmp_path / "mine")]
    arguments += ["-m", str(place / "base"), "--method", "finetune", "--epochs", "1", "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["source"].endswith("broken.wav") for one in report["skipped"]] == [True]
    assert (
        main(["classify", str(tmp_path / "data" / names[0]), "-m", report["path"], "--json"]) == 0
    )
    (told,) = json.loads(capsys.readouterr().out)
    assert {one["label"] for one in told["guesses"]} < set(CLASSES)
    assert (
        main([*arguments[:4], str(tmp_path / "other"), "-m", "mel-statistics", *arguments[7:]]) == 2
    )
    assert "is no folder" in capsys.readouterr().err


def test_a_run_that_was_stopped_comes_out_the_same(made, tmp_path, monkeypatch):
    from sememe.train.classify.objective import ClassifierObjective

    place, _, _ = made
    sounds, labels = syllables(16, seed=3), [CLASSES[i % 4] for i in range(16)]
    options = {**QUICK, "epochs": 3, "evaluations": 3, "batch_size": 4}

    def run(folder):
        recipe = AudioClassifier(str(place / "base"), **options)
        return recipe.fit((sounds, labels), checkpoint=folder)

    whole = run(tmp_path / "whole").probabilities(sounds)
    loss = ClassifierObjective.loss

    def stopped(self, batch, step):
        if step == 5:
            raise KeyboardInterrupt
        return loss(self, batch, step)

    monkeypatch.setattr(ClassifierObjective, "loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "part")
    monkeypatch.setattr(ClassifierObjective, "loss", loss)
    found = run(tmp_path / "part")
    assert found.report_.curve.resumed_at > 0
    np.testing.assert_array_equal(found.probabilities(sounds), whole)


def test_what_cannot_be_trained_is_refused(made):
    place, _, _ = made
    silent = [(np.zeros(RATE, np.float32), RATE)] * 2
    good = syllables(8, seed=0)
    recipe = AudioClassifier(str(place / "base"), **QUICK)
    with pytest.raises(InvalidInputError, match="a class has no recording that can be read"):
        recipe.fit(([*good, *silent], ["a"] * 8 + ["b", "b"]))
    with pytest.raises(InvalidInputError, match="seconds=0"):
        AudioClassifier(str(place / "base"), **QUICK, seconds=0).fit((good, ["a", "b"] * 4))
