"""The registry of families: one registration lets a new kind of model load, index and evaluate."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import sememe
from sememe.app.cli import main
from sememe.encoders.load import families
from sememe.encoders.load.by_name import load_encoders, load_pair, load_text
from sememe.encoders.load.families import FAMILIES, register, resolve
from sememe.encoders.load.family import Family
from sememe.evaluate.runners.similarity import ScoredPair, evaluate_sts
from sememe.index.encoders import list_names, load_all
from sememe.models.weights.catalog import CATALOG, ModelInfo
from tests.models.bert import checkpoints
from tests.models.clip import checkpoints as clip_checkpoints
from tests.models.cross_encoder import checkpoints as cross_checkpoints
from tests.models.wav2vec2 import checkpoints as speech_checkpoints
from tests.train.classify.image_encoders import quarters

TOY = '''
import numpy as np
from sememe.encoders.load.family import Family


class Letters:
    """An encoder of nobody's: how often each letter of the alphabet occurs."""

    dim, modality, space = 27, "text", "letters-of-a-to-z"

    def __init__(self, name):
        self.name = name

    def encode(self, items, *, batch_size=None, show_progress=False):
        rows = np.full((len(items), 27), 0.01, np.float32)
        for row, text in zip(rows, items):
            for letter in text.lower():
                row[ord(letter) - 97 if "a" <= letter <= "z" else 26] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


