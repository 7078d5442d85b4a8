"""Run CLIP's two towers: graphs built from the weights, or ONNX files of the folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.models.clip import weights as clip_weights
from sememe.models.clip.config import ClipConfig
from sememe.models.clip.folder import ClipFolder
from sememe.models.clip.graph import image_graph, text_graph
from sememe.models.clip.onnx_towers import OnnxTowers
from sememe.models.image.engine import VisionEngine
from sememe.models.onnx.token_engine import TokenEngine
from sememe.models.onnx.transformer import Layer

_MOST = (1 << 31) - (64 << 20)  # bytes of a protobuf message, less what is not weights


def open_towers(folder: ClipFolder) -> ClipTowers | OnnxTowers:
    """Open a folder's towers.

    Raises:
        InvalidInputError, CorruptFileError, MissingExtraError: If the weights or ONNX files are
            damaged, or do not fit each other or the folder.
    """
    return ClipTowers(folder, folder.config) if folder.config else OnnxTowers(folder)


class ClipTowers:
    """Both towers of a folder, with graphs built from the weights.

    Attributes:
        dim: Width of the common space.
        max_tokens: The longest text, special tokens included.
        logit_scale: Logarithm of the factor of cosines.
    """

    def __init__(self, folder: ClipFolder, config: ClipConfig) -> None:
        self._folder = folder
        self._config = config
        self._where = str(folder.path)
        self._tensors = folder.tensors()
        self.dim = config.dim
        self.max_tokens = config.max_tokens
        self.logit_scale = clip_weights.read_logit_scale(self._tensors, where=self._where)

    def texts(self, threads: int | None) -> TokenEngine:
        """Open the text tower."""
        weights = clip_weights.read_text_weights(self._config, self._tensors, where=self._where)
        check_size([weights.words], weights.layers, where=self._where)
        return make_text_engine(weights, threads=threads)

    def images(self, threads: int | None) -> VisionEngine:
        """Open the image tower, with the output "features"."""
        weights = clip_weights.read_image_weights(self._config, self._tensors, where=self._where)
        check_size([weights.patches], weights.layers, where=self._where)
        preprocess = self._folder.preprocess
        return VisionEngine(partial(image_graph, weights, preprocess), preprocess, threads=threads)


def make_text_engine(
    weights: clip_weights.TextWeights, *, threads: int | None = None
) -> TokenEngine:
    """Return the engine of the text tower and its projection: token ids to unit rows."""
    return TokenEngine(
        partial(text_graph, weights),
        dim=weights.projection.shape[1],
        max_tokens=weights.max_tokens,
        takes_lengths=False,
        threads=threads,
    )


def check_size(first: Sequence[FloatArray], layers: Sequence[Layer], *, where: str) -> None:
    """Raise InvalidInputError if a tower's matrices take 2 GB or more, as those of ViT-H/14 do."""
    matrices = [m for one in layers for m in (one.qkv, one.out, one.up, one.down)]
    size = sum(matrix.nbytes for matrix in (*first, *matrices))
    if size >= _MOST:
        raise InvalidInputError(
            f"{where}: a tower has {size / 1e9:.1f} GB of weights in float32, and a graph holds "
            f"less than {_MOST / 1e9:.1f}. Put its export there: onnx/text_model.onnx and "
            "onnx/vision_model.onnx"
        )
