"""Encode recordings by the states of a network that learnt from speech: wav2vec 2.0 or HuBERT.

    encoder = sememe.load("hf:org/name:layer6")
    vectors = encoder.encode(["one.wav", "two.mp3"])

A vector is the mean of a layer's states over time. Layers in the middle tell best what is said and
who says it; the last ones serve what the network was trained for (Pasad et al. 2021,
arXiv:2107.04734).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe.encoders.audio.base import Sounds, checked_sounds
from sememe.encoders.base import check_threads, refuse, unit_rows
from sememe.encoders.text.encoder import digest
from sememe.models.wav2vec2.engine import SpeechEngine
from sememe.models.wav2vec2.folder import read_speech_folder

if TYPE_CHECKING:
    from sememe._types import FloatArray

_SECONDS = 30.0  # of sound that the network reads at once
_HELD = 120.0  # seconds of sound in memory before they are run
_LAYER = re.compile(r"(.+):layer(\d+)", re.DOTALL)


class SpeechEncoder(Sounds):
    """Turn recordings into unit vectors: paths, bytes of files, or (samples, sample rate).

    Recordings longer than 30 s are read in windows, and the mean is over the frames of all of them;
    one shorter than a frame is read with silence after it. Give recordings that are alike in
    loudness as they are: each is brought to one loudness where the network learnt so.
    """

    def __init__(self, engine: SpeechEngine, *, name: str, space: str) -> None:
        """Take what runs the network; `SpeechEncoder.load` makes it."""
        self.name = name
        self.space = space
        self._engine = engine

    @classmethod
    def load(
        cls, folder: str | Path, *, name: str = "", threads: int | None = None
    ) -> SpeechEncoder:
        """Load the network of a folder, ":layer6" after it for the states of another layer.

        Layer 0 is what the first layer reads; the last, unless told, what the network gives. name:
        how to load it again, where that is not the folder. threads: all cores unless told.

        Raises:
            InvalidInputError: No such network or no such layer.
            CorruptFileError, MissingExtraError: Its files are damaged, or need an extra.
        """
        check_threads(threads)
        source, layer = split_layer(str(folder))
        found = read_speech_folder(Path(source).resolve())
        most = found.config.layers
        if layer is not None and layer > most:
            raise InvalidInputError(
                f"{source} has no layer {layer}; give :layer0 to :layer{most}, or none for the "
                "last."
            )
        depth = most if layer is None else layer
        mark = "" if layer is None else f":layer{layer}"
        engine = SpeechEngine(found, layer=depth, threads=threads)
        space = digest(v=1, network=found.fingerprint(), layer=depth, pooling="mean")
        return cls(engine, name=name or f"{found.path}{mark}", space=space)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._engine.width

    @property
    def layer(self) -> int:
        """Of which layer its states are."""
        return self._engine.layer or 0

    @property
    def seconds_per_frame(self) -> float:
        """How far apart the beginnings of two frames are."""
        return self._engine.seconds_per_frame

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why recordings could not be read: place -> reason.

        The rows of those recordings hold NaN.
        """
        import numpy as np

        means, reasons = self.mean_states(items, show_progress=show_progress)
        vectors = np.full_like(means, np.nan)
        known = ~np.isin(np.arange(len(means)), list(reasons))
        vectors[known] = unit_rows(means[known], self.dim)
        return vectors, reasons

    def mean_states(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return (n, dim) float32 means over time of the layer's states, as they are.

        And why recordings could not be read, place -> reason; their rows hold NaN.
        """
        import numpy as np

        sounds = checked_sounds(items)
        sums = np.zeros((len(sounds), self.dim), np.float64)
        counts = np.zeros((len(sounds), 1), np.int64)
        reasons: dict[int, str] = {}
        with progress("encoding", total=len(sounds), show=show_progress) as advance:
            for place, rows in self._frames(sounds, reasons):
                sums[place] += rows.sum(axis=0, dtype=np.float64)
                counts[place] += len(rows)
                advance(place + 1)
        known = ~np.isin(np.arange(len(sounds)), list(reasons))
        means = np.full((len(sounds), self.dim), np.nan, np.float32)
        means[known] = sums[known] / np.maximum(counts[known], 1)
        for place in np.flatnonzero(known & ~np.isfinite(means).all(axis=1)).tolist():
            means[place] = np.nan
            reasons[place] = "the network's states for it are infinite; make it less loud"
        return means, reasons

    def encode_frames(self, items: Sequence[Any]) -> list[FloatArray]:
        """Return (frames, dim) float32 for each recording: the layer's states, as they are.

        Frame i begins i * `seconds_per_frame` seconds into the recording.

        Raises:
            CorruptFileError, InvalidInputError, MissingExtraError: As `encode`.
        """
        import numpy as np

        sounds = checked_sounds(items)
        found: list[list[FloatArray]] = [[] for _ in sounds]
        reasons: dict[int, str] = {}
        for place, rows in self._frames(sounds, reasons):
            found[place].append(rows)
        refuse(sounds, reasons)
        return [np.concatenate(parts) for parts in found]

    def release(self) -> None:
        """Give back the memory that only makes the next encode faster."""
        self._engine.release()

    def _frames(
        self, sounds: Sequence[Any], reasons: dict[int, str]
    ) -> Iterator[tuple[int, FloatArray]]:
        return self._engine.stream(sounds, reasons, seconds=_SECONDS, held=_HELD)


def split_layer(name: str) -> tuple[str, int | None]:
    """Cut ":layer6" from the end of a name.

    >>> split_layer("hf:org/name:layer6"), split_layer("folder")
    (('hf:org/name', 6), ('folder', None))
    """
    found = _LAYER.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)
