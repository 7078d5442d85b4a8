"""CLAP's two towers ready to run: texts in batches, clips side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.models.clap.graph import audio_graph, text_graph
from sememe.models.clap.weights import audio_weights, scale_of, text_weights
from sememe.models.clip.weights import logit_scale
from sememe.models.onnx.batches import Batches, batch_inputs
from sememe.models.onnx.builder import session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.clap.features import ClapFeatures
    from sememe.models.clap.folder import ClapFolder
    from sememe.models.clap.weights import ClapAudioWeights, ClapTextWeights


class ClapTextEngine:
    """The text tower and its projection."""

    tokens_at_once = 65_536  # among which sequences of like length find together

    def __init__(self, weights: ClapTextWeights, *, threads: int | None = None) -> None:
        self._weights = weights
        self._batches = Batches(max_tokens=weights.network.max_tokens, threads=threads)

    @property
    def max_tokens(self) -> int:
        """The longest text, marks included."""
        return self._weights.network.max_tokens

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, dim) unit rows for n sequences of token ids, marks included.

        Raises:
            InvalidInputError: A sequence without tokens, or beyond the table of positions.
        """

        def run(lengths: NDArray[np.int64], batch: NDArray[np.int64]) -> FloatArray:
            rows: FloatArray = self._session.run(None, batch_inputs(ids, lengths, batch))[0]
            return rows

        return self._batches.rows(ids, len(self._weights.projection[1][1]), run)

    def release(self) -> None:
        """Give back the memory that only makes the next call faster: the graph."""
        self.__dict__.pop("_session", None)

    @cached_property
    def _session(self) -> Any:
        graph, beside = text_graph(self._weights)
        return session(graph, beside=beside)


class ClapAudioEngine:
    """The audio tower and its projection. Safe to share between threads.

    Attributes:
        features: How clips become what it reads.
        threads: How many clips may run side by side.
    """

    def __init__(
        self, weights: ClapAudioWeights, features: ClapFeatures, *, threads: int | None = None
    ) -> None:
        self.features = features
        self.threads = threads or os.cpu_count() or 1
        self._weights = weights

    def row(self, sound: Any) -> FloatArray:
        """Return the (dim,) mean of the unit rows of a recording's windows.

        Raises:
            CorruptFileError, InvalidInputError, MissingExtraError: The recording; see
                `stream_sound`.
        """
        rows = [self._run(mels) for mels in self.features.windows(sound)]
        found: FloatArray = np.mean(rows, axis=0)
        return found

    def open(self) -> None:
        """Make the graph, if that is not done: one thread does, the others find it."""
        _ = self._session

    def release(self) -> None:
        """Give back the memory that only makes the next call faster: the graphs."""
        for name in ("_session", "_fused"):
            self.__dict__.pop(name, None)

    def _run(self, mels: FloatArray) -> FloatArray:
        used = self._session if len(mels) == 1 else self._fused
        row: FloatArray = used.run(None, {"mels": mels})[0][0]
        return row

    @cached_property
    def _session(self) -> Any:
        graph, beside = audio_graph(self._weights, frames=self.features.frames)
        return session(graph, beside=beside)

    @cached_property
    def _fused(self) -> Any:
        graph, beside = audio_graph(self._weights, frames=self.features.frames, fused=True)
        return session(graph, beside=beside)


class ClapTowers:
    """Both towers of a folder, whose weights are read once.

    Attributes:
        dim: Width of the common space.
        logit_scale: Logarithm of what cosines are multiplied by.
    """

    def __init__(self, folder: ClapFolder) -> None:
        """Read the weights.

        Raises:
            CorruptFileError, InvalidInputError, MissingExtraError: See `ClapFolder.tensors`.
        """
        self._folder = folder
        self._where = str(folder.path)
        self._tensors = folder.tensors()
        self.dim = folder.config.dim
        self.logit_scale = logit_scale(scale_of(self._tensors), where=self._where)

    def texts(self, threads: int | None) -> ClapTextEngine:
        """Make the text tower ready."""
        weights = text_weights(self._folder.config, self._tensors, where=self._where)
        return ClapTextEngine(weights, threads=threads)

    def sounds(self, threads: int | None) -> ClapAudioEngine:
        """Make the audio tower ready."""
        weights = audio_weights(self._folder.config, self._tensors, where=self._where)
        return ClapAudioEngine(weights, self._folder.features, threads=threads)
