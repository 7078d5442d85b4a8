"""Sounds to train on: found, decoded once, brought to one sample rate and kept as half floats.

    found, left_out = find_sounds("recordings/")
    sounds = read_waveforms(found, sample_rate=16_000)
    for places in batches(sounds.lengths, max_batch_samples=16_000 * 60, rng=rng):
        values, mask = sounds.padded(places)

Each has mean 0 and variance 1, as wav2vec 2.0 takes them. A half float keeps 11 bits at any
loudness; what is much would lie in memory lies in a file instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sememe._errors import CorruptFileError
from sememe._progress import progress
from sememe._types import Skipped
from sememe.sources.media.audio_decoding import Clip, stream_sound
from sememe.train.data.files import Named, find_named, pictures_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

Longer = Literal["cut", "skip"]
_LARGE = 2**30  # bytes beyond which samples lie in a file
_POOL = 16  # batches among which sounds are sorted by length, at most
_SILENT = 1e-10  # a variance: quieter than half a step of 16 bits
_LEAST = 1e-7  # added to the variance
_SHARE = 8  # parts of the data that keep apart, so that a batch meets other company each time


@dataclass(frozen=True, slots=True)
class Waveforms:
    """Decoded sounds; `sounds[i]` is one.

    Attributes:
        samples: (total,) float16, one sound after the other.
        starts: (n + 1,) int64: where each begins, and the end of the last.
        places: (n,) int64: which of the sounds that were found each is of; a long one that was cut
            has several.
        sources: The name of each, for people.
        sample_rate: Samples a second.
        skipped: What could not be used, and why.
    """

    samples: NDArray[np.float16]
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    sources: tuple[str, ...]
    sample_rate: int
    skipped: tuple[Skipped, ...]

    def __len__(self) -> int:
        """Return the number of sounds."""
        return len(self.places)

    def __getitem__(self, place: int) -> FloatArray:
        """Return one sound: (samples,) float32 of mean 0 and variance 1."""
        begin, end = self.starts[place], self.starts[place + 1]
        return np.asarray(self.samples[begin:end], np.float32)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) samples of each."""
        return np.diff(self.starts)

    @property
    def seconds(self) -> float:
        """How long all of them last."""
        return float(self.starts[-1]) / self.sample_rate

    def padded(self, places: Sequence[int]) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return some sounds as a batch, zeros after the shorter ones, and a mask.

        Both are (n, samples of the longest): float32, and int64 that is 1 where there is sound.
        """
        longest = int(self.lengths[list(places)].max())
        values = np.zeros((len(places), longest), np.float32)
        mask = np.zeros(values.shape, np.int64)
        for row, place in enumerate(places):
            sound = self[place]
            values[row, : len(sound)], mask[row, : len(sound)] = sound, 1
        return values, mask


def find_sounds(data: Any) -> tuple[list[Named], tuple[Skipped, ...]]:
    """Return what there is: the sounds under a folder, or a list of what `read_sound` reads.

    Raises:
        InvalidInputError: There is no such folder, or something else was given.
    """
    return find_named(data, "audio", "sound")


def read_waveforms(
    found: Sequence[Named],
    *,
    sample_rate: int = 16_000,
    longest: float = 15.0,
    shortest: float = 0.1,
    longer: Longer = "cut",
    beside: Path | None = None,
    large: int = _LARGE,
    show: bool = False,
) -> Waveforms:
    """Decode sounds, each to mean 0 and variance 1.

    Args:
        found: What `find_sounds` found. What cannot be read is skipped, with the reason.
        sample_rate: What all are brought to.
        longest: Seconds of the longest sound that is kept whole.
        shortest: Seconds; what is shorter is skipped.
        longer: What becomes of one that is longer than `longest`: it is cut into pieces, each of
            mean 0 and variance 1, or skipped. Either way it is never in memory as a whole.
        beside: A folder; samples of more than `large` bytes lie in a file there, not in memory.
        large: As `beside` says.
        show: Draw a bar.

    Raises:
        InvalidInputError: Something that can be no sound.
        MissingExtraError: The extra `audio` is not installed.
    """
    store = _Store(beside, large)
    least = max(2, round(shortest * sample_rate))
    lengths: list[int] = []
    places: list[int] = []
    skipped: list[Skipped] = []
    with progress("reading sounds", total=len(found), show=show) as advance:
        for place, one in enumerate(found):
            before = len(lengths)
            try:
                for piece in _pieces(one.content, sample_rate, longest, longer):
                    if len(piece) >= least and (level := _levelled(piece)) is not None:
                        store.add(level)
                        lengths.append(len(level))
                        places.append(place)
                if len(lengths) == before:
                    skipped.append(Skipped(one.source, f"shorter than {shortest} s, or silent"))
            except CorruptFileError as error:
                skipped.append(Skipped(one.source, str(error)))
            advance(place + 1)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    sources = tuple(found[place].source for place in places)
    return Waveforms(
        store.samples(), starts, np.array(places, np.int64), sources, sample_rate, tuple(skipped)
    )


def batches(
    lengths: NDArray[np.int64], *, max_batch_samples: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Deal all sounds to batches of like lengths: the places of each.

    Sounds are shuffled, pools of 16 batches or an eighth of the data sorted by length and cut, and
    the batches shuffled, as `sememe.train.sentence.length_batching` does with texts. A batch has at
    most so many samples, padding counted, and one sound at least.
    """
    order = rng.permutation(len(lengths))
    total = int(lengths.sum())
    pools = max(1, min(len(order), max(-(-total // (_POOL * max_batch_samples)), _SHARE)))
    found: list[NDArray[np.int64]] = []
    for pool in np.array_split(order, pools):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        begin = 0
        for end in range(1, len(pool) + 1):
            if end == len(pool) or (end + 1 - begin) * lengths[pool[end]] > max_batch_samples:
                found.append(pool[begin:end])
                begin = end
    return [found[place] for place in rng.permutation(len(found)) if len(found[place])]


def sounds_digest(found: Sequence[Named]) -> str:
    """Return a hash of the sounds' names and of what is in them, before anything is decoded."""
    return pictures_digest([_plain(one) for one in found])


def _plain(one: Named) -> Named:
    """Return a sound's content as a path, bytes or an array, and what it is besides in the name."""
    name, content = one
    if isinstance(content, Clip):
        name, content = f"{name} {content.start} {content.end}", content.content
    if isinstance(content, Mapping):
        content = content["array"], content["sampling_rate"]
    if isinstance(content, tuple):
        name, content = f"{name} {content[1]}", content[0]
    return Named(name, content)


def _pieces(content: Any, sample_rate: int, longest: float, longer: Longer) -> Iterator[FloatArray]:
    """Yield a sound whole, or in pieces of `longest` seconds."""
    pieces = stream_sound(content, sample_rate=sample_rate, seconds=longest)
    if longer == "cut":
        yield from pieces
        return
    whole = next(pieces, None)
    if next(pieces, None) is not None:
        raise CorruptFileError(f"longer than {longest} s")
    if whole is not None:
        yield whole


def _levelled(piece: FloatArray) -> NDArray[np.float16] | None:
    """Return a sound as transformers normalises it, or None where it is silent.

    One click in n samples comes out as the root of n, which a half float still holds.
    """
    exact = piece.astype(np.float64)
    variance = float(exact.var())
    if variance < _SILENT:
        return None
    level: NDArray[np.float16] = (exact - exact.mean()) / np.sqrt(variance + _LEAST)
    return level.astype(np.float16)


class _Store:
    """Sounds one after the other, in memory until they are too many, then in a file."""

    def __init__(self, beside: Path | None, large: int) -> None:
        self._path = None if beside is None else beside / "samples.f16"
        self._large = large
        self._kept: list[NDArray[np.float16]] = []
        self._bytes = 0
        self._written = False

    def add(self, samples: NDArray[np.float16]) -> None:
        self._kept.append(samples)
        self._bytes += samples.nbytes
        if self._path is not None and self._bytes > self._large:
            self._write(self._path)

    def samples(self) -> NDArray[np.float16]:
        """Return all of them as one array."""
        if self._path is None or not self._written:
            return np.concatenate([np.empty(0, np.float16), *self._kept])
        self._write(self._path)
        return np.memmap(self._path, np.float16, "r")

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if self._written else "wb") as file:
            for samples in self._kept:
                file.write(samples.tobytes())
        self._kept, self._bytes, self._written = [], 0, True
