"""Run CLAP's two towers: texts in batches, clips in parallel."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sememe._cpus import count_cpus
from sememe._types import FloatArray
from sememe.models.clap.features import ClapFeatures
from sememe.models.clap.folder import ClapFolder
from sememe.models.clap.graph import audio_graph, text_graph
from sememe.models.clap.weights import ClapAudioWeights, read_audio_weights, read_text_weights
from sememe.models.clip.weights import read_logit_scale
from sememe.models.onnx.session import LazySession
from sememe.models.onnx.token_engine import TokenEngine


class ClapAudioEngine:
    """The audio tower and its projection. Safe to share between threads.

    Attributes:
        features: Converts audio to spectrograms.
        threads: How many clips may run in parallel.
    """

    def __init__(
        self, weights: ClapAudioWeights, features: ClapFeatures, *, threads: int | None = None
    ) -> None:
        self.features = features
        self.threads = threads or count_cpus()
        make = partial(audio_graph, weights, frames=features.frames)
        self._whole = LazySession(make)
        self._fused = LazySession(partial(make, fused=True))

    def row(self, sound: Any) -> FloatArray:
        """Return the (dim,) mean of the unit rows of the audio's windows.

        Raises as `stream_sound` does.
        """
        rows = []
        for mels in self.features.windows(sound):
            session = self._whole if len(mels) == 1 else self._fused
            rows.append(session.run({"mels": mels})[0][0])
        return np.asarray(np.mean(rows, axis=0))

    def open(self) -> None:
        """Build the graph if that is not done."""
        self._whole.open()

    def release(self) -> None:
        """Free memory that only makes the next call faster: the graphs."""
        self._whole.release()
        self._fused.release()


class ClapTowers:
    """Both towers of a folder, whose weights are read once.

    Attributes:
        dim: Width of the common space.
        logit_scale: Logarithm of the factor of cosines.
    """

    def __init__(self, folder: ClapFolder) -> None:
        """Read the weights; raises as `ClapFolder.tensors` does."""
        self._folder = folder
        self._where = str(folder.path)
        self._tensors = folder.tensors()
        self.dim = folder.config.dim
        self.logit_scale = read_logit_scale(self._tensors, "logit_scale_a", where=self._where)

    def texts(self, threads: int | None) -> TokenEngine:
        """Open the text tower."""
        weights = read_text_weights(self._folder.config, self._tensors, where=self._where)
        make, most = partial(text_graph, weights), weights.network.max_tokens
        return TokenEngine(make, dim=self.dim, max_tokens=most, threads=threads)

    def sounds(self, threads: int | None) -> ClapAudioEngine:
        """Open the audio tower."""
        weights = read_audio_weights(self._folder.config, self._tensors, where=self._where)
        return ClapAudioEngine(weights, self._folder.features, threads=threads)
