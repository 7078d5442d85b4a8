"""Sentence encoders beyond BERT's family: run the ONNX file of a folder, or an export.

    onnx/model.onnx, model.onnx      token ids to states of tokens
    onnx/model_quantized.onnx, ...   the same in int8, for ":int8"

Pooling and dense layers are the folder's own (`sememe.models.bert.folder`), in NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.models.bert.folder import Dense
from sememe.models.bert.pooling import pooling_weights
from sememe.models.onnx.batches import Batches, pad
from sememe.models.onnx.session import OnnxFile
from sememe.models.onnx.token_engine import TOKENS_AT_ONCE
from sememe.vectors.nearest import unit

_PLAIN = ("onnx/model.onnx", "model.onnx")
_INT8 = ("onnx/model_quantized.onnx", "onnx/model_int8.onnx", "onnx/model_qint8_avx512_vnni.onnx")
_STATES = ("last_hidden_state", "token_embeddings")
_DEFAULT_MAX = 8192  # tokens, if neither the folder nor its config has a limit
_ACTIVATIONS: dict[str, Any] = {
    "": lambda x: x,
    "Tanh": np.tanh,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}
_INPUTS: dict[str, Any] = {  # further inputs, made from a mask (N, T) of tokens
    "attention_mask": lambda inside: inside,
    "token_type_ids": np.zeros_like,
    "position_ids": lambda inside: np.cumsum(np.ones_like(inside, np.int64), axis=1) - 1,
}


def find_onnx_files(folder: Path, *, int8: bool = False) -> list[Path]:
    """Return a folder's ONNX file and the files of its external weights; [] if there is none."""
    for name in _INT8 if int8 else _PLAIN:
        file = folder / name
        if file.is_file():
            return [file, *sorted(file.parent.glob(f"{file.name}_*"))]
    return []


class OnnxEngine:
    """An ONNX file that computes states of tokens, with pooling and dense layers.

    The file takes "input_ids", and may take "attention_mask", "token_type_ids" and "position_ids",
    all (N, T); it gives "last_hidden_state" or "token_embeddings", or else its first output, of
    the shape (N, T, width).

    Attributes:
        dim: Width of a sentence's vector.
        max_tokens: The longest sequence, special tokens included.
    """

    tokens_at_once = TOKENS_AT_ONCE

    def __init__(
        self,
        file: Path,
        *,
        where: str,
        config: Mapping[str, Any],
        pooling: Sequence[str] = ("mean",),
        dense: Sequence[Dense] = (),
        threads: int | None = None,
    ) -> None:
        """Open the file; InvalidInputError if it has other inputs, or no output of states."""
        self._where = where
        self._pooling = tuple(pooling)
        self._dense = tuple(dense)
        self._pad = int(config.get("pad_token_id") or 0)
        self.max_tokens = int(config.get("max_position_embeddings") or _DEFAULT_MAX)
        self._batches = Batches(max_tokens=self.max_tokens, threads=threads)
        self._file = OnnxFile(file)
        self._output = self._find_output()
        width = self._run([[0]], np.array([1]), np.array([0])).shape[2]
        self.dim = int(dense[-1].matrix.shape[1]) if dense else width * len(pooling)

    def forward(self, ids: Sequence[Sequence[int]], *, skip: int = 0) -> FloatArray:
        """Return (n, dim) unit rows for n sequences of token ids; see `SentenceEngine.forward`."""

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            return self._pool(self._run(ids, lengths, batch), lengths[batch], skip)

        return self._batches.rows(ids, self.dim, run)

    def states(
        self, ids: Sequence[Sequence[int]], *, layers: Sequence[int] | None = None
    ) -> list[FloatArray]:
        """Return the last states of each sequence's tokens, (its length, width of the network).

        layers: InvalidInputError if they are given.
        """
        if layers is not None:
            raise InvalidInputError(
                f"layers={list(layers)}; the ONNX file of {self._where} has only its last layer as "
                "output. Leave it out"
            )
        return self._batches.states(ids, partial(self._run, ids))

    def release(self) -> None:
        """Keep the graph: it is the file itself, and to open it again would take as long."""

    def _find_output(self) -> str:
        """Return the name of the output with the tokens' states."""
        if unknown := set(self._file.inputs) - {"input_ids", *_INPUTS}:
            raise InvalidInputError(
                f"{self._where}: its ONNX file takes {', '.join(sorted(unknown))}, which sememe "
                f"cannot give. Export it with input_ids, {', '.join(_INPUTS)} alone"
            )
        shapes = self._file.outputs
        named = [name for name in shapes if name in _STATES]
        usable = named or [name for name in list(shapes)[:1] if len(shapes[name]) in (0, 3)]
        if not usable:
            names = ", ".join(shapes)
            raise InvalidInputError(
                f"{self._where}: its ONNX file gives {names}; sememe pools states of tokens. "
                f"Export it with the output {_STATES[0]}"
            )
        return usable[0]

    def _run(
        self, ids: Sequence[Sequence[int]], lengths: NDArray[np.int64], batch: NDArray[np.int64]
    ) -> FloatArray:
        """Return the states of a batch: (N, T, width)."""
        rows = pad(ids, lengths, batch)
        inside = np.arange(rows.shape[1]) < lengths[batch][:, None]  # (N, T)
        inputs = {name: make(inside) for name, make in _INPUTS.items()}
        inputs["input_ids"] = np.where(inside, rows, self._pad)
        return self._file.run(self._output, inputs)

    def _pool(self, states: FloatArray, lengths: NDArray[np.int64], skip: int) -> FloatArray:
        """Return unit rows (N, dim) for states (N, T, width)."""
        weights = pooling_weights(self._pooling, lengths, skip=skip)
        parts = [
            np.where(weights[:, i, :, None] > 0, states, -np.inf).max(axis=1)
            if way == "max"
            else (weights[:, i, None] @ states)[:, 0]
            for i, way in enumerate(self._pooling)
        ]
        y = np.concatenate(parts, axis=1)
        for step in self._dense:
            y = y @ step.matrix if step.bias is None else y @ step.matrix + step.bias
            y = _ACTIVATIONS[step.activation](y)
        return unit(y)
