"""EfficientNet-Lite0: the graph against the paper's steps in NumPy, and what it knows."""

from __future__ import annotations

import numpy as np
import pytest

from sememe._errors import CorruptFileError
from sememe.models.image.efficientnet import _STRIDES, PREPROCESS, image_graph
from sememe.models.onnx.session import open_session
from sememe.models.weights.catalog import model_info
from sememe.models.weights.torch_pickle import parse_torch_file
from tests.drawings import DRAWINGS, noise


@pytest.fixture(scope="module")
def tensors():
    return parse_torch_file(model_info("efficientnet-lite0").read("image"), where="lite0")


def convolve(x, weight, stride):
    """(C, H, W) by a kernel (O, C or 1, k, k), padded as TensorFlow's "same"."""
    k = weight.shape[2]
    out = -(-x.shape[1] // stride)
    over = max((out - 1) * stride + k - x.shape[1], 0)
    x = np.pad(x, ((0, 0), (over // 2, over - over // 2), (over // 2, over - over // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]
    if weight.shape[1] == 1 and weight.shape[0] == x.shape[0]:
        return np.einsum("chwij,cij->chw", windows, weight[:, 0], optimize=True)
    return np.einsum("chwij,ocij->ohw", windows, weight, optimize=True)


def norm(x, tensors, name):
    shape = (-1, 1, 1)
    mean, var = (tensors[f"{name}.running_{part}"].reshape(shape) for part in ("mean", "var"))
    gain, bias = (tensors[f"{name}.{part}"].reshape(shape) for part in ("weight", "bias"))
    return (x - mean) / np.sqrt(var + 1e-3) * gain + bias


def by_hand(pixels, tensors):
    """Features and logits of one picture (224, 224, 3), layer by layer, batch norms unfolded."""
    x = (pixels.transpose(2, 0, 1) - 127.0) / 128.0
    relu6 = lambda y: np.clip(y, 0, 6)  # noqa: E731
    x = relu6(norm(convolve(x, tensors["_conv_stem.weight"], 2), tensors, "_bn0"))
    for i, stride in enumerate(_STRIDES):
        name, y = f"_blocks.{i}.", x
        if f"{name}_expand_conv.weight" in tensors:
            y = relu6(
                norm(convolve(y, tensors[f"{name}_expand_conv.weight"], 1), tensors, f"{name}_bn0")
            )
        y = convolve(y, tensors[f"{name}_depthwise_conv.weight"], stride)
        y = relu6(norm(y, tensors, f"{name}_bn1"))
        y = norm(convolve(y, tensors[f"{name}_project_conv.weight"], 1), tensors, f"{name}_bn2")
        x = x + y if x.shape == y.shape and stride == 1 else y
    x = relu6(norm(convolve(x, tensors["_conv_head.weight"], 1), tensors, "_bn1"))
    features = x.mean(axis=(1, 2))
    return x, features, features @ tensors["_fc.weight"].T + tensors["_fc.bias"]


def test_the_graph_computes_the_paper_s_network(tensors):
    pixels = PREPROCESS.pixels(noise(0, (300, 260)))
    places, features, logits = open_session(image_graph(tensors)).run(
        None, {"pixels": pixels[None]}
    )
    for got, expected in zip((places, features, logits), by_hand(pixels, tensors), strict=True):
        np.testing.assert_allclose(got[0], expected, atol=2e-4)


def test_drawings_are_named(tensors):
    from sememe.models.image.imagenet import imagenet_classes

    names = [one.name for one in imagenet_classes()]
    graph = open_session(image_graph(tensors))
    for name, draw in DRAWINGS.items():
        logits = graph.run(["logits"], {"pixels": PREPROCESS.pixels(draw())[None]})[0]
        assert names[int(logits.argmax())] == name


def test_missing_and_misshapen_tensors_are_told(tensors):
    lacking = {name: array for name, array in tensors.items() if name != "_fc.bias"}
    with pytest.raises(CorruptFileError, match=r"lack '_fc.bias'"):
        image_graph(lacking)
    with pytest.raises(CorruptFileError, match=r"another shape"):
        image_graph(tensors | {"_conv_stem.weight": np.zeros((32, 3, 3), np.float32)})


def test_the_classes_are_a_thousand_and_their_kinds_are_told():
    from sememe.models.image.imagenet import imagenet_classes

    classes = imagenet_classes()
    assert len(classes) == 1000
    assert len({one.name for one in classes}) == 1000
    assert all(part == part.strip() != "" for one in classes for part in one)
    assert classes[207] == ("golden retriever", "골든 리트리버", "dog", "개, 강아지")
