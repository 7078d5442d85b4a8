"""Fingerprints of spaces: stored in users' indexes, so they must never change."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe.encoders.audio.transcriber import Transcriber
from sememe.encoders.space import fingerprint_space
from tests.models.bert import checkpoints
from tests.models.clap import checkpoints as clap_checkpoints
from tests.models.clip import checkpoints as clip_checkpoints
from tests.models.static import folders as static_folders
from tests.models.wav2vec2 import checkpoints as speech_checkpoints
from tests.train.classify.image_encoders import quarters

CATALOGUE = {
    "use-multilingual-v3": "73b742de2faa98a6",
    "efficientnet-lite0": "5c9cc4aa9edc0281",
    "efficientnet-lite0:conse": "73b742de2faa98a6",
    "image-structure": "59cafd276d8e2210",
    "mel-statistics": "cf4ad016e932b681",
    "everyday-sounds:conse": "73b742de2faa98a6",
    "glove-6b-50d": "74fbcce6a398cc7e",
    "glove-6b-50d:mean": "44dc908626fd78cf",
    "all-minilm-l6-v2": "64c825def5385598",
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_spaces_of_the_catalogue(name):
    assert sememe.load(name).space == CATALOGUE[name]


def write_words(folder):
    rows = np.arange(6, dtype=np.float32).reshape(3, 2) + 1
    return sememe.KeyedVectors(["a", "b", "c"], rows).save(folder)


FOLDERS = [  # writer, suffix, fingerprint
    (checkpoints.write, "", "d7ffa49fad74800b"),
    (clip_checkpoints.write, ":text", "58045fc72391a411"),
    (clip_checkpoints.write, ":image", "58045fc72391a411"),
    (lambda folder: clip_checkpoints.write(folder, "open_clip"), ":text", "b509b4a7367dfd25"),
    (clap_checkpoints.write, ":audio", "92bf78b3fc90346b"),
    (clap_checkpoints.write, ":text", "92bf78b3fc90346b"),
    (speech_checkpoints.write, "", "deaa34a69976dfc6"),
    (speech_checkpoints.write, ":layer1", "5f700dd66158d940"),
    (static_folders.write, "", "f3a15e3982482cef"),
    (write_words, "", "3d30312b4ff63a02"),
    (write_words, ":mean", "f7e4aa5336cd43cc"),
    (quarters, "", "77d1793c816f1607"),
]


@pytest.mark.parametrize(("write", "suffix", "space"), FOLDERS)
def test_the_spaces_of_folders(write, suffix, space, tmp_path):
    folder = write(tmp_path / "model")
    encoder = sememe.load(f"{folder}{suffix}")
    assert (encoder.space, encoder.name) == (space, f"{folder}{suffix}")


def test_a_recogniser_and_its_letters(tmp_path):
    folder = speech_checkpoints.write_tones(tmp_path / "speech")
    assert Transcriber.load(folder).fingerprint == "8975aa526509d9e4"


def test_every_fact_counts():
    facts = {"v": 1, "files": "a", "normalize": True}
    others = [facts | {"v": 2}, facts | {"files": "b"}, facts | {"more": None}]
    assert len({fingerprint_space(**one) for one in [facts, *others]}) == 4
    assert fingerprint_space(normalize=True, files="a", v=1) == fingerprint_space(**facts)
