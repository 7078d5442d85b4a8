"""A picture of a recording: its waveform above, its mel spectrogram below, a window marked in both.

    Path("clip.png").write_bytes(sound_picture("clip.wav", start=1.5, end=4.0))

A recording of any length is read in blocks, and what does not fit the picture's width is pooled:
of the waveform the least and the greatest, of the spectrogram the mean power.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.models.audio.mel_filters import to_mel
from sememe.models.audio.mfcc import Mfcc
from sememe.sources.media.audio_decoding import stream_sound
from sememe.tasks.downsampling import Pooled
from sememe.tasks.plotting import FAINT, INK, PAPER, coloured, png, time_ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEL = Mfcc(sample_rate=22_050, n_fft=1024, hop_length=256, n_mels=96, top_db=None)
_FLOOR = 80.0  # decibels below the loudest that are still told apart
_SECONDS = 20.0  # of sound in memory at a time
_LEFT, _RIGHT, _TOP, _GAP, _BOTTOM = 60, 16, 12, 14, 38
_HERTZ = (200, 500, 1000, 2000, 4000, 8000)
_WAVE, _MARK, _SHADE = (66, 60, 150), (0, 150, 136), (206, 236, 232)
_ROOM = 28  # for half of the name of a tick
_LEAST = 240, 160
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Overview:
    """A recording in as many columns as a picture has.

    Attributes:
        seconds: How long it is.
        low, high: (columns,) the least and the greatest sample.
        power: (96, columns) mel power.
    """

    seconds: float
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    power: NDArray[np.float64]


def sound_picture(
    content: Any,
    *,
    width: int = 1000,
    height: int = 480,
    start: float | None = None,
    end: float | None = None,
) -> bytes:
    """Return a PNG of a recording, with the window from `start` to `end` seconds marked.

    content: as `sememe.read_sound` takes it. width, height: in pixels. A window that
    has only one end goes to the other end of the recording. Decibels count from the loudest moment,
    down to 80 below; the waveform fills its panel, and the axis says how large it is.

    Raises:
        CorruptFileError: It cannot be read.
        InvalidInputError: It can be no sound; a window outside of it; a size out of range.
        MissingExtraError: The extra `audio` or `images` is not installed.
    """
    if not (_LEAST[0] <= width <= _MOST and _LEAST[1] <= height <= _MOST):
        raise InvalidInputError(
            f"width={width}, height={height}; give {_LEAST[0]} to {_MOST:,} pixels by {_LEAST[1]} "
            f"to {_MOST:,}."
        )
    columns = width - _LEFT - _RIGHT
    seen = _overview(content, columns)
    marked = _window(seen.seconds, start, end)
    rest = height - _TOP - _GAP - _BOTTOM
    above = rest // 3
    below = rest - above
    pixels = np.full((height, width, 3), PAPER, np.uint8)
    wave = _waveform(seen, above)
    sound = coloured(_levels(seen.power))[np.arange(below)[::-1] * len(seen.power) // below]
    if marked is not None:
        first, last = (min(columns - 1, int(at / seen.seconds * columns)) for at in marked)
        shown = (wave == PAPER).all(axis=2)
        shown[:, :first] = shown[:, last + 1 :] = False
        wave[shown] = _SHADE
        for panel in (wave, sound):
            panel[:, [first, max(first, last)]] = _MARK
    pixels[_TOP : _TOP + above, _LEFT : width - _RIGHT] = wave
    pixels[-_BOTTOM - below : -_BOTTOM, _LEFT : width - _RIGHT] = sound
    return png(pixels, _axes(pixels, seen, above, below))


def _overview(content: Any, columns: int) -> _Overview:
    """Read a recording twice: its samples, and its spectrogram."""
    low, high = Pooled(columns, np.minimum), Pooled(columns, np.maximum)
    for block in stream_sound(content, sample_rate=_MEL.sample_rate, seconds=_SECONDS):
        low.add(block[:, None])
        high.add(block[:, None])
    power = Pooled(columns, np.add)
    for decibels in _MEL.stream_log_mel(content, seconds=_SECONDS):
        power.add(10.0 ** (decibels.T / 10))
    return _Overview(
        seconds=low.count / _MEL.sample_rate,
        low=low.columns(columns)[:, 0],
        high=high.columns(columns)[:, 0],
        power=power.columns(columns).T,
    )


def _window(seconds: float, start: float | None, end: float | None) -> tuple[float, float] | None:
    if start is None and end is None:
        return None
    first, last = start or 0.0, seconds if end is None else end
    if not 0 <= first < last or first >= seconds:
        raise InvalidInputError(
            f"start={start}, end={end}; give 0 <= start < end, in seconds, within the "
            f"{seconds:.2f} of the recording."
        )
    return first, min(last, seconds)


def _levels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return power as 0, 80 decibels below the loudest or less, to 1; all 0 where it is silent."""
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    loudest = decibels.max()
    if loudest <= -100 + 1e-9:
        return np.zeros_like(decibels)
    found: NDArray[np.float64] = np.maximum(0, 1 + (decibels - loudest) / _FLOOR)
    return found


