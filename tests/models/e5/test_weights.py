"""The network of a file in 4-bit blocks: against the plain one, and the folder written from it."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sememe
from sememe.models.bert.engine import SentenceEngine
from sememe.models.e5.file import PackedFile
from sememe.models.e5.folder import write_folder
from sememe.models.e5.weights import read_packed_weights
from sememe.models.weights.safetensors import read_tensors
from tests.models.bert import checkpoints
from tests.models.e5 import packed_file

IDS = [[0, 5, 9, 2], [0, 2], [0, *range(4, 18), 2], [7], [0, 39, 39, 2]]
PROMPTS = {"query": "query: ", "document": "passage: "}


@pytest.fixture
def file(tmp_path):
    packed_file.write(tmp_path / "small.bin")
    return PackedFile(tmp_path / "small.bin")


def test_states_are_those_of_the_plain_network(file, tmp_path):
    """The plain network reads the tensors from the folder, so their names are tested, too."""
    write_folder(tmp_path, file, prompts=PROMPTS)
    config = json.loads((tmp_path / "config.json").read_text())
    found = read_tensors(tmp_path / "model.safetensors")
    engine = SentenceEngine(read_packed_weights(file), threads=1)
    for layer in (0, 1, 2):
        for ids, got in zip(IDS, engine.states(IDS, layers=[layer]), strict=True):
            plain = checkpoints.plainly("bert", found, config, ids)[layer]
            np.testing.assert_allclose(got, plain, atol=2e-5)


def test_layers_are_unpacked_when_asked_for_and_not_kept(file):
    layers = read_packed_weights(file).layers
    assert len(layers) == 2 and layers[0] is not layers[0]
    np.testing.assert_array_equal(layers[-1].qkv, layers[1:][0].qkv)
    assert (layers[0].qkv != layers[1].qkv).any()
    with pytest.raises(IndexError):
        layers[2]


def test_the_folder_loads_as_the_same_encoder(file, tmp_path):
    write_folder(tmp_path, file, prompts=PROMPTS)
    encoder = sememe.load(str(tmp_path))
    vectors = SentenceEngine(read_packed_weights(file), threads=1)
    ids = encoder.tokenizer.encode_marked(["cats", "a dog"])
    assert ids[0][0] == 0 and ids[0][-1] == 2
    np.testing.assert_allclose(encoder.encode(["cats", "a dog"]), vectors.forward(ids), atol=1e-5)
    prompts = [one.tokenizer._prompt for one in (encoder, encoder.documents)]
    assert prompts == ["query: ", "passage: "]
