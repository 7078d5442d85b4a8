"""A checkpoint's tensors by name, read as float32."""

from __future__ import annotations

import numpy as np

from sememe._errors import CorruptFileError
from sememe._types import FloatArray
from sememe.models.weights.safetensors import Tensors

Norm = tuple[FloatArray, FloatArray]  # gain and bias, (dim,) each
_EPSILON = 1e-5  # torch's, added to the variance
_PREFIXES = ("", "bert.", "roberta.", "distilbert.", "mpnet.", "model.", "encoder.")


class Reader:
    """Finds tensors by name and checks them.

    prefix: Of the names; by default that of this checkpoint's network.
    """

    def __init__(self, tensors: Tensors, where: str, *, prefix: str | None = None) -> None:
        self._tensors = tensors
        self._where = where
        if prefix is None:
            probe = "embeddings.word_embeddings.weight"
            prefix = next((p for p in _PREFIXES if p + probe in tensors), "")
        self._prefix = prefix

    def has(self, name: str) -> bool:
        """Return whether there is such a tensor."""
        return self._prefix + name in self._tensors

    def array(self, name: str, *shape: int) -> FloatArray:
        """Return a tensor of that shape as float32; -1 allows any size.

        Raises:
            CorruptFileError: If it is missing, has another shape, or holds NaN or infinity.
        """
        tensor = self._tensors.get(self._prefix + name)
        if tensor is None:
            some = ", ".join([*sorted(self._tensors)[:3], "..."])
            raise CorruptFileError(
                f"{self._where} lacks the tensor {name}; it holds {some}. Is config.json its own?"
            )
        sizes = zip(tensor.shape, shape, strict=False)
        if tensor.ndim != len(shape) or any(want not in (-1, got) for got, want in sizes):
            raise CorruptFileError(
                f"{self._where}: {name} has shape {tensor.shape}, its config.json implies {shape}"
            )
        array = tensor.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise CorruptFileError(f"{self._where}: {name} holds NaN or infinity. Train it anew")
        return array

    def linear(self, name: str, *, inputs: int, outputs: int) -> tuple[FloatArray, FloatArray]:
        """Return matrix (inputs, outputs) and bias (outputs,)."""
        matrix = self.array(f"{name}.weight", outputs, inputs)
        return np.ascontiguousarray(matrix.T), self.array(f"{name}.bias", outputs)

    def norm(self, name: str, dim: int) -> Norm:
        """Return gain and bias (dim,); in old checkpoints gamma and beta."""
        gain, bias = ("weight", "bias") if self.has(f"{name}.weight") else ("gamma", "beta")
        return self.array(f"{name}.{gain}", dim), self.array(f"{name}.{bias}", dim)

    def batch_norm(self, name: str, dim: int) -> Norm:
        """Return batch normalisation in inference as a factor and a summand (dim,)."""
        gain, bias = self.norm(name, dim)
        mean, variance = (self.array(f"{name}.running_{x}", dim) for x in ("mean", "var"))
        scale = gain.astype(np.float64) / np.sqrt(np.maximum(variance, 0) + _EPSILON)
        return scale.astype(np.float32), (bias - mean * scale).astype(np.float32)
