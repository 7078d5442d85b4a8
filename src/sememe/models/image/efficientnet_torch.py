"""EfficientNet-Lite0 in torch, to train it further: its weights in timm's network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from sememe.models.image.efficientnet import PREPROCESS
from sememe.models.image.timm import TimmImage

ARCHITECTURE = "tf_efficientnet_lite0"
_STAGES = (1, 2, 2, 3, 3, 4, 1)  # blocks in each
_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_TOP |= {"_fc": "classifier"}
_WIDENING = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
    "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def build_efficientnet(tensors: Mapping[str, Any]) -> TimmImage:
    """Return the network with its packaged weights and ImageNet's classes; needs timm."""
    import torch

    from sememe.models.image.imagenet import imagenet_classes

    model = TimmImage.build(ARCHITECTURE, {}, classes=len(imagenet_classes()))
    model.load_state_dict({timm_name(k): torch.from_numpy(np.array(x)) for k, x in tensors.items()})
    labels = tuple(one.name for one in imagenet_classes())
    return TimmImage(ARCHITECTURE, {}, model, PREPROCESS, labels)


def timm_name(name: str) -> str:
    """Return timm's name of a tensor.

    >>> timm_name("_blocks.3._depthwise_conv.weight")
    'blocks.2.0.conv_dw.weight'
    """
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if match is None:
        part, _, kind = name.partition(".")
        return f"{_TOP[part]}.{kind}"
    stage, block = 0, int(match[1])
    while block >= _STAGES[stage]:
        block, stage = block - _STAGES[stage], stage + 1
    parts = _FIRST if stage == 0 else _WIDENING
    return f"blocks.{stage}.{block}.{parts[match[2]]}.{match[3]}"
