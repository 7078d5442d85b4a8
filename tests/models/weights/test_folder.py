"""What a folder can be opened as, its documents, and fingerprints that must never change."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.models.bert.folder import read_sentence_folder
from sememe.models.clap.folder import read_clap_folder
from sememe.models.clip.folder import read_clip_folder
from sememe.models.static.folder import read_static_folder
from sememe.models.wav2vec2.folder import read_speech_folder
from sememe.models.weights.folder import ModelFolder, ModelKind
from tests.models.bert import checkpoints
from tests.models.clap import checkpoints as clap_checkpoints
from tests.models.clip import checkpoints as clip_checkpoints
from tests.models.wav2vec2 import checkpoints as speech_checkpoints

K = ModelKind
STEP = "sentence_transformers.models."


def step(kind, path=""):
    return {"idx": 0, "name": "0", "path": path, "type": STEP + kind}


def of_type(name, head="Model"):
    return {"config.json": {"model_type": name, "architectures": [f"Net{head}"]}}


def about(kind):
    return {"sememe.json": {"format": 1, "kind": kind}}


SPEECH, TEXT = (K.SPEECH, K.SENTENCE), (K.SENTENCE,)
FOLDERS = [
    ({}, ()),
    ({"readme.json": {}}, ()),
    ({"config.json": "{"}, TEXT),  # damaged: reading it reports that
    ({"config.json": []}, TEXT),
    ({"config.json": {}}, TEXT),
    (of_type("bert"), TEXT),
    (of_type("qwen3"), TEXT),
    (of_type("bert", "ForMaskedLM"), (K.MASKED_LM, K.SENTENCE)),
    (of_type("bert", "ForSequenceClassification"), (K.CROSS_ENCODER, K.SENTENCE)),
    (
        of_type("bert", "ForSequenceClassification") | {"modules.json": [step("Transformer")]},
        (K.CROSS_ENCODER, K.SENTENCE),
    ),
    (
        {"modules.json": [step("Transformer", "0")]}
        | {"0/config.json": {"architectures": ["XForSequenceClassification"]}},
        (K.CROSS_ENCODER, K.SENTENCE),
    ),
    (
        of_type("bert", "ForSequenceClassification")
        | {"modules.json": [step("Transformer"), step("Pooling", "1_Pooling")]},
        TEXT,
    ),
    (of_type("bert", "ForMaskedLM") | {"modules.json": [step("Transformer")]}, TEXT),
    ({"modules.json": [{}]}, TEXT),
    ({"modules.json": "["}, TEXT),
    (of_type("model2vec"), (K.STATIC, K.SENTENCE)),
    ({"modules.json": [step("StaticEmbedding", "0_S")]}, (K.STATIC, K.SENTENCE)),
    ({"modules.json": [step("Transformer"), step("StaticEmbedding")]}, TEXT),
    (of_type("clip"), (K.CLIP, K.SENTENCE)),
    ({"open_clip_config.json": {}}, (K.CLIP,)),
    ({"modules.json": [step("CLIPModel", "0_CLIPModel")]}, (K.CLIP, K.SENTENCE)),
    ({"modules.json": [step("CLIPModel"), step("Normalize")]}, TEXT),
    ({"onnx/text_model.onnx": b"", "onnx/vision_model.onnx": b""}, (K.CLIP,)),
    ({"onnx/text_model.onnx": b""}, ()),
    (of_type("clap"), (K.CLAP, K.SENTENCE)),
    (of_type("wav2vec2"), SPEECH),
    (of_type("hubert", "ForCTC"), (K.RECOGNISER, *SPEECH)),
    (
        of_type("wav2vec2", "ForSequenceClassification"),
        (K.SPEECH_CLASSIFIER, K.SPEECH, K.CROSS_ENCODER, K.SENTENCE),
    ),
    ({"config.json": {"architecture": "resnet18"}}, (K.TIMM, K.SENTENCE)),
    (
        {"config.json": {"architecture": "vit", "model_type": "clip"}},
        (K.CLIP, K.SENTENCE),
    ),
    (
        {"config.json": {"architecture": "vit"}, "open_clip_config.json": {}},
        (K.TIMM, K.CLIP, K.SENTENCE),
    ),
    (about("image-encoder"), (K.IMAGE,)),
    (about("mel-statistics"), (K.MEL_STATISTICS,)),
    (about("joint"), (K.JOINT,)),
    (about("image-classifier"), (K.IMAGE_PROBE,)),
    (about("audio-classifier"), (K.AUDIO_PROBE,)),
    (about("index"), ()),
    ({"sememe.json": "{"}, ()),
    (about("static") | of_type("model2vec"), (K.STATIC, K.SENTENCE)),
    (about("clip") | of_type("clip"), (K.CLIP, K.SENTENCE)),
    ({"sememe.json": {"vectors": 2, "kind": "word2vec"}}, (K.WORD_VECTORS,)),
    ({"tokenizer.json": {}}, (K.TOKENIZER,)),
    ({"tokenizer.json": {}, "config.json": {}}, TEXT),
]


def write(folder, documents):
    """Write documents: JSON of an object or a list, text and bytes as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        plain = isinstance(content, str | bytes)
        data = content if plain else json.dumps(content)
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder


