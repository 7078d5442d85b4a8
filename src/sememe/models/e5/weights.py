"""The network of a file in 4-bit blocks, under the names of BERT's family.

Weights stay in it: rows of the word embeddings, four fifths of the file, are unpacked as texts need
them, and layers, 7 MB each in float32, as graphs are made of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.models.bert.weights import BertWeights, LazyLayers
from sememe.models.e5.file import PackedFile, unpack
from sememe.models.onnx.transformer import Layer, Norm

_WORDS = "emb.word"


class PackedRows:
    """The word embeddings, memory-mapped.

    Attributes:
        shape: (vocabulary, dim).
    """

    def __init__(self, file: PackedFile) -> None:
        self.shape = (file.sizes.vocabulary, file.sizes.dim)
        self._file = file
        self._blocks = file.blocks(_WORDS, *self.shape)

    def rows(self, ids: NDArray[np.integer[Any]]) -> FloatArray:
        """Return (n, dim) float32, the embeddings of (n,) ids."""
        rows = unpack(self._blocks[ids]).reshape(-1, self.shape[1])
        self._file.release()
        return rows


class PackedLayers(LazyLayers):
    """The layers, each unpacked when it is asked for."""

    def __init__(self, file: PackedFile) -> None:
        """Take the file; CorruptFileError if a tensor is missing or of another size."""
        self._file = file
        dim, inner = file.sizes.dim, file.sizes.inner
        shapes = {"q": (dim, dim), "k": (dim, dim), "v": (dim, dim), "ao": (dim, dim)}
        shapes |= {"fi": (inner, dim), "fo": (dim, inner)}
        for i in range(len(self)):
            for name, (outputs, inputs) in shapes.items():
                file.check(f"l{i}.{name}.w", outputs, inputs)
                file.check(f"l{i}.{name}.b", outputs)
            for name in ("aln", "oln"):
                file.check(f"l{i}.{name}.w", dim)
                file.check(f"l{i}.{name}.b", dim)

    def __len__(self) -> int:
        """Return how many there are."""
        return self._file.sizes.layers

    def make(self, number: int) -> Layer:
        """Unpack a layer."""
        return _read_layer(self._file, f"l{number}.")


def read_packed_weights(file: PackedFile) -> BertWeights:
    """Read the network; CorruptFileError if a tensor is missing or of another size."""
    sizes, dim = file.sizes, file.sizes.dim
    types = file.array("emb.type", sizes.types, dim)
    return BertWeights(
        words=PackedRows(file),
        positions=file.array("emb.pos", sizes.max_tokens, dim) + types[0],
        norm=_read_norm(file, "emb.ln"),
        layers=PackedLayers(file),
        distances=None,
        heads=sizes.heads,
        epsilon=file.epsilon,
        activation="gelu",
    )


def _read_layer(file: PackedFile, start: str) -> Layer:
    dim, inner = file.sizes.dim, file.sizes.inner
    qkv = [_read_linear(file, start + name, dim, dim) for name in ("q", "k", "v")]
    return Layer(
        np.concatenate([matrix for matrix, _ in qkv], axis=1),
        np.concatenate([bias for _, bias in qkv]),
        *_read_linear(file, start + "ao", dim, dim),
        _read_norm(file, start + "aln"),
        *_read_linear(file, start + "fi", dim, inner),
        *_read_linear(file, start + "fo", inner, dim),
        _read_norm(file, start + "oln"),
    )


def _read_linear(
    file: PackedFile, name: str, inputs: int, outputs: int
) -> tuple[FloatArray, FloatArray]:
    """Return matrix (inputs, outputs), which the file has transposed, and bias (outputs,)."""
    matrix = file.array(f"{name}.w", outputs, inputs)
    return np.ascontiguousarray(matrix.T), file.array(f"{name}.b", outputs)


def _read_norm(file: PackedFile, name: str) -> Norm:
    dim = file.sizes.dim
    return file.array(f"{name}.w", dim), file.array(f"{name}.b", dim)
