"""Audio to train on: decoded once, resampled to one rate and kept as half floats.

    named, skipped = find_sounds("audio/")
    audio = read_waveforms(named, sample_rate=16_000)
    for rows in batches(audio.lengths, max_batch_samples=16_000 * 60, rng=rng):
        values, mask = audio.pad(rows)

Each has mean 0 and variance 1, as wav2vec 2.0 expects. A half float keeps 11 bits at any loudness;
large data is kept in a file, not in memory.
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
_LARGE = 2**30  # bytes beyond which samples are kept in a file
_POOL = 16  # batches among which audio is sorted by length, at most
_SILENT = 1e-10  # a variance: quieter than half a step of 16 bits
_EPSILON = 1e-7  # added to the variance
_SHARE = 8  # pools at least, so that batches differ from epoch to epoch


@dataclass(frozen=True, slots=True)
class Waveforms:
    """Decoded audio; `audio[i]` is one piece.

    Attributes:
        samples: (total,) float16, one piece after the other.
        starts: (n + 1,) int64: where each begins, and the end of the last.
        places: (n,) int64: the index of the file that each is of; long files are cut into several.
        sources: The name of each, for people.
        sample_rate: Samples per second.
        skipped: What could not be used, and why.
    """

    samples: NDArray[np.float16]
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    sources: tuple[str, ...]
    sample_rate: int
    skipped: tuple[Skipped, ...]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> FloatArray:
        """Return one piece: (samples,) float32 of mean 0 and variance 1."""
        begin, end = self.starts[index], self.starts[index + 1]
        return np.asarray(self.samples[begin:end], np.float32)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) samples of each."""
        return np.diff(self.starts)

    @property
    def seconds(self) -> float:
        """Total duration."""
        return float(self.starts[-1]) / self.sample_rate

    def pad(self, indices: Sequence[int]) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return some pieces as a batch, zeros after the shorter ones, and a mask.

        Both are (n, samples of the longest): float32, and int64 that is 1 where there is audio.
        """
        longest = int(self.lengths[list(indices)].max())
        values = np.zeros((len(indices), longest), np.float32)
        mask = np.zeros(values.shape, np.int64)
        for row, index in enumerate(indices):
            piece = self[index]
            values[row, : len(piece)], mask[row, : len(piece)] = piece, 1
        return values, mask


def find_sounds(data: Any) -> tuple[list[Named], tuple[Skipped, ...]]:
    """Return the audio under a folder, or that of a list of what `read_sound` reads."""
    return find_named(data, "audio", "sound")


def read_waveforms(
    files: Sequence[Named],
    *,
    sample_rate: int = 16_000,
    longest: float = 15.0,
    shortest: float = 0.1,
    longer: Longer = "cut",
    folder: Path | None = None,
    large: int = _LARGE,
    show: bool = False,
) -> Waveforms:
    """Decode audio to mean 0 and variance 1.

    Args:
        files: What `find_sounds` returned. What cannot be read is skipped, with the reason.
        sample_rate: The rate to resample to.
        longest: Seconds of the longest audio that is kept whole.
        shortest: Seconds; what is shorter is skipped.
        longer: Whether longer audio is cut into pieces, each of mean 0 and variance 1, or skipped.
            Either way it is never in memory as a whole.
        folder: Where samples of more than `large` bytes are kept in a file, not in memory.
        large: See `folder`.
        show: Draw a bar.

    Raises:
        InvalidInputError, MissingExtraError: See `stream_sound`.
    """
    store = _Store(folder, large)
    least = max(2, round(shortest * sample_rate))
    lengths: list[int] = []
    indices: list[int] = []
    skipped: list[Skipped] = []
    with progress("reading audio", total=len(files), show=show) as advance:
        for index, one in enumerate(files):
            before = len(lengths)
            try:
                for piece in _read_pieces(one.content, sample_rate, longest, longer):
                    if len(piece) >= least and (level := _standardise(piece)) is not None:
                        store.add(level)
                        lengths.append(len(level))
                        indices.append(index)
                if len(lengths) == before:
                    skipped.append(Skipped(one.source, f"shorter than {shortest} s, or silent"))
            except CorruptFileError as error:
                skipped.append(Skipped(one.source, str(error)))
            advance(index + 1)
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    sources, places = tuple(files[i].source for i in indices), np.array(indices, np.int64)
    return Waveforms(store.samples(), starts, places, sources, sample_rate, tuple(skipped))


def batches(
    lengths: NDArray[np.int64], *, max_batch_samples: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Divide all pieces into batches of similar lengths; return the indices of each.

    Pieces are shuffled, pools of 16 batches or an eighth of the data sorted by length and cut, and
    the batches shuffled, as `sememe.train.sentence.length_batching` does with texts. A batch has at
    most so many samples, padding counted, and one piece at least.
    """
    order = rng.permutation(len(lengths))
    total = int(lengths.sum())
    pools = max(1, min(len(order), max(-(-total // (_POOL * max_batch_samples)), _SHARE)))
    made: list[NDArray[np.int64]] = []
    for pool in np.array_split(order, pools):
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        begin = 0
        for end in range(1, len(pool) + 1):
            if end == len(pool) or (end + 1 - begin) * lengths[pool[end]] > max_batch_samples:
                made.append(pool[begin:end])
                begin = end
    return [made[i] for i in rng.permutation(len(made)) if len(made[i])]


def sounds_digest(files: Sequence[Named]) -> str:
    """Return a hash of the names and contents of audio, before anything is decoded."""
    return pictures_digest([_flatten(one) for one in files])


def _flatten(one: Named) -> Named:
    """Return content as a path, bytes or an array; its span and rate go into the name."""
    name, content = one
    if isinstance(content, Clip):
        name, content = f"{name} {content.start} {content.end}", content.content
    if isinstance(content, Mapping):
        content = content["array"], content["sampling_rate"]
    if isinstance(content, tuple):
        name, content = f"{name} {content[1]}", content[0]
    return Named(name, content)


def _read_pieces(
    content: Any, sample_rate: int, longest: float, longer: Longer
) -> Iterator[FloatArray]:
    """Yield audio whole, or in pieces of `longest` seconds."""
    pieces = stream_sound(content, sample_rate=sample_rate, seconds=longest)
    if longer == "cut":
        yield from pieces
        return
    whole = next(pieces, None)
    if next(pieces, None) is not None:
        raise CorruptFileError(f"longer than {longest} s")
    if whole is not None:
        yield whole


def _standardise(piece: FloatArray) -> NDArray[np.float16] | None:
    """Normalise a piece as transformers does; None if it is silent.

    One click in n samples becomes the root of n, which a half float still holds.
    """
    exact = piece.astype(np.float64)
    variance = float(exact.var())
    if variance < _SILENT:
        return None
    level: NDArray[np.float16] = (exact - exact.mean()) / np.sqrt(variance + _EPSILON)
    return level.astype(np.float16)


class _Store:
    """Pieces one after the other, in memory up to `large` bytes, then in a file."""

    def __init__(self, folder: Path | None, large: int) -> None:
        self._path = None if folder is None else folder / "samples.f16"
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