FAMILY = Family(
    name="letter counts",
    names="toy:ANYTHING",
    recognises=lambda model: model.name.source.startswith("toy:"),
    open=lambda request: [Letters(request.name)],
)
'''


@pytest.fixture
def toy(monkeypatch):
    """The family, registered for the time of a test."""
    monkeypatch.setattr(families, "_REGISTERED", [])
    scope = {}
    exec(TOY, scope)
    register(scope["FAMILY"])
    return "toy:letters"


def test_a_new_family_loads_indexes_and_evaluates(toy, tmp_path, folder, capsys):
    encoder = sememe.load(toy)
    assert (encoder.name, encoder.dim, encoder.modality) == (toy, 27, "text")
    assert [one.name for one in load_encoders(toy)] == [load_text(toy).name] == [toy]
    index = sememe.Index.create(tmp_path / "index", encoders=[toy])
    assert index.add(["zebra zoo", "a quiet river", "jazz"]).added == 3
    assert index.search("oozbraez", k=1, mode="semantic")[0].text == "zebra zoo"
    again = sememe.Index.open(tmp_path / "index")
    assert again.search("azzj", k=1, mode="semantic")[0].text == "jazz"
    pairs = [ScoredPair("abc", "cba", 5), ScoredPair("abc", "abz", 3), ScoredPair("abc", "xyz", 0)]
    assert evaluate_sts(encoder, pairs, resamples=20).metrics["spearman"] == pytest.approx(1)
    assert main(["index", str(folder), "--into", str(tmp_path / "cli"), "-m", toy]) == 0
    capsys.readouterr()
    assert (
        main(
            [
                "search",
                str(tmp_path / "cli"),
                "airliner across the ocean",
                "--mode",
                "semantic",
                "--json",
            ]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["hits"][0]["source"].endswith("plane.txt")


def test_without_registration_the_name_is_unknown():
    with pytest.raises(sememe.UnknownNameError, match=r"model='toy:letters' is not one of"):
        sememe.load("toy:letters")


def test_an_installed_package_brings_a_family(tmp_path, folder):
    """By an entry point alone: nothing is imported or called for it."""
    (tmp_path / "toy_letters.py").write_text(TOY)
    info = tmp_path / "toy_letters-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-letters\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sememe.families]\nletters = toy_letters:FAMILY\n")
    paths = [str(tmp_path), *sys.path]
    done = subprocess.run(
        [sys.executable, "-m", "sememe", "similar", "abc", "cba", "-m", "toy:x", "--json"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["similarity"][0][1] == pytest.approx(1, abs=1e-3)


def test_the_documentation_of_load_lists_every_family():
    text = " ".join(inspect.getdoc(sememe.load).split())
    for family in (*FAMILIES, families._LAST):
        assert f"- {family.name}: {family.names}" in text
    assert text.count(" - ") == len(FAMILIES) + 1


def test_every_model_of_the_catalogue_has_a_family():
    for name, info in CATALOG.items():
        assert resolve(name).modalities == (info.modality,)
        assert resolve(name).names == (name,)


def test_nothing_is_loaded_to_resolve_a_name(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("weights were read")

    clip = str(clip_checkpoints.write(tmp_path / "clip"))
    for method in ("read", "check_path", "require"):
        monkeypatch.setattr(ModelInfo, method, refuse)
    for target in ("read_tensors", "read_weights"):
        monkeypatch.setattr(f"sememe.models.weights.checkpoint.{target}", refuse)
    monkeypatch.chdir(tmp_path)
    assert resolve("clip").names == (f"{clip}:text", f"{clip}:image")
    assert resolve("clip:image").names == (f"{clip}:image",)
    assert resolve("efficientnet-lite0:conse:clip:text").names == (
        f"efficientnet-lite0:conse:{clip}:text",
    )
    assert resolve("all-minilm-l6-v2:int8").modalities == ("text",)


@pytest.mark.parametrize(
    ("write", "suffix", "message"),
    [
        (checkpoints.write, ":image", r"is no CLIP model or joint space, which ':image'"),
        (checkpoints.write, ":layer2", r"is no speech network, which ':layer2' after its name"),
        (speech_checkpoints.write, ":int8", r"is no sentence encoder.*'speech network'"),
        (clip_checkpoints.write, ":audio", r"is no CLAP model.*'CLIP model'. Leave :audio out"),
        (clip_checkpoints.write, ":int8", r"is no sentence encoder.*'CLIP model'"),
        (clip_checkpoints.write, "", r"has two encoders, for texts and images.*:text'\) or"),
        (cross_checkpoints.write, "", r"is a cross-encoder: it scores pairs.*CrossEncoder.load"),
        (checkpoints.write, ":conse", r"encodes text; ':conse.*' needs a network that names"),
    ],
)
def test_names_that_a_model_has_nothing_for(write, suffix, message, tmp_path):
    place = write(tmp_path / "model")
    with pytest.raises(sememe.InvalidInputError, match=message):
        sememe.load(f"{place}{suffix}")


def test_one_of_another_modality_is_refused_where_texts_are_read(tmp_path):
    for name, what in (
        ("efficientnet-lite0", "images"),
        ("efficientnet-lite0:conse", "images"),
        ("mel-statistics", "audio"),
        (str(speech_checkpoints.write(tmp_path / "speech")), "audio"),
        (str(quarters(tmp_path / "image")), "images"),
    ):
        with pytest.raises(sememe.InvalidInputError, match=f"encodes {what}; give .* for text"):
            load_text(name)


def test_a_pair_shares_a_space(tmp_path):
    for name in ("efficientnet-lite0:conse", str(clip_checkpoints.write(tmp_path / "clip"))):
        images, texts = load_pair(name)
        assert (images.modality, texts.modality) == ("image", "text")
        assert images.space == texts.space
    for name in ("efficientnet-lite0", "use-multilingual-v3", "mel-statistics"):
        with pytest.raises(sememe.InvalidInputError, match="shares its space with no other"):
            load_pair(name)


def test_an_encoder_in_memory_is_not_loaded_again(encoder):
    (images,) = load_encoders("efficientnet-lite0:conse", loaded=[encoder])
    assert images.text_encoder is encoder
    (other,) = load_encoders("efficientnet-lite0:conse:all-minilm-l6-v2", loaded=[encoder])
    assert other.text_encoder is not encoder
    np.testing.assert_equal(other.space, sememe.load("all-minilm-l6-v2").space)


def test_a_family_cannot_take_the_models_of_others(monkeypatch, encoder, tmp_path):
    greedy = Family("greedy", "", lambda model: True, lambda request: [encoder])
    monkeypatch.setattr(families, "_REGISTERED", [greedy])
    for name in (*CATALOG, str(checkpoints.write(tmp_path / "sentence"))):
        assert resolve(name).family is not greedy
    assert resolve("nowhere").family is greedy


@pytest.mark.parametrize(
    "names",
    [
        [
            "use-multilingual-v3",
            "efficientnet-lite0:conse",
            "efficientnet-lite0",
            "image-structure",
        ],
        ["efficientnet-lite0:conse:all-minilm-l6-v2"],
        ["mel-statistics"],
        ["clip", "efficientnet-lite0"],
        [],
    ],
)
def test_the_names_of_an_index_are_those_of_its_encoders(names, tmp_path, monkeypatch):
    clip_checkpoints.write(tmp_path / "clip")
    monkeypatch.chdir(tmp_path)
    assert list_names(names) == [encoder.name for encoder in load_all(names)]
