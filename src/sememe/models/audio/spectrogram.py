"""Short-time spectra of audio of any length, read as a stream of blocks.

A stream gives the same frames as all samples at once: the overlap of frames is carried from one
block to the next. No frame is computed by itself in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sememe._blas import one_thread
from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import FloatArray

Window = Literal["hann", "hamming", "blackman", "boxcar"]
PadMode = Literal["constant", "reflect", "edge"]
_COSINES = {  # of a window: a sum of cosines
    "hann": (0.5, 0.5), "hamming": (0.54, 0.46), "blackman": (0.42, 0.5, 0.08), "boxcar": (1.0,),
}  # fmt: skip
_CACHED = 1 << 15  # samples transformed at a time: they stay in the processor's cache
_STRETCH = 1024  # frames that a thread takes at a time


def make_window(name: Window, length: int, n_fft: int) -> NDArray[np.float64]:
    """Return a periodic window of `length` samples in the middle of (n_fft,) zeros.

    >>> make_window("hann", 4, 4).round(3).tolist()
    [0.0, 0.5, 1.0, 0.5]

    Raises:
        UnknownNameError: If there is no window of that name.
    """
    if name not in _COSINES:
        raise UnknownNameError.of("window", name, get_args(Window))
    turns = 2 * np.pi * np.arange(length) / length
    terms = [(-1) ** i * part * np.cos(i * turns) for i, part in enumerate(_COSINES[name])]
    samples = np.zeros(n_fft)
    start = (n_fft - length) // 2
    samples[start : start + length] = np.sum(terms, axis=0)
    return samples


def split_frames(
    blocks: Iterable[FloatArray], *, n_fft: int, hop_length: int, center: bool, pad_mode: PadMode
) -> Iterator[FloatArray]:
    """Yield (frames, n_fft) views of a stream of samples; at least one frame in all.

    center: the first frame's middle is the first sample, with n_fft // 2 samples put before and
    after the audio according to `pad_mode`. Otherwise the first frame begins with the first sample,
    and samples that fill no frame are dropped. Audio shorter than a frame is padded with silence.
    """
    if pad_mode not in get_args(PadMode):
        raise UnknownNameError.of("pad_mode", pad_mode, get_args(PadMode))
    half = n_fft // 2 if center else 0
    held = tail = np.empty(0, np.float32)  # the beginning of frames to come; the last samples
    begun = made = False
    for block in blocks:
        tail = np.concatenate([tail, block[-(half + 1) :]])[-(half + 1) :]
        held = np.concatenate([held, block])
        if not begun and len(held) > half:
            held, begun = np.concatenate([_pad_before(held, half, pad_mode), held]), True
        if begun and len(held) >= n_fft:
            frames = sliding_window_view(held, n_fft)[::hop_length]
            yield frames
            held, made = held[len(frames) * hop_length :], True
    if begun:
        held = np.concatenate([held, _pad_before(tail[::-1], half, pad_mode)[::-1]])
    else:  # shorter than the padding
        held = np.pad(held, half, mode=pad_mode)
    if not made and len(held) < n_fft:
        held = np.pad(held, (0, n_fft - len(held)))
    if len(held) >= n_fft:
        yield sliding_window_view(held, n_fft)[::hop_length]


def _pad_before(samples: FloatArray, half: int, pad_mode: PadMode) -> FloatArray:
    """Return the `half` samples of padding before audio that has more samples than that."""
    if pad_mode == "reflect":
        return samples[1 : half + 1][::-1]
    if pad_mode == "edge":
        return np.full(half, samples[0], np.float32)
    return np.zeros(half, np.float32)


def map_frames(
    frames: FloatArray, work: Callable[[FloatArray], FloatArray], dim: int, *, threads: int
) -> FloatArray:
    """Return (n, dim): `work` of (n, n_fft) frames, a few of them at a time, in threads."""
    count, n_fft = frames.shape
    size = max(16, _CACHED // n_fft)
    rows = np.empty((count, dim), np.float32)

    def stretch(start: int) -> None:
        for at in range(start, min(start + _STRETCH, count), size):
            end = min(at + size, start + _STRETCH)
            rows[at:end] = work(frames[at:end])

    starts = range(0, count, _STRETCH)
    with one_thread():
        if threads == 1 or len(starts) == 1:
            for start in starts:
                stretch(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(stretch, starts))
    return rows


def compute_spectra(frames: FloatArray, shape: NDArray[np.float64], power: float) -> FloatArray:
    """Return (n, 1 + n_fft // 2) float32: the magnitudes of frames, to a power.

    frames: (n, n_fft). shape: the (n_fft,) window.
    """
    # In float64: float32 rounds away what is faint next to something loud.
    spectrum = np.fft.rfft(frames * shape)
    squared = spectrum.real**2 + spectrum.imag**2
    if power != 2.0:
        squared = np.sqrt(squared) if power == 1.0 else squared ** (power / 2)
    return squared.astype(np.float32)


def check_frames(n_fft: int, win_length: int, hop_length: int) -> None:
    """Refuse a length below 1 (2 for n_fft), and a window or hop longer than a frame."""
    whole = all(isinstance(one, int) for one in (n_fft, win_length, hop_length))
    if not whole or n_fft < 2 or not 1 <= hop_length <= n_fft or not 1 <= win_length <= n_fft:
        raise InvalidInputError(
            f"n_fft={n_fft}, win_length={win_length}, hop_length={hop_length}; give "
            "n_fft >= 2, and the others from 1 to n_fft, in whole samples."
        )
