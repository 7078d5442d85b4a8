"""CLIP's towers as the ONNX files of a folder, of any architecture.

    onnx/text_model.onnx     "input_ids" (N, T), optionally "attention_mask" (N, T), to
                             "text_embeds" (N, dim)
    onnx/vision_model.onnx   "pixel_values" (N, 3, size, size) float32 to "image_embeds" (N, dim)

A text tower without a mask gets texts of its full length, padded as in training; except for CLIP's
own architecture, in which no used state attends to the padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid
from sememe._types import FloatArray
from sememe.models.clip.folder import ClipFolder
from sememe.models.clip.weights import MAX_SCALE
from sememe.models.image.engine import VisionEngine
from sememe.models.image.preprocess import Preprocess
from sememe.models.onnx.batches import Batches, pad
from sememe.models.onnx.session import OnnxFile
from sememe.models.onnx.token_engine import TOKENS_AT_ONCE
from sememe.models.weights.folder import CONFIG

_TEXT = ("text_embeds", "sentence_embedding", "pooler_output")
_IMAGE = ("image_embeds", "sentence_embedding", "pooler_output")
# Defaults of configs: SigLIP's, and any other's.
_SIGLIP = {"max_position_embeddings": 64, "pad_token_id": 1}
_DEFAULTS = {"max_position_embeddings": 77, "pad_token_id": 0}


class OnnxTowers:
    """Both files; attributes and methods are those of `sememe.models.clip.towers.ClipTowers`."""

    def __init__(self, folder: ClipFolder) -> None:
        """Open both; see `open_towers`."""
        self._folder = folder
        self.max_tokens, self._pad_id = _read_text_config(folder)
        self.logit_scale = MAX_SCALE  # the learnt one is in neither file
        self._text = _Tower(folder.files[0], _TEXT, takes={"input_ids", "attention_mask"})
        self._image = _Tower(folder.files[1], _IMAGE, takes={"pixel_values"})
        size, ones = folder.preprocess.size, np.ones((1, self.max_tokens))
        black = np.zeros((1, 3, size, size), np.float32)
        self.dim = self._image.encode({"pixel_values": black}).shape[1]
        width = self._text.encode({"input_ids": ones, "attention_mask": ones}).shape[1]
        if width != self.dim:
            raise CorruptFileError(
                f"{folder.path}: vectors of texts are {width} wide, of images {self.dim}. Fetch it "
                "anew"
            )

    def texts(self, threads: int | None) -> _TextEngine:
        """Open the text tower."""
        batches = Batches(max_tokens=self.max_tokens, threads=threads)
        masked = "attention_mask" in self._text.inputs
        padded = not masked and self._folder.facts.get("model_type") != "clip"
        length = self.max_tokens if padded else 0
        return _TextEngine(self._text, self.dim, batches, self._pad_id, length)

    def images(self, threads: int | None) -> VisionEngine:
        """Open the image tower, with the output "features"."""
        return _ImageEngine(self._image, self._folder.preprocess, self.dim, threads=threads)


def _read_text_config(folder: ClipFolder) -> tuple[int, int]:
    """Return the longest text, special tokens included, and the id of the padding."""
    defaults = _SIGLIP if str(folder.facts.get("model_type")).startswith("siglip") else _DEFAULTS
    with expect_valid(folder.path / CONFIG):
        given = folder.facts.get("text_config") or {}
        longest, pad_id = (int(given.get(name) or value) for name, value in defaults.items())
    if longest < 3:
        raise CorruptFileError(f"{folder.path}: its texts have no room between special tokens")
    return longest, pad_id


class _Tower(OnnxFile):
    """An ONNX file of one tower, with the name of its output of vectors."""

    def __init__(self, path: Path, outputs: Sequence[str], *, takes: set[str]) -> None:
        super().__init__(path)
        if unknown := set(self.inputs) - takes:
            raise InvalidInputError(
                f"{path} takes {', '.join(sorted(unknown))}; sememe gives "
                f"{', '.join(sorted(takes))}. Export it so"
            )
        self._output = next((name for name in outputs if name in self.outputs), "")
        if not self._output:
            raise InvalidInputError(
                f"{path} gives {', '.join(self.outputs)}; sememe takes {outputs[0]}. Export it so"
            )

    def encode(self, inputs: dict[str, Any]) -> FloatArray:
        """Return (N, dim) for inputs of any type; those the file does not take are left out."""
        rows = self.run(self._output, inputs)
        if rows.ndim != 2:
            raise InvalidInputError(
                f"{self.path}: {self._output} has the shape {rows.shape}; sememe takes a vector "
                "for each item. Export it so"
            )
        return rows


@dataclass(eq=False)
class _TextEngine:
    """Token ids to unit rows; length: To which texts are padded at least."""

    tower: _Tower
    dim: int
    batches: Batches
    pad_id: int
    length: int
    tokens_at_once = TOKENS_AT_ONCE

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) unit rows for n sequences of token ids; see `TokenEngine.forward`."""

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            rows = pad(ids, lengths, batch)
            rows = np.pad(rows, ((0, 0), (0, max(0, self.length - rows.shape[1]))))
            inside = np.arange(rows.shape[1]) < lengths[batch][:, None]  # (N, T)
            rows = np.where(inside, rows, self.pad_id)
            vectors = self.tower.encode({"input_ids": rows, "attention_mask": inside})
            unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            return unit

        return self.batches.rows(ids, self.dim, run)

    def release(self) -> None:
        """Keep the graph: it is the file itself, and to open it again would take as long."""


class _ImageEngine(VisionEngine):
    """An image tower with float input: images are normalised in NumPy."""

    def __init__(
        self, tower: _Tower, preprocess: Preprocess, dim: int, *, threads: int | None
    ) -> None:
        super().__init__(lambda: tower.path, preprocess, threads=threads)
        self._tower = tower
        self._dim = dim
        self._scale = (1 / (255 * np.array(preprocess.std))).astype(np.float32)
        self._shift = (np.array(preprocess.mean) / np.array(preprocess.std)).astype(np.float32)

    def outputs(self) -> dict[str, list[Any]]:
        """Return the output "features" and its shape."""
        return {"features": ["N", self._dim]}

    def release(self) -> None:
        """Keep the graph, as `_TextEngine.release`."""

    def _open(self) -> None:
        pass

    def _infer(self, pixels: Any, outputs: Sequence[str]) -> list[FloatArray]:
        values = pixels * self._scale - self._shift  # (N, size, size, 3)
        return [self._tower.encode({"pixel_values": values.transpose(0, 3, 1, 2)})]
