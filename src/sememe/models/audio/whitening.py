"""Half-whitening of audio statistics, so that no common variation dominates.

The 512 statistics are correlated, and of all units. Each is divided by its deviation among
examples; then their principal axes are taken, and each axis is divided by the root of its
deviation: half of whitening, as the last axes are mostly noise.

The scale of the package was fitted to synthetic sounds (`sememe.models.audio.synthetic_sounds`),
not to real audio; `SoundEncoder.fit` fits another to a user's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.models.audio.statistics import WIDTHS

DIM = 192
LEAST_EXAMPLES = 50
_WEIGHTS = {"course": 0.4, "company": 0.3}  # of parts with less weight; 1 for the others
SCALE_FILE = "sound_scale.npz"


@dataclass(frozen=True, eq=False, slots=True)
class SoundScale:
    """An affine map from statistics to vectors.

    Attributes:
        mean: (512,) of the examples' statistics.
        axes: (512, dim), by which the difference from the mean is multiplied.
    """

    mean: FloatArray
    axes: FloatArray

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self.axes.shape[1])

    @property
    def digest(self) -> str:
        """The sha256 of both arrays."""
        data = self.mean.astype("<f4").tobytes() + self.axes.astype("<f4").tobytes()
        return hashlib.sha256(data).hexdigest()

    def __call__(self, statistics: FloatArray) -> FloatArray:
        """Return (n, dim) float32 of (n, 512), not of unit length."""
        return ((statistics - self.mean) @ self.axes).astype(np.float32, copy=False)

    def to_bytes(self) -> bytes:
        """Return the file that `of_bytes` reads."""
        out = BytesIO()
        np.savez(out, mean=self.mean, axes=self.axes)
        return out.getvalue()

    @classmethod
    def of_bytes(cls, data: bytes) -> SoundScale:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: If the bytes are something else.
        """
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            scale = cls(arrays["mean"], arrays["axes"])
        count = sum(WIDTHS.values())
        fits = scale.mean.shape == (count,) and scale.axes.ndim == 2 and len(scale.axes) == count
        if not fits or not all(np.isfinite(a).all() for a in (scale.mean, scale.axes)):
            raise ValueError(f"its arrays are no scale of {count} statistics")
        return scale


def fit_scale(statistics: FloatArray, dim: int = DIM) -> SoundScale:
    """Fit the scale to (n, 512) statistics of examples; dim at most n - 1 and 512.

    Raises:
        InvalidInputError: If the examples are all alike.
    """
    weights = np.concatenate([np.full(w, _WEIGHTS.get(name, 1.0)) for name, w in WIDTHS.items()])
    mean = statistics.mean(axis=0, dtype=np.float64)
    deviation = statistics.std(axis=0, dtype=np.float64)
    scale = weights / (deviation + 1e-3 * deviation.mean() + 1e-9)
    _, values, axes = np.linalg.svd((statistics - mean) * scale, full_matrices=False)
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    spread = values / np.sqrt(len(statistics))
    dim = min(dim, int((spread > max(1e-3 * float(spread[0]), 1e-6)).sum()))
    if not dim:
        raise InvalidInputError(
            f"the {len(statistics)} audio examples are all alike; give some that differ."
        )
    rows = scale[:, None] * axes[:dim].T / np.sqrt(spread[:dim])
    return SoundScale(mean.astype(np.float32), rows.astype(np.float32))


@cache
def load_scale() -> SoundScale:
    """Return the scale of the package."""
    return SoundScale.of_bytes((Path(__file__).parent / SCALE_FILE).read_bytes())
