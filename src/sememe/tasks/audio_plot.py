"""Plot audio: its waveform above, its mel spectrogram below, a window marked in both.

    Path("clip.png").write_bytes(plot_audio("clip.wav", start=1.5, end=4.0))

Audio of any length is read in blocks and downsampled to the width of the plot: the waveform by its
minimum and maximum, the spectrogram by its mean power.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe.models.audio.mel_filters import to_mel
from sememe.models.audio.mfcc import Mfcc
from sememe.sources.media.audio_decoding import stream_sound
from sememe.tasks.downsampling import Downsampler
from sememe.tasks.plotting import FAINT, INK, PAPER, choose_time_ticks, encode_png, map_colours

_MEL = Mfcc(sample_rate=22_050, n_fft=1024, hop_length=256, n_mels=96, top_db=None)
_FLOOR = 80.0  # decibels below the loudest that are still distinguished
_SILENCE = -99.99  # decibels: the least that the spectrogram gives is -100, up to rounding
_SECONDS = 20.0  # of audio in memory at a time
_LEFT, _RIGHT, _TOP, _GAP, _BOTTOM = 60, 16, 12, 14, 38
_HERTZ = (200, 500, 1000, 2000, 4000, 8000)
_WAVE, _MARK, _SHADE = (66, 60, 150), (0, 150, 136), (206, 236, 232)
_LABEL_WIDTH = 28  # half of the label of a tick
_LEAST = 240, 160
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Overview:
    """Audio downsampled to the columns of a plot."""

    seconds: float  # duration
    low: NDArray[np.float64]  # (columns,) the minimum sample
    high: NDArray[np.float64]  # (columns,) the maximum sample
    power: NDArray[np.float64]  # (96, columns) mel power


def plot_audio(
    content: Any,
    *,
    width: int = 1000,
    height: int = 480,
    start: float | None = None,
    end: float | None = None,
) -> bytes:
    """Return a PNG of audio, with the window from `start` to `end` seconds marked.

    content: as `sememe.read_sound` takes it. width, height: in pixels. A window that
    has only one end extends to the other end of the audio. Decibels count from the loudest moment,
    down to 80 below; the waveform fills its panel, and the axis gives its peak.

    Raises:
        CorruptFileError: If it cannot be read.
        InvalidInputError: If it cannot be audio, the window is outside of it, or a size is out of
            range.
        MissingExtraError: If the extra `audio` or `images` is not installed.
    """
    if not (_LEAST[0] <= width <= _MOST and _LEAST[1] <= height <= _MOST):
        raise InvalidInputError(
            f"width={width}, height={height}; give {_LEAST[0]} to {_MOST:,} pixels by {_LEAST[1]} "
            f"to {_MOST:,}."
        )
    columns = width - _LEFT - _RIGHT
    overview = _read_overview(content, columns)
    marked = _check_window(overview.seconds, start, end)
    rest = height - _TOP - _GAP - _BOTTOM
    above = rest // 3
    below = rest - above
    pixels = np.full((height, width, 3), PAPER, np.uint8)
    wave = _draw_waveform(overview, above)
    bands = np.arange(below)[::-1] * len(overview.power) // below
    spectrogram = map_colours(_normalise_power(overview.power))[bands]
    if marked is not None:
        first, last = (min(columns - 1, int(at / overview.seconds * columns)) for at in marked)
        shown = (wave == PAPER).all(axis=2)
        shown[:, :first] = shown[:, last + 1 :] = False
        wave[shown] = _SHADE
        for panel in (wave, spectrogram):
            panel[:, [first, max(first, last)]] = _MARK
    pixels[_TOP : _TOP + above, _LEFT : width - _RIGHT] = wave
    pixels[-_BOTTOM - below : -_BOTTOM, _LEFT : width - _RIGHT] = spectrogram
    return encode_png(pixels, _draw_axes(pixels, overview, above, below))


def _read_overview(content: Any, columns: int) -> _Overview:
    """Read audio twice: its samples, and its spectrogram."""
    low, high = Downsampler(columns, np.minimum), Downsampler(columns, np.maximum)
    for block in stream_sound(content, sample_rate=_MEL.sample_rate, seconds=_SECONDS):
        low.add(block[:, None])
        high.add(block[:, None])
    power = Downsampler(columns, np.add)
    for decibels in _MEL.stream_log_mel(content, seconds=_SECONDS):
        power.add(10.0 ** (decibels.T / 10))
    lows, highs = low.columns(columns)[:, 0], high.columns(columns)[:, 0]
    return _Overview(low.count / _MEL.sample_rate, lows, highs, power.columns(columns).T)


def _check_window(
    seconds: float, start: float | None, end: float | None
) -> tuple[float, float] | None:
    if start is None and end is None:
        return None
    first, last = start or 0.0, seconds if end is None else end
    if not 0 <= first < last or first >= seconds:
        raise InvalidInputError(
            f"start={start}, end={end}; give 0 <= start < end, in seconds, within the "
            f"{seconds:.2f} of the audio."
        )
    return first, min(last, seconds)


def _normalise_power(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return power on a scale from 0, 80 decibels below the loudest, to 1; silence is all 0."""
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    loudest = decibels.max()
    if loudest <= _SILENCE:
        return np.zeros_like(decibels)
    levels: NDArray[np.float64] = np.maximum(0, 1 + (decibels - loudest) / _FLOOR)
    return levels


