"""Encode sounds by what can be measured of them: no network, no training, any kind of sound.

    encoder = sememe.load("mel-statistics")
    vectors = encoder.encode(["bark.ogg", "rain.mp3"])

What is measured: `sememe.models.audio.statistics`. On which scale: `sememe.models.audio.whitening`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import ABOUT, check_format, made_by, noted
from sememe._progress import progress
from sememe.encoders.audio.base import Sounds, checked_sounds
from sememe.encoders.base import check_threads, unit_rows
from sememe.encoders.text.encoder import digest
from sememe.models.audio.statistics import MEL, WIDTHS, measure_statistics
from sememe.models.audio.whitening import DIM, LEAST_EXAMPLES, SoundScale, fit_scale, load_scale
from sememe.models.weights.catalog import SOUND_MODEL
from sememe.sources.sound import stream_sound

if TYPE_CHECKING:
    from sememe._types import FloatArray

_SCALE = "scale.npz"
_FORMAT = 1
_SECONDS = 30.0  # of sound whose statistics are taken together


class SoundEncoder(Sounds):
    """Turn sounds into unit vectors: paths, bytes of files, or (samples, sample rate).

    How loud a recording is as a whole makes no difference. Of one longer than 30 seconds, the
    statistics of its windows are averaged, each relative to its own loudest. A recording shorter
    than a frame, one of clicks, one of silence: each has a vector.

    >>> import numpy as np
    >>> noise = np.random.default_rng(0).standard_normal(22_050)
    >>> SoundEncoder().encode([(noise, 22_050)]).shape
    (1, 192)
    """

    def __init__(
        self,
        scale: SoundScale | None = None,
        *,
        name: str = SOUND_MODEL,
        threads: int | None = None,
    ) -> None:
        """Take a scale, that of the package unless told; threads: all cores unless told."""
        self.scale = scale or load_scale()
        self.name = name
        check_threads(threads)
        self._threads = threads or os.cpu_count() or 1

    @classmethod
    def fitted(
        cls,
        items: Iterable[Any],
        *,
        dim: int = DIM,
        threads: int | None = None,
        show_progress: bool = False,
    ) -> SoundEncoder:
        """Return an encoder whose scale was measured on recordings; no labels are needed.

        items: at least 50 recordings, of the kind that will be compared; those that cannot be read
        are left out. dim: width of the vectors, less where there are fewer recordings.

        Raises:
            InvalidInputError: Fewer than 50 that can be read, or a width out of range.
            MissingExtraError: The extra `audio` is not installed.
        """
        sounds = checked_sounds(items)
        if not isinstance(dim, int) or not 1 <= dim <= sum(WIDTHS.values()):
            raise InvalidInputError(f"dim={dim}; give a whole number, 1 to {sum(WIDTHS.values())}.")
        encoder = cls(threads=threads)
        rows, reasons = encoder.measure(sounds, show_progress=show_progress)
        known = [i for i in range(len(sounds)) if i not in reasons]
        if len(known) < LEAST_EXAMPLES:
            raise InvalidInputError(
                f"got {len(known)} recordings that can be read; a scale needs {LEAST_EXAMPLES} or "
                f"more. With fewer, {SOUND_MODEL} as it comes is the better choice."
            )
        return cls(fit_scale(rows[known], dim), threads=threads)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.scale.dim

    @property
    def space(self) -> str:
        """Fingerprint of the vector space: equal if and only if vectors may be compared."""
        return digest(v=1, statistics=1, mel=repr(MEL), scale=self.scale.digest, normalize=True)

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why sounds could not be read: place -> reason.

        The rows of those sounds hold NaN.
        """
        rows, reasons = self.measure(checked_sounds(items), show_progress=show_progress)
        return unit_rows(self.scale(rows), self.dim), reasons

    def measure(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return (n, 512) float32 statistics, and why sounds could not be read."""
        import numpy as np

        found = np.full((len(items), sum(WIDTHS.values())), np.nan, np.float32)
        reasons: dict[int, str] = {}
        with (
            progress("encoding", total=len(items), show=show_progress) as advance,
            ThreadPoolExecutor(self._threads) as pool,
        ):
            for place, one in enumerate(pool.map(_measured, items)):
                if isinstance(one, str):
                    reasons[place] = one
                else:
                    found[place] = one
                advance(place + 1)
        return found, reasons

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write its scale to a folder that `sememe.load` opens, and return the folder."""
        from sememe.vectors.atomic import written

        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        with written(folder / _SCALE) as file:
            file.write(self.scale.to_bytes())
        about = {
            "format": _FORMAT,
            "kind": SOUND_MODEL,
            "made_by": made_by(),
            "dim": self.dim,
            "files": {_SCALE: noted(folder / _SCALE)},
        }
        with written(folder / ABOUT) as file:
            file.write(json.dumps(about, indent=2).encode())
        return folder

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> SoundEncoder:
        """Open a folder that `save` wrote.

        Raises:
            CorruptFileError: A file is missing or damaged, or of a newer format.
        """
        folder = Path(path)
        try:
            document = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            check_format(folder / ABOUT, document["format"], _FORMAT)
            scale = SoundScale.of_bytes((folder / _SCALE).read_bytes())
        except CorruptFileError:
            raise
        except Exception as error:  # of JSON, ZIP or NumPy: any
            raise CorruptFileError(f"{folder} is damaged: {error!r}. Make it anew") from error
        return cls(scale, name=str(folder.resolve()), threads=threads)


def _measured(sound: Any) -> FloatArray | str:
    """Return the statistics of a sound, the mean of its windows', or why it has none."""
    import numpy as np

    total, weight = np.zeros(sum(WIDTHS.values())), 0
    try:
        for block in stream_sound(sound, sample_rate=MEL.sample_rate, seconds=_SECONDS):
            total += len(block) * measure_statistics(MEL.log_mel((block, MEL.sample_rate))).astype(
                float
            )
            weight += len(block)
    except CorruptFileError as error:
        return str(error)
    found: FloatArray = (total / weight).astype(np.float32)
    return found
