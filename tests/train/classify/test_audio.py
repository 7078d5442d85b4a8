"""Classifiers of sounds: meaning with a control, groups held out whole, folders, the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.app.cli import main
from sememe.encoders.classify.probe_classifier import load_probe_classifier
from sememe.train.classify.audio import AudioClassifier
from sememe.train.classify.image import ImageClassifier
from tests.made_sounds import KINDS, RATE, folder_of_sounds, make, tone, written


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    place = tmp_path_factory.mktemp("sounds")
    return folder_of_sounds(place / "train", 10), folder_of_sounds(place / "test", 5, seed=1)


@pytest.mark.parametrize("method", ["probe", "kernel", "knn"])
def test_it_learns_and_its_control_does_not(method, sounds, tmp_path):
    train, test = sounds
    found = AudioClassifier(method=method).fit(train, evaluate=test)
    report = found.report_
    assert (report.accuracy, report.n_held) == (1.0, 15)
    assert report.control < 0.8
    assert report.n_train == dict.fromkeys(KINDS, 10)
    items = [test / kind / "0_00.wav" for kind in KINDS]
    assert found.predict(items) == list(KINDS)
    again = AudioClassifier.load(found.save(tmp_path / "mine"))
    np.testing.assert_array_equal(again.probabilities(items), found.probabilities(items))
    assert again.labels == found.labels == KINDS
    with pytest.raises(CorruptFileError, match="item 1"):
        again.predict([items[0], b"no sound"])


def test_samples_are_learnt_from_as_files_are():
    rng = np.random.default_rng(0)
    items = [(make(kind, rng).astype(np.float32), RATE) for kind in KINDS * 6]
    found = AudioClassifier().fit((items, KINDS * 6))
    assert found.predict([(make("tone", rng).astype(np.float32), RATE)]) == ["tone"]


def test_groups_are_held_out_whole(tmp_path):
    """Of three speakers with eight recordings each one is held out, not a fifth of each word."""
    rng = np.random.default_rng(0)
    for speaker in "abc":
        for i in range(8):
            word = "no" if i % 2 else "yes"
            written(tmp_path / f"{word}_{speaker}_{i}.wav", tone(rng.uniform(300, 900)))
    options = {"label_pattern": "^[^_]+", "method": "knn"}
    shared = AudioClassifier(**options).fit(tmp_path).report_
    apart = AudioClassifier(**options, group_pattern="_(.)_").fit(tmp_path).report_
    assert (shared.n_held, apart.n_held) == (6, 8)
    assert any("fifth of the groups" in note for note in apart.notes)
    assert sum(shared.n_train.values()) == sum(apart.n_train.values()) == 24


def test_folders_of_pictures_and_of_sounds_are_told_apart(sounds, tmp_path):
    saved = AudioClassifier(method="knn").fit(sounds[0]).save(tmp_path / "mine")
    assert json.loads((saved / "sememe.json").read_text())["kind"] == "audio-classifier"
    assert load_probe_classifier(saved).modality == "audio"
    with pytest.raises(InvalidInputError, match="not 'image-classifier'"):
        ImageClassifier.load(saved)
    with pytest.raises(InvalidInputError, match="allowed: audio"):
        AudioClassifier("efficientnet-lite0").fit(sounds[0])
    with pytest.raises(InvalidInputError, match="a folder of recordings for each"):
        AudioClassifier().fit(([b"x"], ["one"]))


def test_the_command_reports_and_classify_takes_it(sounds, tmp_path, capsys):
    train, test = map(str, sounds)
    mine = str(tmp_path / "mine")
    assert main(["train", "audio-classifier", train, "-o", mine, "--evaluate", test]) == 0
    out = capsys.readouterr().out
    assert "30 audio files of 3 classes" in out and "accuracy on 15 held out: 1.0" in out
    (sounds[1] / "tone" / "broken.wav").write_bytes(b"RIFF")
    assert main(["classify", f"{test}/tone", "-m", mine, "-k", "1", "--json"]) == 0
    done = capsys.readouterr()
    (sounds[1] / "tone" / "broken.wav").unlink()
    told = json.loads(done.out)
    assert [row["guesses"][0]["label"] for row in told] == ["tone"] * 5
    assert "skipped" in done.err and "broken.wav" in done.err
    assert main(["train", "audio-classifier", train, "-o", mine, "--seconds", "2"]) == 2
    assert "--seconds is for --method finetune" in capsys.readouterr().err
    few = ["train", "audio-classifier", train, "-o", f"{mine}2", "--shots", "2", "--json"]
    assert main(few) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["few_shot"]["accuracies"]) == 5
    assert report["few_shot"]["mean"] > 0.8 > report["few_shot"]["control"]
