"""A checkpoint's tensors by name, read as float32."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from sememe._errors import CorruptFileError

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.weights.safetensors import Tensors

    Norm = tuple[FloatArray, FloatArray]


_PREFIXES = ("", "bert.", "roberta.", "distilbert.", "mpnet.", "model.", "encoder.")


class Reader:
    """Finds tensors by name and checks them.

    prefix: Of the names; by default that of this checkpoint's network.
    """

    def __init__(self, tensors: Tensors, where: str, *, prefix: str | None = None) -> None:
        self._tensors = tensors
        self._where = where
        probe = "embeddings.word_embeddings.weight"
        usual = next((p for p in _PREFIXES if p + probe in tensors), "")
        self._prefix = usual if prefix is None else prefix

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
            some = ", ".join(_first_names(self._tensors))
            raise CorruptFileError(
                f"{self._where} lacks the tensor {name}; it holds {some}. Is config.json its own?"
            )
        fits = len(tensor.shape) == len(shape) and all(
            want in (-1, got) for got, want in zip(tensor.shape, shape, strict=True)
        )
        if not fits:
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

    def norm(self, name: str, dim: int) -> tuple[FloatArray, FloatArray]:
        """Return gain and bias (dim,); in old checkpoints gamma and beta."""
        new = self.has(f"{name}.weight")
        names = ("weight", "bias") if new else ("gamma", "beta")
        gain, bias = (self.array(f"{name}.{last}", dim) for last in names)
        return gain, bias

    def batch_norm(self, name: str, dim: int, *, epsilon: float = 1e-5) -> Norm:
        """Return batch normalisation in inference as a factor and a summand (dim,).

        epsilon: Added to the variance; the default is torch's.
        """
        gain, bias = self.norm(name, dim)
        mean, variance = (self.array(f"{name}.running_{x}", dim) for x in ("mean", "var"))
        scale = gain.astype(np.float64) / np.sqrt(np.maximum(variance, 0) + epsilon)
        return scale.astype(np.float32), (bias - mean * scale).astype(np.float32)


def _first_names(names: Iterable[str]) -> list[str]:
    return [*sorted(names)[:3], "..."]
