"""Mel spectrograms and MFCC (Davis & Mermelstein 1980), with librosa's options and its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from sememe._blas import one_thread
from sememe._cpus import count_cpus
from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import FloatArray
from sememe.models.audio import spectrogram
from sememe.models.audio.mel_filters import MelNorm, MelScale, mel_filters
from sememe.models.audio.spectrogram import PadMode, Window
from sememe.sources.media.audio_decoding import read_sound, stream_sound

DeltaMode = Literal["interp", "nearest"]
DctNorm = Literal["ortho", "none"]


@dataclass(frozen=True)
class Mfcc:
    """Mel spectrogram, log-mel spectrogram and MFCC of audio, frame by frame.

    The options and defaults are those of `librosa.feature.mfcc` and `melspectrogram`, and so are
    the numbers, to 1e-4 of the largest. Arrays are (features, frames), as librosa's. A clip gives
    the same numbers alone and among others: each is computed by itself, without padding to the
    longest.

    Attributes:
        sample_rate: Samples a second that audio is resampled to.
        n_fft: Samples of a frame.
        hop_length: Samples from one frame to the next.
        win_length: Samples of the window within a frame; None: n_fft.
        window: "hann", "hamming", "blackman" or "boxcar", periodic.
        center: Frame t is centred on sample t * hop_length; the audio is padded by n_fft // 2.
        pad_mode: Padding: "constant" (silence), "reflect" or "edge".
        power: Of the magnitudes: 2 gives power, 1 amplitude.
        n_mels: Mel filters.
        fmin, fmax: Range of the filters, in Hz; fmax None: half the sample rate.
        mel_scale: "slaney" or "htk"; see `sememe.models.audio.mel_filters`.
        mel_norm: "slaney": filters of equal area; "none": of equal height.
        amin: Power below counts as this.
        top_db: Decibels below the loudest that count; None: all.
        n_mfcc: Coefficients kept.
        dct_type: 2 or 3.
        dct_norm: "ortho" or "none".
        lifter: Of liftering (Juang et al. 1987), which lifts the higher coefficients; 0: none.

    >>> import numpy as np
    >>> Mfcc(n_mfcc=13).mfcc((np.sin(np.arange(22050)), 22050)).shape
    (13, 44)
    """

    sample_rate: int = 22_050
    n_fft: int = 2048
    hop_length: int = 512
    win_length: int | None = None
    window: Window = "hann"
    center: bool = True
    pad_mode: PadMode = "constant"
    power: float = 2.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    mel_scale: MelScale = "slaney"
    mel_norm: MelNorm = "slaney"
    amin: float = 1e-10
    top_db: float | None = 80.0
    n_mfcc: int = 20
    dct_type: Literal[2, 3] = 2
    dct_norm: DctNorm = "ortho"
    lifter: float = 0.0
    threads: int | None = field(default=None, repr=False, compare=False)

    def mel(self, sound: Any) -> FloatArray:
        """Return (n_mels, frames) float32: the mel spectrogram of audio.

        sound: What `sememe.read_sound` takes: a path, bytes of a file, or (samples, sample rate).
        Raises as `read_sound` does.
        """
        samples = read_sound(sound, sample_rate=self.sample_rate)
        return np.concatenate(list(self._mels([samples]))).T

    def log_mel(self, sound: Any) -> FloatArray:
        """Return (n_mels, frames) float32: the mel spectrogram in decibels, 10 log10; see `mel`."""
        decibels = _to_decibels(self.mel(sound), self.amin)
        if self.top_db is not None:
            np.maximum(decibels, decibels.max() - self.top_db, out=decibels)
        return decibels

    def mfcc(self, sound: Any) -> FloatArray:
        """Return (n_mfcc, frames) float32: the cosine transform of `log_mel`."""
        return _multiply(self._cosines(), self.log_mel(sound))

    def stream_mfcc(self, sound: Any, *, seconds: float = 30.0) -> Iterator[FloatArray]:
        """Yield what `mfcc` returns in blocks of frames, in memory bounded by the block.

        Raises:
            InvalidInputError: If top_db is not None: the loudest frame may still be to come.
            CorruptFileError, MissingExtraError: As `mel`.
        """
        cosines = self._cosines()
        for block in self.stream_log_mel(sound, seconds=seconds):
            yield _multiply(cosines, block)

    def stream_log_mel(self, sound: Any, *, seconds: float = 30.0) -> Iterator[FloatArray]:
        """Yield what `log_mel` returns in blocks of frames; see `stream_mfcc`."""
        if self.top_db is not None:
            raise InvalidInputError(
                f"top_db={self.top_db} is relative to the loudest frame, which a stream has not "
                "reached. Give top_db=None, or read all of it at once by log_mel or mfcc."
            )
        blocks = stream_sound(sound, sample_rate=self.sample_rate, seconds=seconds)
        for mels in self._mels(blocks):
            yield _to_decibels(mels, self.amin).T

    def _mels(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Yield (frames, n_mels) of a stream of samples."""
        n_fft, hop = self.n_fft, self.hop_length
        win_length = n_fft if self.win_length is None else self.win_length
        if not 0 < self.power < float("inf") or (self.top_db is not None and not self.top_db >= 0):
            raise InvalidInputError(
                f"power={self.power}, top_db={self.top_db}; give a power above 0, and decibels of "
                "at least 0 or None."
            )
        spectrogram.check_frames(n_fft, win_length, hop)
        shape = spectrogram.make_window(self.window, win_length, n_fft)
        filters = self._filters().T.copy()
        threads = self.threads or count_cpus()

        def work(frames: FloatArray) -> FloatArray:
            return spectrogram.compute_spectra(frames, shape, self.power) @ filters

        frames = spectrogram.split_frames(
            blocks, n_fft=n_fft, hop_length=hop, center=self.center, pad_mode=self.pad_mode
        )
        for some in frames:
            yield spectrogram.map_frames(some, work, self.n_mels, threads=threads)

    def _filters(self) -> FloatArray:
        top = self.sample_rate / 2 if self.fmax is None else self.fmax
        if self.n_mels < 1 or not 0 <= self.fmin < top <= self.sample_rate / 2:
            raise InvalidInputError(
                f"n_mels={self.n_mels}, fmin={self.fmin}, fmax={self.fmax}; give n_mels >= 1 and "
                f"0 <= fmin < fmax <= {self.sample_rate / 2:g} Hz, half the sample rate."
            )
        if self.mel_norm not in get_args(MelNorm):
            raise UnknownNameError.of("mel_norm", self.mel_norm, get_args(MelNorm))
        sizes = (self.sample_rate, self.n_fft, self.n_mels)
        return mel_filters(
            *sizes, fmin=self.fmin, fmax=self.fmax, scale=self.mel_scale, norm=self.mel_norm
        )

    def _cosines(self) -> FloatArray:
        """Return the (n_mfcc, n_mels) cosine transform, liftered."""
        if not 1 <= self.n_mfcc <= self.n_mels or self.lifter < 0:
            raise InvalidInputError(
                f"n_mfcc={self.n_mfcc}, lifter={self.lifter}; give 1 to n_mels={self.n_mels} "
                "coefficients, and a lifter of at least 0."
            )
        basis = cosine_basis(self.n_mels, self.dct_type, self.dct_norm)[: self.n_mfcc]
        if self.lifter:
            orders = np.arange(1, self.n_mfcc + 1)[:, None]
            basis = basis * (1 + self.lifter / 2 * np.sin(np.pi * orders / self.lifter))
        return basis.astype(np.float32)


