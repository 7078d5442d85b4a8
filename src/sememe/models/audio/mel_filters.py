"""Filters that add up the bins of a spectrum as ears do: evenly spaced on the mel scale.

slaney   linear below 1,000 Hz, logarithmic above (Slaney 1998, Auditory Toolbox)
htk      2595 log10(1 + f / 700) (Young et al., The HTK Book)
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from sememe._errors import UnknownNameError
from sememe._types import FloatArray

MelScale = Literal["slaney", "htk"]
MelNorm = Literal["slaney", "none"]
_LINEAR = 200 / 3  # Hz to a mel below the knee, on Slaney's scale
_KNEE = 1000.0
_STEP = 6.4 ** (1 / 27)  # from one mel to the next above it


def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
    scale: MelScale = "slaney",
    norm: MelNorm = "slaney",
) -> FloatArray:
    """Return (n_mels, 1 + n_fft // 2) float32: triangles over the bins of a spectrum.

    Args:
        sample_rate: Samples a second.
        n_fft: Samples of a frame's Fourier transform.
        n_mels: How many filters.
        fmin: Lowest frequency, in Hz.
        fmax: Highest frequency, in Hz; None: half the sample rate.
        scale: The mel scale on which the triangles are evenly spaced.
        norm: "slaney": each of area one; "none": each of height one.
    """
    low, high = to_mel(np.array([fmin, fmax or sample_rate / 2]), scale)
    corners = from_mel(np.linspace(low, high, n_mels + 2), scale)
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    widths = np.diff(corners)
    ramps = corners[:, None] - bins  # (n_mels + 2, bins)
    rising = -ramps[:-2] / widths[:-1, None]  # (n_mels, bins)
    falling = ramps[2:] / widths[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= (2 / (corners[2:] - corners[:-2]))[:, None]
    return filters.astype(np.float32)


def to_mel(hertz: FloatArray, scale: MelScale) -> FloatArray:
    """Return frequencies on a mel scale.

    >>> import numpy as np
    >>> to_mel(np.array([500.0, 1000.0]), "slaney").round(3).tolist()
    [7.5, 15.0]
    """
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + hertz / 700.0))
    _check(scale)
    above = _KNEE / _LINEAR + np.log(np.maximum(hertz, _KNEE) / _KNEE) / np.log(_STEP)
    return np.where(hertz < _KNEE, hertz / _LINEAR, above)


def from_mel(mels: FloatArray, scale: MelScale) -> FloatArray:
    """Return the frequencies, in Hz, of values on a mel scale."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    _check(scale)
    knee = _KNEE / _LINEAR
    return np.where(mels < knee, mels * _LINEAR, _KNEE * _STEP ** (np.maximum(mels, knee) - knee))


def _check(scale: str) -> None:
    if scale not in get_args(MelScale):
        raise UnknownNameError.of("mel_scale", scale, get_args(MelScale))
