"""Build the ONNX graph of EfficientNet-Lite0 from its packaged weights.

The network: a 3 x 3 convolution of stride 2 to 32 channels; 16 blocks, each a 1 x 1 convolution
that widens (but the first), a convolution of each channel by itself, and a 1 x 1 convolution that
narrows, added to the block's input where shapes agree; a 1 x 1 convolution to 1,280 channels; their
mean over the image is the feature vector, and one linear layer gives 1,000 logits. Activations are
ReLU6. Batch norms are folded into the convolutions. Padding is TensorFlow's ("same": at stride
2 the extra row is at the lower right).

Reference: Tan & Le 2019 (arXiv:1905.11946); the "lite" form has no squeeze-and-excitation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe.models.image.preprocess import Preprocess, resize_side
from sememe.models.onnx.builder import Graph, Port, floats

FEATURES, CLASSES = 1280, 1000
PREPROCESS = Preprocess(
    size=224,
    resize=resize_side(224, 0.875),
    interpolation="bicubic",
    mean=(127 / 255, 127 / 255, 127 / 255),
    std=(128 / 255, 128 / 255, 128 / 255),
)
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
_EPS = 1e-3  # added to the variance by batch norms


def image_graph(tensors: Mapping[str, Any], preprocess: Preprocess = PREPROCESS) -> bytes:
    """Build the graph of (N, 224, 224, 3) uint8 to "map", "features" and "logits".

    "map" is (N, 1280, 7, 7), "features" (N, 1280), "logits" (N, 1000).

    Raises:
        CorruptFileError: If a tensor is missing or misshapen.
    """
    g = Graph()
    size = preprocess.size
    try:
        x = normalise_pixels(g, "pixels", preprocess)
        x = _relu6(g, _conv(g, x, tensors, "_conv_stem", "_bn0", stride=2))
        for i, stride in enumerate(_STRIDES):
            x = _block(g, x, tensors, f"_blocks.{i}.", stride)
        x = _relu6(g, _conv(g, x, tensors, "_conv_head", "_bn1"))
        g.output("map", "Identity", x)
        g.output("features", "Flatten", g("GlobalAveragePool", x))
        weight, bias = g.constant(tensors["_fc.weight"]), g.constant(tensors["_fc.bias"])
        g.output("logits", "Gemm", "features", weight, bias, transB=1)
    except (KeyError, ValueError) as error:
        raise CorruptFileError(
            f"the weights of EfficientNet-Lite0 lack {error}, or hold it in another shape"
        ) from error
    side = size // 32
    outputs = {
        "map": floats("N", FEATURES, side, side),
        "features": floats("N", FEATURES),
        "logits": floats("N", CLASSES),
    }
    return g.build({"pixels": Port("UINT8", ("N", size, size, 3))}, outputs)


def normalise_pixels(g: Graph, pixels: str, preprocess: Preprocess) -> str:
    """Append (pixels / 255 - mean) / std: (N, H, W, 3) uint8 to (N, 3, H, W) float32."""
    x = g("Transpose", g("Cast", pixels, to=1), perm=[0, 3, 1, 2])
    mean, std = (
        np.array(values, np.float64).reshape(1, 3, 1, 1)
        for values in (preprocess.mean, preprocess.std)
    )
    x = g("Mul", x, g.constant((1 / (255 * std)).astype(np.float32)))
    return g("Add", x, g.constant((-mean / std).astype(np.float32)))


def _block(g: Graph, x: str, tensors: Mapping[str, Any], name: str, stride: int) -> str:
    y = x
    if f"{name}_expand_conv.weight" in tensors:
        y = _relu6(g, _conv(g, y, tensors, f"{name}_expand_conv", f"{name}_bn0"))
    y = _relu6(g, _conv(g, y, tensors, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride))
    y = _conv(g, y, tensors, f"{name}_project_conv", f"{name}_bn2")
    first = tensors.get(f"{name}_expand_conv.weight")
    wide = first.shape[1] if first is not None else tensors[f"{name}_bn1.bias"].shape[0]
    same = stride == 1 and wide == tensors[f"{name}_bn2.bias"].shape[0]
    return g("Add", y, x) if same else y


def _conv(
    g: Graph, x: str, tensors: Mapping[str, Any], conv: str, norm: str, *, stride: int = 1
) -> str:
    """Append a convolution with its batch norm folded in."""
    weight = tensors[f"{conv}.weight"].astype(np.float64)
    gain = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + np.float64(_EPS))
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * gain
    folded = (weight * gain.reshape(-1, 1, 1, 1)).astype(np.float32)
    if folded.shape != weight.shape or bias.shape != weight.shape[:1]:
        raise ValueError(f"{conv}.weight")
    product = map(g.constant, (folded, bias.astype(np.float32)))
    group = len(weight) if weight.shape[1] == 1 else 1
    return g("Conv", x, *product, strides=[stride, stride], group=group, auto_pad="SAME_UPPER")


def _relu6(g: Graph, x: str) -> str:
    return g("Clip", x, g.constant(np.float32(0)), g.constant(np.float32(6)))
