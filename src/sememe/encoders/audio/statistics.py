"""Encode audio by statistics of its mel spectrogram and MFCC: no network, no training.

    encoder = sememe.load("mel-statistics")
    vectors = encoder.encode(["bark.ogg", "rain.mp3"])

The statistics: `sememe.models.audio.statistics`. Their whitening: `sememe.models.audio.whitening`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError
from sememe._persistence import ABOUT, check_format, describe_file, expect_valid, made_by
from sememe._types import FloatArray
from sememe.encoders.audio.base import BaseAudioEncoder, check_audio_items
from sememe.encoders.base import check_threads, map_items, unit_rows
from sememe.encoders.space import fingerprint_space
from sememe.models.audio.statistics import MEL, WIDTHS, measure_statistics
from sememe.models.audio.whitening import DIM, LEAST_EXAMPLES, SoundScale, fit_scale, load_scale
from sememe.models.weights.catalog import SOUND_MODEL
from sememe.sources.media.audio_decoding import stream_sound

_SCALE = "scale.npz"
_FORMAT = 1
_SECONDS = 30.0  # of audio whose statistics are computed together
_WIDTH = sum(WIDTHS.values())  # 512


class SoundEncoder(BaseAudioEncoder):
    """Encode audio as unit vectors: paths, bytes of files, or (samples, sample rate).

    The overall loudness has no influence. Audio longer than 30 seconds is measured in windows, each
    relative to its own maximum, and their statistics are averaged. Audio shorter than a frame,
    clicks and silence have vectors too.

    Attributes:
        whitening: Transform of the statistics to decorrelated features.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal(22_050)
    >>> SoundEncoder().encode([(noise, 22_050)]).shape
    (1, 192)
    """

    def __init__(
        self,
        whitening: SoundScale | None = None,
        *,
        name: str = SOUND_MODEL,
        threads: int | None = None,
    ) -> None:
        """Take a whitening, by default the package's. threads: all cores by default."""
        check_threads(threads)
        self.whitening = whitening or load_scale()
        space = fingerprint_space(
            v=1, statistics=1, mel=repr(MEL), scale=self.whitening.digest, normalize=True
        )
        super().__init__(name=name, dim=self.whitening.dim, space=space)
        self._threads = threads or count_cpus()

    @classmethod
    def fit(
        cls,
        items: Iterable[Any],
        *,
        dim: int = DIM,
        threads: int | None = None,
        show_progress: bool = False,
    ) -> SoundEncoder:
        """Fit the whitening to audio of the kind that will be compared; no labels are needed.

        Args:
            items: At least 50 audio items; those that cannot be read are left out.
            dim: Width of the vectors; smaller where there are fewer items.
            threads: CPU threads; all cores by default.
            show_progress: Draw a progress bar on standard error.

        Raises:
            InvalidInputError: Fewer than 50 that can be read, or a width out of range.
            MissingExtraError: The extra `audio` is not installed.
        """
        given = check_audio_items(items)
        if not isinstance(dim, int) or not 1 <= dim <= _WIDTH:
            raise InvalidInputError(f"dim={dim}; give a whole number, 1 to {_WIDTH}.")
        rows, failed = cls(threads=threads).measure(given, show_progress=show_progress)
        known = [i for i in range(len(given)) if i not in failed]
        if len(known) < LEAST_EXAMPLES:
            raise InvalidInputError(
                f"got {len(known)} audio items that can be read; a scale needs {LEAST_EXAMPLES} "
                f"or more. With fewer, the {SOUND_MODEL} of the catalogue is the better choice."
            )
        return cls(fit_scale(rows[known], dim), threads=threads)

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        rows, failed = self.measure(items, show_progress=show_progress)
        return unit_rows(self.whitening(rows), self.dim), failed

    def measure(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Measure audio: (n, 512) float32 statistics, and {index: reason} for failures."""
        return map_items(_measure, items, dim=_WIDTH, threads=self._threads, show=show_progress)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the whitening to a folder that `sememe.load` opens, and return the folder."""
        from sememe._atomic import write_atomically

        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(folder / _SCALE) as file:
            file.write(self.whitening.to_bytes())
        about = {
            "format": _FORMAT,
            "kind": SOUND_MODEL,
            "made_by": made_by(),
            "dim": self.dim,
            "files": {_SCALE: describe_file(folder / _SCALE)},
        }
        with write_atomically(folder / ABOUT) as file:
            file.write(json.dumps(about, indent=2).encode())
        return folder

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> SoundEncoder:
        """Open a folder that `save` wrote; CorruptFileError if it is damaged."""
        folder = Path(path)
        with expect_valid(folder, cure="Make it again", errors=(Exception,)):  # JSON, ZIP, NumPy
            document = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            check_format(folder / ABOUT, document["format"], _FORMAT)
            scale = SoundScale.of_bytes((folder / _SCALE).read_bytes())
        return cls(scale, name=str(folder.resolve()), threads=threads)


def _measure(item: Any) -> FloatArray:
    """Return the (512,) statistics of an item, the mean over its windows."""
    import numpy as np

    total, weight = np.zeros(_WIDTH), 0
    for block in stream_sound(item, sample_rate=MEL.sample_rate, seconds=_SECONDS):
        log_mel = MEL.log_mel((block, MEL.sample_rate))
        total += len(block) * measure_statistics(log_mel).astype(float)
        weight += len(block)
    return (total / weight).astype(np.float32)
