"""Encode audio by the mean hidden states of a speech network: wav2vec 2.0 or HuBERT.

    encoder = sememe.load("hf:org/name:layer6")
    vectors = encoder.encode(["one.wav", "two.mp3"])

Middle layers represent words and speakers best; the last ones are specialised to the training
objective (Pasad et al. 2021, arXiv:2107.04734).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._types import FloatArray
from sememe.encoders.audio.base import BaseAudioEncoder, check_audio_items
from sememe.encoders.base import check_threads, raise_failures, unit_rows
from sememe.encoders.name import ModelName
from sememe.encoders.space import fingerprint_space
from sememe.models.wav2vec2.engine import SpeechEngine
from sememe.models.wav2vec2.folder import read_speech_folder

_SECONDS = 30.0  # of audio that the network reads at once
_HELD = 120.0  # seconds of audio in memory before they are run


class SpeechEncoder(BaseAudioEncoder):
    """Encode audio as unit vectors: paths, bytes of files, or (samples, sample rate).

    Audio longer than 30 s is read in windows, and the mean is over the frames of all of them; audio
    shorter than a frame is padded with silence. Loudness is normalised where the network was
    trained with normalised audio.
    """

    def __init__(self, engine: SpeechEngine, *, name: str, space: str) -> None:
        """Take the engine of the network; see `load`."""
        super().__init__(name=name, dim=engine.width, space=space)
        self._engine: SpeechEngine = engine

    @classmethod
    def load(
        cls, folder: str | Path, *, name: str = "", threads: int | None = None
    ) -> SpeechEncoder:
        """Load the network in a folder.

        Args:
            folder: The folder, followed by ":layer6" for the states of another layer than the last;
                layer 0 is the input of the first.
            name: How to load it again; by default the folder.
            threads: CPU threads; all cores by default.

        Raises:
            InvalidInputError: No such network or no such layer.
            CorruptFileError, MissingExtraError: Its files are damaged, or need an extra.
        """
        check_threads(threads)
        parsed = ModelName.parse(str(folder))
        network = read_speech_folder(Path(parsed.source).resolve())
        last, layer = network.config.layers, parsed.layer
        if layer is not None and layer > last:
            raise InvalidInputError(
                f"{parsed.source} has no layer {layer}; give :layer0 to :layer{last}, or none for "
                "the last."
            )
        depth = last if layer is None else layer
        engine = SpeechEngine(network, layer=depth, threads=threads)
        space = fingerprint_space(v=1, network=network.fingerprint(), layer=depth, pooling="mean")
        return cls(engine, name=name or f"{network.path}{parsed.suffix}", space=space)

    @property
    def layer(self) -> int:
        """The layer whose states are averaged."""
        return self._engine.layer or 0

    @property
    def seconds_per_frame(self) -> float:
        """Hop between two frames, in seconds."""
        return self._engine.seconds_per_frame

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        means, failed = self.mean_states(items, show_progress=show_progress)
        return unit_rows(means, self.dim), failed

    def mean_states(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Average states over time: (n, dim) float32, not normalised, NaN if failed; reasons."""
        import numpy as np

        given = check_audio_items(items)
        sums = np.zeros((len(given), self.dim), np.float64)
        counts = np.zeros((len(given), 1), np.int64)
        failed: dict[int, str] = {}
        with progress("encoding", total=len(given), show=show_progress) as advance:
            for index, rows in self._engine.stream(given, failed, seconds=_SECONDS, held=_HELD):
                sums[index] += rows.sum(axis=0, dtype=np.float64)  # rows: (frames, dim)
                counts[index] += len(rows)
                advance(index + 1)
        known = ~np.isin(np.arange(len(given)), list(failed))
        means = np.full((len(given), self.dim), np.nan, np.float32)
        means[known] = sums[known] / np.maximum(counts[known], 1)
        for index in np.flatnonzero(known & ~np.isfinite(means).all(axis=1)).tolist():
            means[index] = np.nan
            failed[index] = "the network's states for it are infinite; make it less loud"
        return means, failed

    def encode_frames(self, items: Sequence[Any]) -> list[FloatArray]:
        """Return (frames, dim) float32 states of the layer for each item, not normalised.

        Frame i starts at i * `seconds_per_frame` seconds. Errors are those of `encode`.
        """
        import numpy as np

        given = check_audio_items(items)
        frames: list[list[FloatArray]] = [[] for _ in given]
        failed: dict[int, str] = {}
        for index, rows in self._engine.stream(given, failed, seconds=_SECONDS, held=_HELD):
            frames[index].append(rows)
        raise_failures(given, failed)
        return [np.concatenate(parts) for parts in frames]
