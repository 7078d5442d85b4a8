"""Classifiers on an encoder: meaning with a control, what is reported, folders, the command."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from sememe import CorruptFileError, InvalidInputError, SpaceMismatchError, UnknownNameError
from sememe.app.cli import main
from sememe.encoders.image.test_time_augmentation import encode_augmented
from sememe.train.classify.image import ImageClassifier
from tests.train.classify.image_encoders import COLOURS, coloured, quarters


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(quarters(tmp_path_factory.mktemp("encoder") / "quarters"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    place = tmp_path_factory.mktemp("pictures")
    return coloured(place / "train", 12), coloured(place / "test", 6, seed=1)


@pytest.mark.parametrize("method", ["probe", "kernel", "knn"])
def test_it_learns_and_its_control_does_not(method, encoder, pictures, tmp_path):
    train, test = pictures
    found = ImageClassifier(encoder, method=method, views=2).fit(train, evaluate=test)
    report = found.report_
    assert (report.accuracy, report.n_held) == (1.0, 18)
    assert report.control < 0.7
    assert report.n_train == dict.fromkeys(sorted(COLOURS), 12)
    items = [test / name / "000.png" for name in COLOURS]
    assert found.predict(items) == list(COLOURS)
    again = ImageClassifier.load(found.save(tmp_path / "mine"))
    np.testing.assert_array_equal(again.probabilities(items), found.probabilities(items))
    assert again.labels == found.labels == tuple(sorted(COLOURS))


def test_without_more_pictures_a_fifth_is_held_out(encoder, pictures):
    report = ImageClassifier(encoder, views=1).fit(pictures[0]).report_
    assert sum(report.n_train.values()) == 36  # what is saved has learnt from all
    assert 6 <= report.n_held <= 9
    assert any("fifth" in note for note in report.notes)


def test_what_was_left_out_is_told(encoder, pictures, tmp_path):
    train, test = (shutil.copytree(path, tmp_path / path.name) for path in pictures)
    (train / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (train / "red" / "notes.txt").write_text("x")
    shutil.copy(train / "red" / "000.png", train / "red" / "copy.png")
    shutil.copy(train / "red" / "001.png", train / "blue" / "torn.png")
    shutil.copy(train / "green" / "000.png", test / "green" / "seen.png")
    coloured(train, 1, names=("red",))
    Image.new("RGB", (9, 9), (250, 250, 0)).save(_made(train / "yellow") / "1.png")
    Image.new("RGB", (9, 9), (0, 0, 0)).save(_made(test / "black") / "1.png")
    report = ImageClassifier(encoder, views=1).fit(train, evaluate=test).report_
    notes = "\n".join(report.notes)
    assert "1 exact copies" in notes
    assert "1 images are in several classes" in notes
    assert "fewer than 5 images to learn from: yellow (1)" in notes
    assert "1 of 20 are learnt from too" in notes
    sources = {one.source.rpartition("/")[2]: one.reason for one in report.skipped}
    assert {"broken.jpg", "notes.txt", "1.png"} == set(sources)
    assert sources["1.png"] == "its class black is not learnt"


def _made(folder):
    folder.mkdir(parents=True)
    return folder


def test_confused_classes_are_named(encoder, pictures, tmp_path):
    """Red pictures in the folder of blue ones are told to be red: 4 of the 10 there."""
    train, _ = pictures
    test = coloured(tmp_path / "test", 6, seed=1)
    for i in range(4):
        shutil.copy(train / "red" / f"{i:03}.png", test / "blue" / f"red{i}.png")
    report = ImageClassifier(encoder, views=1).fit(train, evaluate=test).report_
    (worst,) = report.confused
    assert (worst.label, worst.told, worst.count, worst.of) == ("blue", "red", 4, 10)
    assert report.per_class == {"blue": 0.6, "green": 1.0, "red": 1.0}
    assert report.accuracy == pytest.approx(18 / 22)


def test_few_shots_are_drawn_and_reported(encoder, pictures):
    train, test = pictures
    few = ImageClassifier(encoder, shots=2, draws=4, views=1).fit(train, evaluate=test).report_
    assert few.few_shot is not None
    assert (few.few_shot.shots, len(few.few_shot.accuracies)) == (2, 4)
    assert few.few_shot.mean > 0.9 > few.few_shot.control
    assert set(few.n_train.values()) == {2}


def test_views_are_what_they_say(encoder):
    """By hand: of a picture with a red left half, the mirrored view has the right half red."""
    import sememe

    left = np.zeros((8, 8, 3), np.uint8)
    left[:, :4, 0] = 255
    one, two = (encode_augmented(sememe.load(encoder), [left], views=n)[0][0] for n in (1, 2))
    np.testing.assert_allclose(one[:4], [0.5**0.5, 0, 0.5**0.5, 0], atol=1e-6)
    np.testing.assert_allclose(two[:4], [0.5, 0.5, 0.5, 0.5], atol=1e-6)
    rows, reasons = encode_augmented(sememe.load(encoder), [b"no picture", left], views=4)
    assert np.isnan(rows[0]).all() and list(reasons) == [0]
    np.testing.assert_allclose(np.linalg.norm(rows[1]), 1, atol=1e-6)


def test_another_space_is_refused(encoder, pictures, tmp_path):
    place = shutil.copytree(encoder, tmp_path / "encoder")
    saved = ImageClassifier(str(place), views=1).fit(pictures[0]).save(tmp_path / "mine")
    shutil.rmtree(place)
    quarters(place, gain=2.0)
    with pytest.raises(SpaceMismatchError, match="train it again"):
        ImageClassifier.load(saved)


def test_damaged_folders_are_told(encoder, pictures, tmp_path):
    saved = ImageClassifier(encoder, views=1).fit(pictures[0]).save(tmp_path / "mine")
    (saved / "weights.npz").write_bytes(b"PK")
    with pytest.raises(CorruptFileError, match="does not match its hash"):
        ImageClassifier.load(saved)
    (saved / "weights.npz").unlink()
    with pytest.raises(CorruptFileError, match="lacks weights"):
        ImageClassifier.load(saved)
    with pytest.raises(InvalidInputError, match="names no classes"):
        ImageClassifier.load(encoder)


def test_what_cannot_be_learnt_is_refused_before_any_work(encoder, pictures, tmp_path):
    train, _ = pictures
    alone = coloured(tmp_path / "alone", 3, names=("red",))
    for wrong, data, said in (
        ({}, alone, "one class, red"),
        ({"views": 3}, train, "views=3"),
        ({"shots": 0}, train, "shots=0"),
        ({"shots": 99}, train, "or fewer"),
        ({"base": "use-multilingual-v3"}, train, "encodes text"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            ImageClassifier(**({"base": encoder} | wrong)).fit(data)
    with pytest.raises(UnknownNameError, match="finetune"):
        ImageClassifier(encoder, method="finetuning").fit(train)
    with pytest.raises(InvalidInputError, match="Call fit"):
        ImageClassifier(encoder).predict([])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(InvalidInputError, match=r"thesis\.txt"):
        ImageClassifier(encoder, views=1).fit(train).save(tmp_path / "mine")


def test_the_command_reports_and_saves(encoder, pictures, tmp_path, capsys):
    train, test = map(str, pictures)
    mine = str(tmp_path / "mine")
    words = ["train", "classifier", train, "-o", mine, "-m", encoder, "--evaluate", test]
    assert main([*words, "--views", "1"]) == 0
    said = capsys.readouterr().out
    assert "accuracy on 18 held out: 1.0000" in said
    assert "shuffled labels" in said and "sememe classify IMAGE" in said
    assert main([*words, "--views", "1"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--views", "1", "--overwrite", "--shots", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["few_shot"]["shots"] == 2 and document["accuracy"] > 0.9