def _waveform(seen: _Overview, height: int) -> NDArray[np.uint8]:
    """Draw each column from its least to its greatest sample, joined to the column before."""
    low, high = seen.low.copy(), seen.high.copy()
    low[1:] = np.minimum(low[1:], seen.high[:-1])
    high[1:] = np.maximum(high[1:], seen.low[:-1])
    middle = (height - 1) / 2
    top, bottom = (
        np.rint(middle - side / _peak(seen) * (middle - 1)).astype(int) for side in (high, low)
    )
    rows = np.arange(height)[:, None]
    pixels = np.full((height, len(low), 3), PAPER, np.uint8)
    pixels[(rows >= top) & (rows <= bottom)] = _WAVE
    return pixels


def _peak(seen: _Overview) -> float:
    return max(float(np.abs(seen.low).max()), float(np.abs(seen.high).max())) or 1.0


def _axes(
    pixels: NDArray[np.uint8], seen: _Overview, above: int, below: int
) -> list[tuple[float, float, str, str]]:
    """Draw frames and ticks into a picture; return what is written beside them."""
    height, width, _ = pixels.shape
    columns = width - _LEFT - _RIGHT
    foot = height - _BOTTOM
    for top, bottom in ((_TOP, _TOP + above), (foot - below, foot)):
        pixels[[top - 1, bottom], _LEFT - 1 : width - _RIGHT + 1] = FAINT
        pixels[top - 1 : bottom + 1, [_LEFT - 1, width - _RIGHT]] = FAINT
    texts: list[tuple[float, float, str, str]] = []
    for at, name in time_ticks(seen.seconds, max(2, columns // 90)):
        x = _LEFT + min(columns - 1, round(at / seen.seconds * columns))
        pixels[foot : foot + 5, x] = INK
        inside = x < width - _ROOM  # else it would be cut off
        texts.append((x if inside else width - 2, foot + 7, name, "ma" if inside else "ra"))
    unit = "s" if seen.seconds < 120 else "time"
    texts.append((width - _RIGHT, height - 2, unit, "rd"))
    top = float(to_mel(np.array(_MEL.sample_rate / 2), "slaney"))
    shown = _HERTZ if below >= 150 else _HERTZ[1::2]
    for hertz in shown:
        y = foot - 1 - round(float(to_mel(np.array(float(hertz)), "slaney")) / top * below)
        pixels[y, _LEFT - 5 : _LEFT] = INK
        texts.append((_LEFT - 8, y, f"{hertz}", "rm"))
    texts.append((_LEFT - 8, foot - below, "Hz", "rm"))
    peak = f"{_peak(seen):.2g}"
    texts += [(_LEFT - 8, _TOP + 4, peak, "rm"), (_LEFT - 8, _TOP + above / 2, "0", "rm")]
    texts.append((_LEFT - 8, _TOP + above - 4, f"-{peak}", "rm"))
    return texts
