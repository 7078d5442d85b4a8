"""Networks that bring their own ONNX file: by hand, bad files, and the folder's own steps."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import sememe
from sememe import CorruptFileError, InvalidInputError
from sememe.models.bert.onnx_engine import OnnxEngine
from sememe.models.onnx.builder import Graph, floats, integers
from tests.models.bert import checkpoints

WIDTH = 4
TABLE = np.random.default_rng(0).normal(size=(len(checkpoints.PIECES), WIDTH)).astype(np.float32)
IDS = [[2, 5, 6, 3], [2, 7, 3], [2, 5, 5, 6, 7, 8, 9, 3]]


def network(path, *, inputs=("input_ids", "attention_mask"), output="last_hidden_state", pooled=0):
    """Write an ONNX file whose states are rows of TABLE, the token's own."""
    g = Graph()
    x = g("Gather", g.constant(TABLE), inputs[0], axis=0)
    shape = ("N", "T", WIDTH)
    if pooled:
        x, shape = g("ReduceMean", x, g.constant(np.array([1])), keepdims=0), ("N", WIDTH)
    g.output(output, "Identity", x)
    path.parent.mkdir(parents=True, exist_ok=True)
    ports = {name: integers("N", "T") for name in inputs}
    path.write_bytes(g.build(ports, {output: floats(*shape)}))
    return path


@pytest.fixture
def folder(tmp_path):
    """A sentence encoder of an architecture without a graph, and its ONNX file."""
    place = checkpoints.write(tmp_path / "encoder")
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    text = json.dumps(config | {"model_type": "new-kind"})
    (place / "config.json").write_text(text, encoding="utf-8")
    for path in place.glob("*.safetensors"):
        path.unlink()
    network(place / "onnx" / "model.onnx")
    return place


def engine(path, **options):
    return OnnxEngine(path, where="it", config={"max_position_embeddings": 16}, **options)


@pytest.mark.parametrize("way", ["mean", "cls", "last", "max"])
def test_pooled_rows_by_hand(way, tmp_path):
    how = {"mean": lambda x: x.mean(0), "cls": lambda x: x[0], "last": lambda x: x[-1]}
    pool = how.get(way, lambda x: x.max(0))
    expected = np.stack([pool(TABLE[ids]) for ids in IDS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    got = engine(network(tmp_path / "m.onnx"), pooling=(way,)).forward(IDS)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_order_and_company_of_texts_change_nothing(tmp_path):
    own = engine(network(tmp_path / "m.onnx"))
    one_by_one = np.concatenate([own.forward([ids]) for ids in IDS])
    np.testing.assert_allclose(own.forward(IDS[::-1])[::-1], one_by_one, atol=1e-6)


def test_tokens_that_are_skipped_are_not_pooled(tmp_path):
    expected = TABLE[IDS[2][3:]].mean(0)
    got = engine(network(tmp_path / "m.onnx")).forward([IDS[2]], skip=3)[0]
    np.testing.assert_allclose(got, expected / np.linalg.norm(expected), atol=1e-6)


def test_a_folder_of_another_architecture_loads_like_any_other(folder):
    encoder = sememe.load(str(folder))
    tokens = encoder.encode_tokens(["the cat sat"])[0]
    assert tokens.tokens == ["the", "cat", "sat"]
    ids = [checkpoints.PIECES.index(piece) for piece in tokens.tokens]
    np.testing.assert_allclose(tokens.vectors, TABLE[ids], atol=1e-6)
    assert encoder.encode(["the cat", ""]).shape == (2, WIDTH)
    assert encoder.space != sememe.load(str(checkpoints.write(folder.parent / "bert"))).space
    with pytest.raises(InvalidInputError, match="only its last layer"):
        encoder.encode_tokens(["the cat"], layers=[1])


def test_int8_is_the_file_that_the_folder_brings(folder):
    with pytest.raises(InvalidInputError, match=r"has no onnx/model_quantized\.onnx"):
        sememe.load(f"{folder}:int8")
    shutil.copy(folder / "onnx" / "model.onnx", folder / "onnx" / "model_quantized.onnx")
    assert sememe.load(f"{folder}:int8").space != sememe.load(str(folder)).space


def test_what_else_a_file_may_take(tmp_path):
    more = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
    got = engine(network(tmp_path / "more.onnx", inputs=more)).forward(IDS)
    np.testing.assert_allclose(got, engine(network(tmp_path / "m.onnx")).forward(IDS), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"inputs": ("input_ids", "pixels")}, "takes pixels, which sememe cannot give"),
        ({"pooled": 1, "output": "sentence_embedding"}, "gives sentence_embedding; sememe pools"),
    ],
)
def test_files_that_will_not_do(options, says, tmp_path):
    with pytest.raises(InvalidInputError, match=says):
        engine(network(tmp_path / "m.onnx", **options))


def test_a_damaged_file(folder):
    file = folder / "onnx" / "model.onnx"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CorruptFileError, match="Fetch it anew"):
        sememe.load(str(folder))
