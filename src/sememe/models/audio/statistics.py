"""Statistics of fixed size of a mel spectrogram and its MFCC.

    part      width   of what
    bands     192     each of 64 mel bands: mean, deviation, and deviation of its slope
    timbre    120     each of 20 MFCC: mean, deviation, minimum, maximum, deviation of both deltas
    rhythm     48     8 groups of bands: power of modulations of 0.5 to 43 Hz
    presence   24     MFCC where it is loud: deviation; for how long; deviation of loudness
    course    100     MFCC of five stretches in order: mean, less the mean of all
    company    28     correlations of the first 8 MFCC over time

Levels are relative to the loudest: the same audio at another volume has the same statistics. Means
over time do not distinguish "one" from "no": the course does. It is weighted less, as continuous
sounds have none.

References: statistics of MFCC over a clip, Tzanetakis & Cook 2002 (doi:10.1109/TSA.2002.800560);
modulation spectra, McDermott & Simoncelli 2011 (doi:10.1016/j.neuron.2011.06.032).
"""

from __future__ import annotations

import numpy as np

from sememe._types import FloatArray
from sememe.models.audio.mfcc import Mfcc, cosine_basis, delta

MEL = Mfcc(  # with a low amin, as soft audio is not silence
    sample_rate=22_050, n_fft=1024, hop_length=256, n_mels=64, amin=1e-20, top_db=None, threads=1
)
WIDTHS = {"bands": 192, "timbre": 120, "rhythm": 48, "presence": 24, "course": 100, "company": 28}
_N_MFCC = 20
_COSINES = cosine_basis(MEL.n_mels, 2, "ortho")[:_N_MFCC].astype(np.float32)
_RANGE = 80.0  # decibels below the loudest that count
_SILENCE = -90.0  # decibels: below this, audio is silent
_LOUD = 30.0  # decibels below the loudest frame that still count as loud
_STRETCHES = 5
_GROUPS = 8
_TEMPI = (0.5, 1, 2, 4, 8, 16, 43)  # bounds of modulation frequency, in Hz
_FRAMES_A_SECOND = MEL.sample_rate / MEL.hop_length
_LEAST_FRAMES = 512  # of a Fourier transform over time


def measure_statistics(levels: FloatArray) -> FloatArray:
    """Return (512,) float32: the parts concatenated, not yet on one scale.

    levels: (64, frames) of `MEL.log_mel`, at least one frame.
    """
    loudest = max(float(levels.max()), _SILENCE)
    levels = np.maximum(levels, np.float32(loudest - _RANGE)) - np.float32(loudest)
    cepstra = _COSINES @ levels
    loudness = 10 * np.log10((10 ** (levels / 10)).mean(axis=0) + 1e-10)
    loud = np.flatnonzero(loudness > loudness.max() - _LOUD)
    first, last = int(loud[0]), int(loud[-1]) + 1
    timbre = (cepstra.mean(1), cepstra.std(1), cepstra.min(1), cepstra.max(1))
    slopes = (delta(cepstra).std(1), delta(cepstra, order=2).std(1))
    rise = np.maximum(np.diff(levels, axis=1), 0).mean() if levels.shape[1] > 1 else 0.0
    presence = (len(loud) / len(loudness), np.log1p(last - first), rise, loudness.std())
    parts = {
        "bands": np.concatenate([levels.mean(1), levels.std(1), delta(levels).std(1)]),
        "timbre": np.concatenate([*timbre, *slopes]),
        "rhythm": _measure_rhythm(levels),
        "presence": np.array([*cepstra[:, loud].std(1), *presence]),
        "course": _measure_course(cepstra[:, first:last]),
        "company": _correlate(cepstra[:_GROUPS]),
    }
    return np.concatenate([parts[name] for name in WIDTHS]).astype(np.float32)


def _measure_rhythm(levels: FloatArray) -> FloatArray:
    """Return (48,): log power of 8 groups of bands in 6 ranges of modulation frequency."""
    frames = levels.shape[1]
    groups = levels.reshape(_GROUPS, -1, frames).mean(axis=1)
    groups = (groups - groups.mean(axis=1, keepdims=True)) * np.hanning(frames + 2)[1:-1]
    length = max(_LEAST_FRAMES, 1 << (frames - 1).bit_length())
    power = np.abs(np.fft.rfft(groups, n=length)) ** 2
    tempo = np.fft.rfftfreq(length, 1 / _FRAMES_A_SECOND)
    ranges = zip(_TEMPI, _TEMPI[1:], strict=False)
    sums = [power[:, (tempo >= low) & (tempo < high)].mean(axis=1) for low, high in ranges]
    return np.asarray(np.log10(np.stack(sums, axis=1) / frames + 1).ravel())


def _measure_course(cepstra: FloatArray) -> FloatArray:
    """Return (100,): the mean of each of five segments in order, less the mean of all."""
    frames = cepstra.shape[1]
    sums = np.concatenate([np.zeros((_N_MFCC, 1)), np.cumsum(cepstra, axis=1)], axis=1)
    starts = np.arange(_STRETCHES) * frames // _STRETCHES
    ends = np.maximum(-(-np.arange(1, _STRETCHES + 1) * frames // _STRETCHES), starts + 1)
    means = (sums[:, ends] - sums[:, starts]) / (ends - starts)
    return np.asarray((means - sums[:, -1:] / frames).T.ravel())


def _correlate(rows: FloatArray) -> FloatArray:
    """Return the correlations of each pair of rows; 0 where one is constant."""
    apart = rows - rows.mean(axis=1, keepdims=True)
    apart /= np.linalg.norm(apart, axis=1, keepdims=True) + 1e-3
    return np.asarray((apart @ apart.T)[np.triu_indices(len(rows), 1)])