def _draw_waveform(overview: _Overview, height: int) -> NDArray[np.uint8]:
    """Draw each column from its minimum to its maximum, joined to the column before."""
    low, high = overview.low.copy(), overview.high.copy()
    low[1:] = np.minimum(low[1:], overview.high[:-1])
    high[1:] = np.maximum(high[1:], overview.low[:-1])
    middle, peak = (height - 1) / 2, _find_peak(overview)
    top, bottom = (np.rint(middle - y / peak * (middle - 1)).astype(int) for y in (high, low))
    rows = np.arange(height)[:, None]
    pixels = np.full((height, len(low), 3), PAPER, np.uint8)
    pixels[(rows >= top) & (rows <= bottom)] = _WAVE
    return pixels


def _find_peak(overview: _Overview) -> float:
    return max(float(np.abs(overview.low).max()), float(np.abs(overview.high).max())) or 1.0


def _draw_axes(
    pixels: NDArray[np.uint8], overview: _Overview, above: int, below: int
) -> list[tuple[float, float, str, str]]:
    """Draw frames and ticks; return the labels, as `encode_png` takes them."""
    height, width, _ = pixels.shape
    columns = width - _LEFT - _RIGHT
    foot = height - _BOTTOM
    for top, bottom in ((_TOP, _TOP + above), (foot - below, foot)):
        pixels[[top - 1, bottom], _LEFT - 1 : width - _RIGHT + 1] = FAINT
        pixels[top - 1 : bottom + 1, [_LEFT - 1, width - _RIGHT]] = FAINT
    texts: list[tuple[float, float, str, str]] = []
    for at, name in choose_time_ticks(overview.seconds, max(2, columns // 90)):
        x = _LEFT + min(columns - 1, round(at / overview.seconds * columns))
        pixels[foot : foot + 5, x] = INK
        inside = x < width - _LABEL_WIDTH  # else it would be cut off
        texts.append((x if inside else width - 2, foot + 7, name, "ma" if inside else "ra"))
    unit = "s" if overview.seconds < 120 else "time"
    texts.append((width - _RIGHT, height - 2, unit, "rd"))
    top = float(to_mel(np.array(_MEL.sample_rate / 2), "slaney"))
    for hertz in _HERTZ if below >= 150 else _HERTZ[1::2]:
        y = foot - 1 - round(float(to_mel(np.array(float(hertz)), "slaney")) / top * below)
        pixels[y, _LEFT - 5 : _LEFT] = INK
        texts.append((_LEFT - 8, y, f"{hertz}", "rm"))
    texts.append((_LEFT - 8, foot - below, "Hz", "rm"))
    peak = f"{_find_peak(overview):.2g}"
    texts += [(_LEFT - 8, _TOP + 4, peak, "rm"), (_LEFT - 8, _TOP + above / 2, "0", "rm")]
    texts.append((_LEFT - 8, _TOP + above - 4, f"-{peak}", "rm"))
    return texts