@pytest.mark.parametrize(("documents", "kinds"), FOLDERS, ids=str)
def test_the_kinds_of_a_folder(documents, kinds, tmp_path):
    folder = ModelFolder.open(write(tmp_path / "m", documents))
    assert folder.kinds == kinds
    assert folder.kind == (kinds[0] if kinds else None)
    assert all(folder.holds(kind) == (kind in kinds) for kind in ModelKind)


def test_torchvision_publishes_single_files_under_names_of_its_own(tmp_path):
    for name, kinds in (("resnet18-f37072fd.pth", (K.TORCHVISION,)), ("mine.pth", ())):
        (tmp_path / name).write_bytes(b"")
        assert ModelFolder.open(tmp_path / name).kinds == kinds
    assert ModelFolder.open(tmp_path / "vgg16-397923af.pth").kinds == ()  # does not exist


@pytest.mark.parametrize("name", ["none", "x" * 5000, "nul\0", "x" * 5000 + "-f37072fd.pth"])
def test_what_does_not_exist_is_of_no_kind(name, tmp_path):
    assert ModelFolder.open(tmp_path / name).kind is None


def test_documents_are_read_once_and_errors_name_the_file(tmp_path):
    folder = ModelFolder.open(write(tmp_path, {"a.json": {"x": 1}, "b.json": "{", "c.json": [1]}))
    assert folder.object("a.json") == {"x": 1}
    (tmp_path / "a.json").write_text("{}")
    assert folder.json("a.json") == {"x": 1}
    assert folder.json("none.json", missing=None) is None
    assert [folder.peek(name) for name in ("none.json", "b.json", "c.json")] == [{}, {}, {}]
    with pytest.raises(InvalidInputError, match=r"holds no none\.json"):
        folder.json("none.json")
    with pytest.raises(CorruptFileError, match=r"b\.json cannot be read: .*Fetch it anew"):
        folder.json("b.json", missing={})
    with pytest.raises(CorruptFileError, match=r"c\.json holds no object"):
        folder.object("c.json")


def test_another_format_of_sememe_json_is_refused(tmp_path):
    folder = write(tmp_path, {"sememe.json": {"format": 2}})
    with pytest.raises(CorruptFileError, match="is of format 2; this sememe reads format 1"):
        ModelFolder.open(folder).about()
    assert ModelFolder.open(folder).about(known=2) == {"format": 2}


# Fingerprints as the indexes and model folders hold them that exist already.


def sentence(folder):
    config = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    modules = [step("Transformer"), step("Pooling", "1_Pooling"), step("Dense", "2_Dense")]
    dense = {"activation_function": "torch.nn.modules.activation.Tanh"}
    arrays = {"linear.weight": np.ones((2, 3), "<f4"), "linear.bias": np.zeros(2, "<f4")}
    documents = {
        "config.json": checkpoints.config("bert"),
        "modules.json": modules,
        "1_Pooling/config.json": config,
        "2_Dense/config.json": dense,
        "2_Dense/model.safetensors": tensors_file(arrays),
        "config_sentence_transformers.json": {"prompts": {"query": "q: "}},
        "tokenizer.json": {},
        "model.safetensors": b"weights",
    }
    return read_sentence_folder(write(folder, documents)).fingerprint()


def static(folder):
    rows = np.arange(6, dtype="<f4").reshape(2, 3)
    documents = of_type("model2vec") | {"tokenizer.json": {}}
    write(folder, documents | {"model.safetensors": tensors_file({"embeddings": rows})})
    return read_static_folder(folder).digest


def clip(folder):
    documents = {
        "config.json": clip_checkpoints.config(),
        "preprocessor_config.json": {
            "size": {"shortest_edge": clip_checkpoints.SIZE},
            "crop_size": {"height": clip_checkpoints.SIZE, "width": clip_checkpoints.SIZE},
            "image_mean": [0.5, 0.4, 0.3],
            "image_std": [0.25, 0.5, 1],
            "resample": 3,
        },
        "vocab.json": {},
        "merges.txt": "",
        "model.safetensors": b"weights",
    }
    return read_clip_folder(write(folder, documents)).fingerprint()


def clap(folder):
    documents = {
        "config.json": clap_checkpoints.config(),
        "preprocessor_config.json": clap_checkpoints.FEATURES,
        "tokenizer.json": {},
        "pytorch_model.bin": b"weights",
    }
    return read_clap_folder(write(folder, documents)).fingerprint()


def speech(folder):
    documents = {"config.json": speech_checkpoints.BASE, "model.safetensors": b"weights"}
    return read_speech_folder(write(folder, documents)).fingerprint()


def tensors_file(arrays):
    """The bytes of a safetensors file, by its specification."""
    header, data = {}, b""
    for name, array in arrays.items():
        span = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": span}
        data += array.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


FINGERPRINTS = {
    sentence: "e32bd98e10c90ab315ba63d13343c843",
    static: "2874d6593095469bd8eccfc587d767ff",
    clip: "3458e12ad26d44f81c028928e56fe4ba",
    clap: "e6db31d9f59e38056dd86adcabba57d9",
    speech: "ec8435ea55ed230df270fc269e461682",
}


@pytest.mark.parametrize("family", FINGERPRINTS, ids=lambda family: family.__name__)
def test_fingerprints_are_those_of_vectors_stored_long_ago(family, tmp_path):
    assert family(tmp_path) == FINGERPRINTS[family]
