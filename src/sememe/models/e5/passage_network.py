"""The network for passages: multilingual-e5-small, taught to do with fewer tokens.

Merging tokens (`sememe.models.bert.merging`) saves half of a long passage's time and moves its
vector. What the file `passages.npz` adds to the layers moves it back: each matrix W becomes
W + A B, A and B of rank 16 (LoRA, Hu et al. 2021, arXiv:2106.09685), and something is added to
biases and norms. Questions are read by the network as it is, and keep their vectors.

The numbers are made by `benchmarks/passage_network.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sememe._persistence import hash_file
from sememe._types import FloatArray
from sememe.models.bert.merging import Merging
from sememe.models.bert.weights import BertWeights, LazyLayers
from sememe.models.onnx.transformer import Layer

MERGING = Merging(layers=(1, 2, 3, 4, 5), divisor=3, kept=48)
Changes = Mapping[str, FloatArray]
_FILE = Path(__file__).parent / "passages.npz"


class AdaptedLayers(LazyLayers):
    """Layers of which each is changed when it is asked for.

    changes: Called for each layer that is made. Returns field of `Layer` -> what is added to it,
    (layers, ...), or the factors of that, "field.a" (layers, inputs, rank) and "field.b" (layers,
    rank, outputs); "norm1.gain" and "norm1.bias", and so norm2.
    """

    def __init__(self, layers: Sequence[Layer], changes: Callable[[], Changes]) -> None:
        self._layers = layers
        self._changes = changes

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._layers)

    def make(self, number: int) -> Layer:
        """Change a layer."""
        layer = self._layers[number]
        changes = {name: array[number] for name, array in self._changes().items()}
        changed: dict[str, Any] = {}
        for field in fields(Layer):
            name, value = field.name, getattr(layer, field.name)
            if isinstance(value, tuple):
                parts = zip(value, ("gain", "bias"), strict=True)
                changed[name] = tuple(part + changes[f"{name}.{kind}"] for part, kind in parts)
            elif f"{name}.a" in changes:
                changed[name] = value + changes[f"{name}.a"] @ changes[f"{name}.b"]
            else:
                changed[name] = value + changes[name]
        return Layer(**changed)


def adapt_to_merging(weights: BertWeights) -> BertWeights:
    """Return the network whose passages come out right when tokens are merged by `MERGING`."""
    return replace(weights, layers=AdaptedLayers(weights.layers, _read_changes))


@cache
def digest() -> str:
    """Return the hash of the numbers, for fingerprints: 16 digits."""
    return hash_file(_FILE).hexdigest()[:16]


@cache
def _read_changes() -> Changes:
    """Read the numbers that come with the package."""
    with np.load(_FILE, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}
