"""Decode audio of any format to mono samples at one sample rate.

    channels        averaged
    sample rate     resampled by soxr at its high quality, in blocks, so that memory is bounded
    8 to 32 bits    float32, full scale 1; float files unchanged
    NaN, infinity   silence, unless there is nothing else
    truncated       what could be decoded is used; nothing at all is an error

The format is detected from the bytes, not the name: wav, flac, ogg (Vorbis, Opus), mp3, aiff, au,
caf and whatever else libsndfile reads. Its MP3 decoder, libmpg123, prints a line to standard error
for each odd frame and cannot be silenced; a library must not redirect the process's streams, so
these lines appear (the command `sememe` discards them, see `sememe.app.native_stderr`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe.sources.magic_bytes import describe_unreadable
from sememe.sources.open_file import open_seekable, reason

if TYPE_CHECKING:
    from sememe._types import FloatArray

SAMPLE_RATE = 16_000
LOUDEST = 1e9  # samples are clipped to this; their power still fits a float32
_BLOCK = 1 << 18  # samples decoded at a time
_LEAST_BLOCK = 1 << 10  # ... of a damaged file
_UNKNOWN = 1 << 40  # frames, if the header does not give the length; no file has as many
_MIN_RATE, _MAX_RATE = 100, 10_000_000
_NEEDED_BY = "reading audio"
_EMPTY = "it holds no samples: empty, or cut off"


@dataclass(frozen=True, slots=True)
class Clip:
    """A segment of audio, which audio encoders accept like a file.

    Attributes:
        content: The audio; see `read_sound`.
        start: Start in seconds.
        end: End in seconds; None is the end of the audio.
    """

    content: Any
    start: float = 0.0
    end: float | None = None


def read_sound(
    content: Any, *, sample_rate: int = SAMPLE_RATE, start: float = 0.0, end: float | None = None
) -> FloatArray:
    """Decode audio to mono samples, (n,) float32 at `sample_rate`, n at least 1, all finite.

    Args:
        content: A path, the bytes of a file, (samples, sample rate) with samples (n,) or
            (n, channels), a mapping with "array" and "sampling_rate", or a `Clip`.
        sample_rate: Sample rate of the result, in Hz.
        start: Start in seconds.
        end: End in seconds; None decodes to the end.

    Raises:
        CorruptFileError: It is not audio, or cannot be decoded.
        InvalidInputError: Content of another type.
        MissingExtraError: The extra `audio` is not installed.
    """
    blocks = list(_resample(content, sample_rate, start, end))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def stream_sound(
    content: Any, *, sample_rate: int = SAMPLE_RATE, seconds: float = 30.0
) -> Iterator[FloatArray]:
    """Yield the samples of `read_sound` in blocks of `seconds`; memory is bounded by the block.

    Raises:
        CorruptFileError, InvalidInputError, MissingExtraError: As `read_sound`. If a part in the
            middle is damaged, the stream ends there.
    """
    if not 0 < seconds < float("inf"):
        raise InvalidInputError(f"seconds={seconds}; give a block's length, such as 30.")
    size = max(1, round(seconds * sample_rate))
    kept: list[FloatArray] = []
    count = 0
    for block in _resample(content, sample_rate, 0.0, None):
        kept.append(block)
        count += len(block)
        if count >= size:
            whole = np.concatenate(kept)
            full = count - count % size
            yield from (whole[at : at + size] for at in range(0, full, size))
            kept, count = [whole[full:]], count - full
    if count:
        yield np.concatenate(kept)


def read_audio_metadata(content: Any) -> dict[str, str | int | float]:
    """Return "seconds", "sample_rate" and "channels", and "title" and "artist" if it has them.

    The duration is that of the header; without one, all of it is decoded.
    Raises the errors of `read_sound`, as far as the header shows.
    """
    with open_audio(content) as audio:
        _check_rate(audio.samplerate)
        if not audio.frames:
            raise CorruptFileError(_EMPTY)
        known = audio.frames < _UNKNOWN
        seconds = audio.frames / audio.samplerate if known else measure_seconds(content)
        tags = audio.copy_metadata() if hasattr(audio, "copy_metadata") else {}
        return {
            "seconds": round(seconds, 3),
            "sample_rate": int(audio.samplerate),
            "channels": int(audio.channels),
            **{tag: v for tag in ("title", "artist") if (v := str(tags.get(tag, "")).strip())},
        }


def measure_seconds(content: Any) -> float:
    """Return the duration in seconds, by decoding all of the audio.

    Raises the errors of `read_sound`.
    """
    count = finite = 0
    with open_audio(content) as audio:
        for block in decode_blocks(audio, 0.0, None):
            count += len(block)
            finite += int(np.isfinite(block).sum())
        _check_finite(count, finite)
        return count / float(audio.samplerate)


def is_cut_off(content: Any) -> bool:
    """Return whether the audio ends before the duration of its header, as far as can be seen."""
    with open_audio(content) as audio:
        if audio.frames >= _UNKNOWN:
            return False
        try:
            audio.seek(max(audio.frames - 1, 0))
            return not len(audio.read(1, dtype="float32"))
        except RuntimeError:
            return True


def check_audio(content: Any, name: str) -> None:
    """Refuse what cannot be audio, before anything is decoded.

    Raises InvalidInputError, whose message begins with `name`.
    """
    if isinstance(content, Clip):
        _check_range(content.start, content.end)
        content = content.content
    if isinstance(content, str | PathLike | bytes | bytearray | memoryview):
        return
    pair = as_samples(content)
    if pair is None:
        raise InvalidInputError(
            f"{name} is {type(content).__name__}; give a path, the bytes of a file, or "
            "(samples, sample rate)"
        )
    samples, rate = pair
    kind = getattr(getattr(samples, "dtype", None), "kind", "")
    shape = getattr(samples, "shape", "")
    if kind not in ("f", "i", "u") or len(shape) not in (1, 2) or not all(shape[1:]):
        raise InvalidInputError(
            f"{name} has samples of {getattr(samples, 'dtype', type(samples).__name__)}, shape "
            f"{shape}; give an array (n,) or (n, channels), of floats with full scale 1 or of int16"
        )
    if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < float(rate) < float("inf"):
        raise InvalidInputError(f"{name} has the sample rate {rate!r}; give samples a second")


def _resample(
    content: Any, sample_rate: int, start: float, end: float | None
) -> Iterator[FloatArray]:
    """Yield finite mono blocks at a sample rate; at least one sample in all."""
    if not _MIN_RATE <= sample_rate <= _MAX_RATE:
        raise InvalidInputError(
            f"sample_rate={sample_rate}; give {_MIN_RATE} to {_MAX_RATE:,} samples a second."
        )
    soxr = require("soxr", _NEEDED_BY)
    within = isinstance(content, Clip)  # the audio may have finite samples elsewhere
    if within:
        start, end, content = content.start, content.end, content.content
    given = finite = count = 0
    with open_audio(content) as audio:
        _check_rate(audio.samplerate)
        rate, other = audio.samplerate, audio.samplerate != sample_rate
        stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32") if other else None
        for block in decode_blocks(audio, start, end):
            given += len(block)
            finite += int(np.isfinite(block).sum())
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            block = np.clip(block, -LOUDEST, LOUDEST)
            if stream is not None:
                block = stream.resample_chunk(block)
            count += len(block)
            if len(block):
                yield block
    _check_finite(given, given if within else finite)
    if stream is not None:
        rest = stream.resample_chunk(np.empty(0, np.float32), last=True)
        count += len(rest)
        if len(rest):
            yield rest
    if not count:  # a few samples at a high rate: less than one at a low rate
        yield np.zeros(1, np.float32)


def decode_blocks(audio: Any, start: float, end: float | None) -> Iterator[FloatArray]:
    """Yield mono float32 blocks, until the end or until the file is damaged."""
    _check_range(start, end)
    first = round(start * audio.samplerate)
    last = None if end is None else max(round(end * audio.samplerate), first + 1)
    at, size = first, max(1, _BLOCK // audio.channels)
    if audio.frames >= _UNKNOWN:  # the end raises an error and loses the block before it
        size = _LEAST_BLOCK
    moved = first > 0
    while last is None or at < last:
        try:
            count = size if last is None else min(size, last - at)
            if moved:
                audio.seek(min(at, audio.frames))
            block = audio.read(count, dtype="float32", always_2d=True)
        except RuntimeError as error:
            # Smaller blocks recover what precedes the damage.
            if size > _LEAST_BLOCK and audio.frames < _UNKNOWN:
                moved, size = True, size // 8
                continue
            if at == first:
                message = " ".join(str(error).split())[:120]
                raise CorruptFileError(f"cut off or damaged ({message})") from error
            return
        if not len(block):
            return
        moved = False
        at += len(block)
        yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


@contextmanager
def open_audio(content: Any) -> Iterator[Any]:
    """Open audio as a `soundfile.SoundFile`, or as samples with the same interface."""
    if isinstance(content, Clip):
        content = content.content
    pair = as_samples(content)
    if pair is not None:
        check_audio(content, "the audio")
        yield _Samples(*pair)
        return
    soundfile = require("soundfile", _NEEDED_BY)
    with _open_stream(content) as stream:
        head = stream.read(64)
        stream.seek(0)
        if not head:
            raise CorruptFileError("empty: it holds no bytes")
        try:
            audio = soundfile.SoundFile(stream)
        except (RuntimeError, TypeError, OSError) as error:
            message = describe_unreadable(head, "audio", "an audio file that can be read")
            raise CorruptFileError(message) from error
        with audio:
            yield audio


def _open_stream(content: Any) -> BinaryIO:
    if isinstance(content, str | PathLike):
        try:
            return open_seekable(Path(content))
        except OSError as error:
            raise CorruptFileError(reason(error)) from error
    if not isinstance(content, bytes | bytearray | memoryview):
        raise InvalidInputError(
            f"audio is {type(content).__name__}; give a path, the bytes of a file, or "
            "(samples, sample rate)"
        )
    return io.BytesIO(content)


class _Samples:
    """An array of samples with the interface of `soundfile.SoundFile`."""

    def __init__(self, samples: Any, rate: float) -> None:
        self._samples = samples if samples.ndim == 2 else samples[:, None]
        self.samplerate = round(rate)
        self.frames, self.channels = self._samples.shape
        self._at = 0

    def seek(self, frame: int) -> None:
        self._at = frame

    def read(self, count: int, **_: Any) -> FloatArray:
        some = self._samples[self._at : self._at + count]
        self._at += len(some)
        if some.dtype.kind == "f":
            with np.errstate(over="ignore"):
                return np.array(some, np.float32)
        full_scale = 2.0 ** (8 * some.dtype.itemsize - 1)
        middle = full_scale if some.dtype.kind == "u" else 0.0
        return np.array((some.astype(np.float64) - middle) / full_scale, np.float32)


def as_samples(content: Any) -> tuple[Any, Any] | None:
    """Return (samples, sample rate) if the content is that, else None."""
    if isinstance(content, Mapping) and {"array", "sampling_rate"} <= content.keys():
        return content["array"], content["sampling_rate"]
    if isinstance(content, tuple) and len(content) == 2:
        return content
    return None


def _check_range(start: Any, end: Any) -> None:
    """Refuse what is not 0 <= start < end."""
    last = float("inf") if end is None else end
    numbers = isinstance(start, Real) and isinstance(last, Real)
    if not numbers or not 0 <= float(start) < float(last):
        raise InvalidInputError(f"start={start!r}, end={end!r}; give 0 <= start < end, in seconds.")


def _check_rate(rate: float) -> None:
    if not _MIN_RATE <= rate <= _MAX_RATE:
        allowed = f"{_MIN_RATE} to {_MAX_RATE:,}"
        raise CorruptFileError(f"{rate} samples a second; allowed are {allowed}")


def _check_finite(count: int, finite: int) -> None:
    if not count:
        raise CorruptFileError(_EMPTY)
    if not finite:
        raise CorruptFileError(f"all of its {count} samples are NaN or infinite")
