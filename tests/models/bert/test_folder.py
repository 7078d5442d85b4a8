"""Reading the folder of a sentence encoder, and refusing what is no such folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from sememe import CorruptFileError, InvalidInputError
from sememe.models.bert.folder import read_sentence_folder
from sememe.models.weights.checkpoint import weight_files
from sememe.models.weights.folder import ModelFolder, ModelKind
from sememe.models.weights.safetensors import read_tensors
from tests.models.bert import checkpoints

LEGACY = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}


def test_a_bare_network_is_averaged(tmp_path):
    folder = read_sentence_folder(checkpoints.write(tmp_path / "m"))
    assert (folder.pooling, folder.dense, folder.max_tokens) == (("mean",), (), None)
    assert ModelFolder.open(folder.path).kind is ModelKind.SENTENCE
    assert ModelFolder.open(tmp_path).kind is None


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (LEGACY, ("cls", "mean")),
        ({"pooling_mode": "lasttoken"}, ("last",)),
        ({"pooling_mode": ["max", "mean"]}, ("max", "mean")),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, ("mean_sqrt_len",)),
    ],
)
def test_poolings_of_old_and_new_files(tmp_path, pooling, expected):
    assert read_sentence_folder(checkpoints.write(tmp_path, pooling=pooling)).pooling == expected


def test_limits_prompts_and_dense(tmp_path):
    files = {
        "sentence_bert_config.json": {"max_seq_length": 12},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "p: "}},
        "3_Dense/config.json": {"activation_function": "torch.nn.modules.activation.Tanh"},
    }
    path = checkpoints.write(tmp_path, pooling=LEGACY, files=files)
    modules = json.loads((path / "modules.json").read_text())
    modules.insert(2, {"type": "sentence_transformers.models.Dense", "path": "3_Dense"})
    (path / "modules.json").write_text(json.dumps(modules))
    matrix = np.arange(64, dtype=np.float32).reshape(2, 32)
    save_file({"linear.weight": matrix}, path / "3_Dense/model.safetensors")
    folder = read_sentence_folder(path)
    assert (folder.max_tokens, folder.query_prompt) == (12, "query: ")
    assert (folder.document_prompt, folder.dense[0].activation) == ("p: ", "Tanh")
    assert np.array_equal(folder.dense[0].matrix, matrix.T) and folder.dense[0].bias is None


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"tokenizer_config.json": {"model_max_length": 12}}, 12),  # sentence-transformers 6
        ({"tokenizer_config.json": {"model_max_length": 10**30}}, None),  # transformers: none
        (
            {
                "tokenizer_config.json": {"model_max_length": 12},
                "sentence_bert_config.json": {"max_seq_length": 9},
            },
            9,
        ),
        ({}, None),
    ],
)
def test_where_the_limit_stands(tmp_path, files, limit):
    assert read_sentence_folder(checkpoints.write(tmp_path, files=files)).max_tokens == limit


def test_the_fingerprint_follows_whatever_shapes_a_vector(tmp_path):
    seen = [
        read_sentence_folder(checkpoints.write(tmp_path / name, **options)).fingerprint()
        for name, options in {
            "a": {}, "seed": {"seed": 1}, "config": {"layer_norm_eps": 1e-6},
            "pooling": {"pooling": LEGACY},
            "limit": {"files": {"sentence_bert_config.json": {"max_seq_length": 9}}},
        }.items()
    ]  # fmt: skip
    assert len(set(seen)) == len(seen)
    again = read_sentence_folder(checkpoints.write(tmp_path / "again")).fingerprint()
    assert again == seen[0]  # whatever the folder is called


def test_half_precision_is_read_as_float32(tmp_path):
    rows = np.array([[1.5, -2.25, 1e-3]], np.float32)
    save_file({"half": rows.astype(np.float16), "whole": np.array([3])}, tmp_path / "t.safetensors")
    found = read_tensors(tmp_path / "t.safetensors")
    np.testing.assert_allclose(found["half"], rows, rtol=1e-3)
    assert found["half"].dtype == np.float32 and found["whole"].tolist() == [3]
    upper = (rows.view(np.uint32) >> 16).astype("<u2")
    header = {"b": {"dtype": "BF16", "shape": [1, 3], "data_offsets": [0, 6]}}
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + upper.tobytes()
    (tmp_path / "b.safetensors").write_bytes(data)
    np.testing.assert_allclose(read_tensors(tmp_path / "b.safetensors")["b"], rows, rtol=1e-2)


def test_weights_in_pieces(tmp_path):
    names = {"a": "x-1.safetensors", "b": "x-2.safetensors"}
    for name, file in names.items():
        save_file({name: np.ones(2)}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": names}))
    assert [path.name for path in weight_files(tmp_path)] == sorted(names.values())
    (tmp_path / "x-2.safetensors").unlink()
    with pytest.raises(CorruptFileError, match=r"lacks x-2\.safetensors"):
        weight_files(tmp_path)


def no_tokenizer(path):
    (path / "tokenizer.json").unlink()


def pickled(path):
    (path / "model.safetensors").rename(path / "pytorch_model.bin")


def no_weights(path):
    (path / "model.safetensors").unlink()


def cut_off(path):
    data = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(data[: len(data) // 2])


def no_json(path):
    (path / "config.json").write_text("{")


def no_config(path):
    (path / "config.json").unlink()


def other_step(path):
    (path / "modules.json").write_text(json.dumps([{"type": "a.b.LSTM", "path": "1"}]))


def odd_pooling(path):
    (path / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode": "median"}))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (no_tokenizer, InvalidInputError, "holds no tokenizer.json.*AutoTokenizer"),
        (pickled, InvalidInputError, "pytorch_model.bin, which may run code.*save_pretrained"),
        (no_weights, InvalidInputError, "holds no model.safetensors"),
        (cut_off, CorruptFileError, "is damaged"),
        (no_json, CorruptFileError, "config.json cannot be read"),
        (no_config, InvalidInputError, "holds no config.json"),
        (other_step, InvalidInputError, "'LSTM'; sememe supports Transformer, Pooling"),
        (odd_pooling, InvalidInputError, "pools by median; sememe pools by cls"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, damage, error, message):
    import sememe

    path = checkpoints.write(tmp_path / "m", pooling=LEGACY)
    damage(path)
    with pytest.raises(error, match=message):
        sememe.load(str(path))
