"""The engine of static encoders, and the folders it is read from and written to."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import CorruptFileError, InvalidInputError
from sememe.models.static.engine import StaticEngine
from sememe.models.static.folder import (
    read_static_folder,
    write_static_files,
)
from sememe.models.weights.folder import ModelFolder, ModelKind
from tests.models.bert import checkpoints
from tests.models.static import folders as static_folders


def test_a_text_by_hand():
    """(3, 0) + (0, 4) = (3, 4), whose length is 5; (3, 0) twice is (6, 0), or (1, 0)."""
    engine = StaticEngine(np.array([[0, 0], [3, 0], [0, 4]], np.float32))
    found = engine.forward([[1, 2, 0], [1, 1], [], [0]])
    np.testing.assert_allclose(found, [[0.6, 0.8], [1, 0], [0, 0], [0, 0]], atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 49), max_size=9), max_size=12), st.integers(0, 9))
def test_sums_are_those_of_a_plain_loop(ids, seed):
    rows = np.random.default_rng(seed).normal(size=(50, 7)).astype(np.float32)
    expected = np.array([rows[own].sum(axis=0, dtype=np.float64) for own in ids]).reshape(-1, 7)
    np.testing.assert_allclose(StaticEngine(rows).sums(ids), expected, atol=1e-5)


@pytest.mark.parametrize("length", [4095, 4096, 4097, 10_000])
def test_a_text_longer_than_a_block_is_summed_whole(length):
    rows = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    ids = np.random.default_rng(2).integers(50, size=(2, length))
    expected = rows[ids].sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(StaticEngine(rows).sums(ids.tolist()), expected, atol=1e-2)


def test_the_folder_is_what_model2vec_opens(tmp_path):
    """Facts of model2vec 0.10: StaticModel.from_pretrained takes the tensor "embeddings" from
    model.safetensors, one row for each token of tokenizer.json, and of config.json `normalize`
    (False if it is missing) and `max_length` (512 if it is missing; null cuts nothing off)."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    rows = static_folders.rows()
    facts = {"teacher": {"name": "T"}, "parameters": {"dim": 6}}
    write_static_files(tmp_path, rows, static_folders.tokenizer().to_str(), facts)
    assert {path.name for path in tmp_path.iterdir()} == {
        "config.json", "model.safetensors", "modules.json", "sememe.json", "tokenizer.json"
    }  # fmt: skip
    found = load_file(tmp_path / "model.safetensors")
    assert list(found) == ["embeddings"]
    np.testing.assert_array_equal(found["embeddings"], rows)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == len(rows)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "model2vec"
    assert (config["normalize"], config["max_length"]) == (True, None)
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert [step["type"].split(".")[-1] for step in modules] == ["StaticEmbedding", "Normalize"]
    about = json.loads((tmp_path / "sememe.json").read_text())
    assert (about["kind"], about["tokens"], about["dim"]) == ("static", 18, 6)
    assert about["teacher"] == {"name": "T"}
    assert set(about["files"]) == {path.name for path in tmp_path.iterdir()} - {"sememe.json"}
    np.testing.assert_array_equal(read_static_folder(tmp_path).rows, rows)


def test_tokens_that_share_rows(tmp_path):
    """The token i has weights[i] * embeddings[mapping[i]]."""
    mapping = np.arange(18) % 2
    weights = np.arange(18, dtype=np.float64)
    table = np.array([[1, 2], [3, 5]], np.float16)
    static_folders.write(tmp_path, embeddings=table, mapping=mapping, weights=weights)
    found = read_static_folder(tmp_path).rows
    np.testing.assert_array_equal(found[[2, 3]], [[2, 4], [9, 15]])
    assert found.dtype == np.float32


def test_the_module_may_lie_in_a_folder_of_its_own(tmp_path):
    found = read_static_folder(static_folders.write_nested(tmp_path / "m"))
    np.testing.assert_array_equal(found.rows, static_folders.rows())
    assert found.tokenizer.parent.name == "0_StaticEmbedding"


def is_static_folder(path):
    return ModelFolder.open(path).kind is ModelKind.STATIC


def test_other_folders_are_told_apart(tmp_path):
    assert not is_static_folder(tmp_path)
    assert not is_static_folder(checkpoints.write(tmp_path / "bert"))
    assert not is_static_folder(checkpoints.write(tmp_path / "b2", pooling={"pooling_mode": "cls"}))
    (tmp_path / "modules.json").write_text("[{}]")
    assert not is_static_folder(tmp_path)
    with pytest.raises(InvalidInputError, match="sememe distil"):
        read_static_folder(tmp_path)


def test_the_digest_follows_every_byte(tmp_path):
    one = read_static_folder(static_folders.write(tmp_path / "1"))
    assert read_static_folder(static_folders.write(tmp_path / "2")).digest == one.digest
    other = static_folders.write(tmp_path / "3", embeddings=static_folders.rows(seed=1))
    assert read_static_folder(other).digest != one.digest
    changed = static_folders.write(tmp_path / "4") / "tokenizer.json"
    changed.write_text(changed.read_text() + " ")
    assert read_static_folder(tmp_path / "4").digest != one.digest


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"embeddings": np.zeros(4, np.float32)}, r"holds embeddings \(4,\)"),
        ({"mapping": np.array([0, 99])}, "do not fit"),
        ({"mapping": np.array([0, -1])}, "do not fit"),
        ({"mapping": np.array([0.5, 1])}, "do not fit"),
        ({"weights": np.zeros(3, np.float32)}, "do not fit"),
        ({"embeddings": np.full((18, 2), np.nan, np.float32)}, "NaN"),
    ],
)
def test_damaged_tensors(tensors, says, tmp_path):
    with pytest.raises(CorruptFileError, match=says):
        read_static_folder(static_folders.write(tmp_path, **tensors))


def test_what_is_missing(tmp_path):
    folder = static_folders.write(tmp_path)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CorruptFileError, match=r"lacks tokenizer\.json"):
        read_static_folder(folder)
    static_folders.write(tmp_path)
    (folder / "model.safetensors").write_bytes(b"\x08")
    with pytest.raises(CorruptFileError, match="damaged"):
        read_static_folder(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InvalidInputError, match=r"no model\.safetensors"):
        read_static_folder(folder)