def cosine_basis(n: int, kind: int, norm: DctNorm) -> FloatArray:
    """Return the (n, n) discrete cosine transform of type 2 or 3, scaled as scipy's.

    >>> cosine_basis(2, 2, "none").round(3).tolist()
    [[2.0, 2.0], [1.414, -1.414]]
    """
    if kind not in (2, 3) or norm not in get_args(DctNorm):
        raise InvalidInputError(
            f"dct_type={kind!r}, dct_norm={norm!r}; give 2 or 3, and 'ortho' or 'none'."
        )
    waves = np.arange(n)[:, None]
    second = 2 * np.cos(np.pi * waves * (2 * np.arange(n) + 1) / (2 * n))
    if norm == "ortho":
        second *= np.sqrt(1 / (2 * n))
        second[0] /= np.sqrt(2)
        return second if kind == 2 else second.T
    if kind == 2:
        return second
    third = second.T.copy()
    third[:, 0] /= 2
    return third


def delta(
    features: FloatArray, *, width: int = 9, order: int = 1, mode: DeltaMode = "interp"
) -> FloatArray:
    """Return the derivative of features over time, (..., frames), by fitted polynomials.

    Args:
        features: (..., frames).
        width: Frames that a polynomial of degree `order` is fitted to (Savitzky & Golay 1964).
        order: 1: slope, 2: curvature.
        mode: At the ends: "interp" fits the first and the last `width` frames, "nearest" repeats
            the outermost frame. Fewer frames than `width` are always padded as "nearest".

    The numbers are those of `librosa.feature.delta`.

    Raises:
        InvalidInputError: If the width is even or not above `order`, or there are no frames.
    """
    frames = features.shape[-1]
    if width % 2 == 0 or width <= max(order, 2) or order < 1 or not frames:
        raise InvalidInputError(
            f"width={width}, order={order}, {frames} frames; give an odd width of at least 3 and "
            "above order, an order of at least 1, and at least one frame."
        )
    if mode not in get_args(DeltaMode):
        raise UnknownNameError.of("mode", mode, get_args(DeltaMode))
    half = width // 2
    offsets = np.arange(-half, half + 1, dtype=np.float64)
    fitted = np.linalg.pinv(np.vander(offsets, order + 1, increasing=True))[order]
    weights = fitted * np.prod(np.arange(1, order + 1))
    ends = [(0, 0)] * (features.ndim - 1) + [(half, half)]
    inner = mode == "interp" and frames >= width
    padded = features if inner else np.pad(features, ends, mode="edge")
    count = padded.shape[-1] - width + 1
    slopes = np.zeros((*features.shape[:-1], count), np.float32)
    for start, weight in enumerate(weights.tolist()):
        slopes += np.float32(weight) * padded[..., start : start + count]
    return np.pad(slopes, ends, mode="edge") if inner else slopes


def _multiply(cosines: FloatArray, features: FloatArray) -> FloatArray:
    with one_thread():
        return np.asarray(cosines @ features)


def _to_decibels(power: FloatArray, amin: float) -> FloatArray:
    if not amin > 0:
        raise InvalidInputError(f"amin={amin}; give a power above 0.")
    decibels: FloatArray = np.maximum(power, np.float32(amin))
    np.log10(decibels, out=decibels)
    decibels *= 10
    return decibels
