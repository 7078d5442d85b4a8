"""Pictures to train on: found, decoded once, scaled to one size and kept as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe._progress import progress
from sememe._types import Skipped
from sememe.models.image.preprocess import Preprocess
from sememe.sources.media.image_decoding import open_image
from sememe.train.data.files import Named, find_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Half

_LARGE = 2**31  # bytes of pixels beyond which they lie in a file
_THREADS = 4  # that decode
_AHEAD = 1024  # pictures being decoded before they are taken
PLAIN = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Decoded pictures.

    Attributes:
        pixels: (n, size, size, 3) uint8.
        sources: The name of each, for people.
        skipped: What could not be read, and why.
    """

    pixels: NDArray[np.uint8]
    sources: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    def classes(self) -> tuple[str, ...]:
        """Return the topmost folder that each lies in, "" where it lies in none."""
        parts = (PurePosixPath(source).parts for source in self.sources)
        return tuple(found[0] if len(found) > 1 else "" for found in parts)

    def colours(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and the deviation of R, G and B, from 0 to 1."""
        n, total, squares = 0, np.zeros(3), np.zeros(3)
        for start in range(0, len(self.pixels), _AHEAD):
            part = self.pixels[start : start + _AHEAD].reshape(-1, 3) / 255.0
            n, total, squares = n + len(part), total + part.sum(0), squares + (part**2).sum(0)
        mean = total / n
        deviation = np.sqrt(np.maximum(squares / n - mean**2, 0))
        found = np.maximum(deviation, 1e-2)  # pictures of one colour
        return tuple(map(float, mean)), tuple(map(float, found))


def find_pictures(data: Any) -> tuple[list[Named], tuple[Skipped, ...]]:
    """Return what there is: the files under a folder, or a list of what `open_image` opens.

    Raises:
        InvalidInputError: There is no such folder, or something else was given.
    """
    return find_named(data, "image", "picture")


def read_pictures(
    found: Sequence[Named],
    *,
    size: int,
    half: Half = "even",
    beside: Path | None = None,
    large: int = _LARGE,
    show: bool = False,
) -> Pictures:
    """Decode pictures: the shorter side scaled to `size`, the middle cut out.

    half: As in `Preprocess`. beside: A folder; pixels of more than `large` bytes lie in a file
    there, not in memory.

    Raises:
        InvalidInputError: Something that can be no picture.
        MissingExtraError: Pillow is not installed.
    """
    preprocess = training_preprocess(size, PLAIN, PLAIN, half=half)
    shape = (len(found), size, size, 3)
    pixels: NDArray[np.uint8]
    if beside is not None and found and int(np.prod(shape, dtype=np.int64)) > large:
        beside.mkdir(parents=True, exist_ok=True)
        path = beside / "pixels.npy"
        pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    else:
        pixels = np.empty(shape, np.uint8)

    def decoded(one: Named) -> Any:
        try:
            return preprocess.pixels(open_image(one.content))
        except CorruptFileError as error:
            return str(error)

    sources: list[str] = []
    skipped: list[Skipped] = []
    with progress("reading pictures", total=len(found), show=show) as advance:
        for place, (one, read) in enumerate(zip(found, _mapped(decoded, found), strict=True)):
            if isinstance(read, str):
                skipped.append(Skipped(one.source, read))
            else:
                pixels[len(sources)] = read
                sources.append(one.source)
            advance(place + 1)
    return Pictures(pixels[: len(sources)], tuple(sources), tuple(skipped))


def training_preprocess(
    size: int, mean: tuple[float, ...], std: tuple[float, ...], *, half: Half = "even"
) -> Preprocess:
    """Return how pictures are made for a network that trains on them, and for it ever after."""
    facts = {"size": size, "resize": size, "interpolation": "bicubic", "mean": mean, "std": std}
    return Preprocess.of(facts | {"half": half})


def _mapped(work: Callable[[Named], Any], found: Sequence[Named]) -> Iterator[Any]:
    """Yield what `work` makes of each, in order, in threads, with few results waiting."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="sememe-pictures") as pool:
        for start in range(0, len(found), _AHEAD):
            yield from pool.map(work, found[start : start + _AHEAD])
