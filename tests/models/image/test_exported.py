"""Networks of timm and torchvision by their names and folders, without their libraries."""

from __future__ import annotations

import json
import sys

import pytest

import sememe
from sememe import CorruptFileError, InvalidInputError, MissingExtraError
from sememe.models.image.efficientnet_torch import timm_name
from sememe.models.image.exported import FOREIGN
from sememe.models.locate import locate

CONFIG = {
    "architecture": "resnet18", "num_classes": 1000, "num_features": 512,
    "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.95},
}  # fmt: skip


def folder(place, config=CONFIG):
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return place


def test_what_is_one_and_what_is_not(tmp_path):
    assert locate(str(folder(tmp_path / "timm")), *FOREIGN) is not None
    both = folder(tmp_path / "clip", CONFIG | {"model_type": "clip"})
    bert = folder(tmp_path / "bert", {"model_type": "bert"})
    weights = tmp_path / "resnet18-f37072fd.pth"
    weights.write_bytes(b"")
    other = tmp_path / "mine.pth"
    other.write_bytes(b"")
    assert locate(str(weights), *FOREIGN) is not None
    for name in (both, bert, other, tmp_path / "none", "", "x" * 5000, "hf:org/name:text"):
        assert locate(str(name), *FOREIGN) is None, name


@pytest.mark.parametrize("missing", ["torch", "timm"])
def test_without_the_extra_it_says_what_to_install(missing, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = folder(tmp_path / "timm")
    (place / "model.safetensors").write_bytes(b"")
    for name in ("torch", "timm", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None if name == missing else sys)
    with pytest.raises(MissingExtraError, match=rf"done once,.*'{missing}'.*sememe\[train\]"):
        sememe.load(str(place))


def test_a_folder_without_weights_is_told(tmp_path):
    with pytest.raises(InvalidInputError, match=r"holds no model\.safetensors"):
        sememe.load(str(folder(tmp_path / "timm")))


def test_the_names_of_lite0_in_timm():
    """By hand: 1 + 2 + 2 + 3 + 3 + 4 + 1 blocks; the first one does not widen."""
    assert timm_name("_blocks.0._depthwise_conv.weight") == "blocks.0.0.conv_dw.weight"
    assert timm_name("_blocks.0._bn2.bias") == "blocks.0.0.bn2.bias"
    assert timm_name("_blocks.4._expand_conv.weight") == "blocks.2.1.conv_pw.weight"
    assert timm_name("_blocks.15._bn2.running_var") == "blocks.6.0.bn3.running_var"
    assert timm_name("_fc.bias") == "classifier.bias"


def test_a_damaged_config_is_no_network_of_timm(tmp_path):
    place = folder(tmp_path / "timm")
    (place / "config.json").write_text("{", encoding="utf-8")
    assert locate(str(place), *FOREIGN) is None
    with pytest.raises((CorruptFileError, InvalidInputError)):
        sememe.load(str(place))
