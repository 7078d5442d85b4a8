"""CLIP's towers as ONNX files that a folder brings, whatever kind of network is in them.

    onnx/text_model.onnx     "input_ids" (N, T), "attention_mask" (N, T) if it likes, to
                             "text_embeds" (N, dim)
    onnx/vision_model.onnx   "pixel_values" (N, 3, size, size) float32 to "image_embeds" (N, dim)

A text tower that takes no mask is given texts of its full length, padded as in training; but for
CLIP's own kind, in which no token that counts sees the padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.clip.weights import MAX_SCALE
from sememe.models.image.engine import PIXELS, VisionEngine
from sememe.models.onnx.batches import Batches, padded
from sememe.models.onnx.builder import session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.clip.folder import ClipFolder
    from sememe.models.image.preprocess import Preprocess

_TEXT = ("text_embeds", "sentence_embedding", "pooler_output")
_IMAGE = ("image_embeds", "sentence_embedding", "pooler_output")
# What a config leaves out where it is as usual for its kind: SigLIP's, and any other's.
_SIGLIP = {"max_position_embeddings": 64, "pad_token_id": 1}
_USUAL = {"max_position_embeddings": 77, "pad_token_id": 0}


class OnnxTowers:
    """Both files; see `sememe.models.clip.towers.Towers`."""

    def __init__(self, folder: ClipFolder) -> None:
        """Open both.

        Raises:
            CorruptFileError: One cannot be opened, or they do not fit each other or the folder.
            InvalidInputError: One takes or gives something else.
        """
        self._folder = folder
        text = _text_facts(folder)
        self.max_tokens = text["max_position_embeddings"]
        self.logit_scale = MAX_SCALE  # the files do not hold what was learnt
        self._texts = _File(folder.files[0], _TEXT, takes={"input_ids", "attention_mask"})
        self._pictures = _File(folder.files[1], _IMAGE, takes={"pixel_values"})
        self._pad = text["pad_token_id"]
        size = folder.preprocess.size
        black = np.zeros((1, 3, size, size), np.float32)
        self.dim = self._pictures.run({"pixel_values": black}).shape[1]
        width = self._texts.run(
            dict.fromkeys(("input_ids", "attention_mask"), np.ones((1, self.max_tokens)))
        ).shape[1]
        if width != self.dim:
            raise CorruptFileError(
                f"{folder.path}: texts come out {width} wide, pictures {self.dim}. Fetch it anew"
            )

    def texts(self, threads: int | None) -> _Texts:
        """Make the text tower ready."""
        full = self.max_tokens if self._folder.facts.get("model_type") != "clip" else 0
        return _Texts(self._texts, self.dim, self.max_tokens, full, self._pad, threads)

    def images(self, threads: int | None) -> VisionEngine:
        """Make the image tower ready, with the output "features"."""
        return _Pictures(self._pictures, self._folder.preprocess, self.dim, threads=threads)


def _text_facts(folder: ClipFolder) -> dict[str, int]:
    usual = _SIGLIP if str(folder.facts.get("model_type")).startswith("siglip") else _USUAL
    try:
        text = folder.facts.get("text_config") or {}
        found = {name: int(text.get(name) or value) for name, value in usual.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{folder.path}: config.json is damaged: {error!r}") from error
    if found["max_position_embeddings"] < 3:
        raise CorruptFileError(f"{folder.path}: its texts have no room between the marks")
    return found


class _File:
    """An ONNX file and the one of its outputs that counts."""

    def __init__(self, path: Path, outputs: Sequence[str], *, takes: set[str]) -> None:
        self.path = path
        try:
            self.session = session(str(path))
        except Exception as error:  # ONNX Runtime has many classes of them
            raise CorruptFileError(f"{path} cannot be opened: {error}. Fetch it anew") from error
        self.inputs = {port.name: port.type for port in self.session.get_inputs()}
        given = [port.name for port in self.session.get_outputs()]
        if unknown := set(self.inputs) - takes:
            raise InvalidInputError(
                f"{path} takes {', '.join(sorted(unknown))}; sememe gives "
                f"{', '.join(sorted(takes))}. Export it so"
            )
        self.output = next((name for name in outputs if name in given), "")
        if not self.output:
            raise InvalidInputError(
                f"{path} gives {', '.join(given)}; sememe takes {outputs[0]}. Export it so"
            )

    def run(self, inputs: dict[str, Any]) -> FloatArray:
        """Return the output (N, dim) for inputs of any type; those it does not take are left."""
        types = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
        fed = {
            name: inputs[name].astype(types.get(kind, np.float32), copy=False)
            for name, kind in self.inputs.items()
        }
        try:
            found: FloatArray = self.session.run([self.output], fed)[0]
        except Exception as error:
            raise CorruptFileError(f"{self.path} does not run: {error}") from error
        if found.ndim != 2:
            raise InvalidInputError(
                f"{self.path}: {self.output} has the shape {found.shape}; sememe takes a vector "
                "for each item. Export it so"
            )
        return found.astype(np.float32, copy=False)


class _Texts:
    """Token ids to unit rows."""

    tokens_at_once = 65_536  # among which sequences of like length find together

    def __init__(
        self, file: _File, dim: int, most: int, full: int, pad: int, threads: int | None
    ) -> None:
        """Take the file; full: to how many tokens texts are padded where it takes no mask."""
        self._file = file
        self._dim = dim
        self._full = 0 if "attention_mask" in file.inputs else full
        self._pad = pad
        self._batches = Batches(max_tokens=most, threads=threads)

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) unit rows for n sequences of token ids, marks included.

        Raises:
            InvalidInputError: A sequence without tokens, or longer than the network reads.
        """

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            rows = padded(ids, lengths, batch)
            rows = np.pad(rows, ((0, 0), (0, max(0, self._full - rows.shape[1]))))
            inside = np.arange(rows.shape[1]) < lengths[batch][:, None]
            rows = np.where(inside, rows, self._pad)
            found = self._file.run({"input_ids": rows, "attention_mask": inside})
            unit: FloatArray = found / np.linalg.norm(found, axis=1, keepdims=True)
            return unit

        return self._batches.rows(ids, self._dim, run)

    def release(self) -> None:
        """Keep the graph: it is the file itself, and to open it again would take as long."""


class _Pictures(VisionEngine):
    """An image tower that takes numbers: pictures are normalised before it, in NumPy."""

    def __init__(
        self, file: _File, preprocess: Preprocess, dim: int, *, threads: int | None
    ) -> None:
        super().__init__(lambda: file.path, preprocess, threads=threads)
        self._file = file
        self._dim = dim

    def release(self) -> None:
        """Keep the graph, as `_Texts.release`."""

    @cached_property
    def _session(self) -> Any:
        return _Normalising(self._file, self.preprocess, self._dim)


class _Port(NamedTuple):
    name: str
    shape: tuple[str, int]


class _Normalising:
    """Stands where `VisionEngine` has a session."""

    def __init__(self, file: _File, preprocess: Preprocess, dim: int) -> None:
        self._file = file
        self._dim = dim
        self._scale = (1 / (255 * np.array(preprocess.std))).astype(np.float32)
        self._shift = (np.array(preprocess.mean) / np.array(preprocess.std)).astype(np.float32)

    def get_outputs(self) -> list[_Port]:
        return [_Port("features", ("N", self._dim))]

    def run(self, outputs: Sequence[str], inputs: dict[str, Any]) -> list[FloatArray]:
        values = inputs[PIXELS] * self._scale - self._shift
        return [self._file.run({"pixel_values": values.transpose(0, 3, 1, 2)})]
