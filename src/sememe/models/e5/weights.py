"""The network of a file in 4-bit blocks, under the names of BERT's family.

The word embeddings, four fifths of the file, stay in it: rows are unpacked as texts need them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.models.bert.weights import BertWeights
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
        self._blocks = file.blocks(_WORDS, *self.shape)

    def rows(self, ids: NDArray[np.integer[Any]]) -> FloatArray:
        """Return (n, dim) float32, the embeddings of (n,) ids."""
        return unpack(self._blocks[ids]).reshape(-1, self.shape[1])


def read_packed_weights(file: PackedFile) -> BertWeights:
    """Read the network; CorruptFileError if a tensor is missing or of another size."""
    sizes, dim = file.sizes, file.sizes.dim
    types = file.array("emb.type", sizes.types, dim)
    return BertWeights(
        words=PackedRows(file),
        positions=file.array("emb.pos", sizes.max_tokens, dim) + types[0],
        norm=_read_norm(file, "emb.ln"),
        layers=tuple(_read_layer(file, f"l{i}.") for i in range(sizes.layers)),
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
