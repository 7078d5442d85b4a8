"""Images to train on: decoded once, scaled to one size and kept as bytes."""

from __future__ import annotations

from collections.abc import Sequence
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

_LARGE = 2**31  # bytes of pixels beyond which they are kept in a file
_THREADS = 4  # that decode
_AHEAD = 1024  # images decoded ahead
PLAIN = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Decoded images.

    Attributes:
        pixels: (n, size, size, 3) uint8.
        sources: The name of each, for people.
        skipped: What could not be read, and why.
    """

    pixels: NDArray[np.uint8]
    sources: tuple[str, ...]
    skipped: tuple[Skipped, ...]

    def classes(self) -> tuple[str, ...]:
        """Return the topmost folder of each, "" without one."""
        parts = (PurePosixPath(source).parts for source in self.sources)
        return tuple(names[0] if len(names) > 1 else "" for names in parts)

    def colours(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the mean and the deviation of R, G and B, from 0 to 1."""
        n, total, squares = 0, np.zeros(3), np.zeros(3)
        for start in range(0, len(self.pixels), _AHEAD):
            part = self.pixels[start : start + _AHEAD].reshape(-1, 3) / 255.0
            n, total, squares = n + len(part), total + part.sum(0), squares + (part**2).sum(0)
        mean = total / n
        deviation = np.sqrt(np.maximum(squares / n - mean**2, 0))
        deviation = np.maximum(deviation, 1e-2)  # images of one colour
        return tuple(map(float, mean)), tuple(map(float, deviation))


def find_pictures(data: Any) -> tuple[list[Named], tuple[Skipped, ...]]:
    """Return the images under a folder, or those of a list of what `open_image` opens."""
    return find_named(data, "image", "picture")


def read_pictures(
    images: Sequence[Named],
    *,
    size: int,
    half: Half = "even",
    folder: Path | None = None,
    large: int = _LARGE,
    show: bool = False,
) -> Pictures:
    """Decode images: the shorter side scaled to `size`, the middle cut out.

    half: As in `Preprocess`. folder: Where pixels of more than `large` bytes are kept in a file,
    not in memory.

    Raises:
        InvalidInputError: Something that is no image.
        MissingExtraError: Pillow is not installed.
    """
    preprocess = make_preprocess(size, PLAIN, PLAIN, half=half)
    shape = (len(images), size, size, 3)
    pixels: NDArray[np.uint8]
    if folder is not None and images and int(np.prod(shape, dtype=np.int64)) > large:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "pixels.npy"
        pixels = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    else:
        pixels = np.empty(shape, np.uint8)

    def decode(one: Named) -> Any:
        try:
            return preprocess.pixels(open_image(one.content))
        except CorruptFileError as error:
            return Skipped(one.source, str(error))

    sources: list[str] = []
    skipped: list[Skipped] = []
    with (
        ThreadPoolExecutor(_THREADS, thread_name_prefix="sememe-images") as pool,
        progress("reading images", total=len(images), show=show) as advance,
    ):
        for start in range(0, len(images), _AHEAD):
            some = images[start : start + _AHEAD]
            for one, decoded in zip(some, pool.map(decode, some), strict=True):
                if isinstance(decoded, Skipped):
                    skipped.append(decoded)
                else:
                    pixels[len(sources)] = decoded
                    sources.append(one.source)
                advance(len(sources) + len(skipped))
    return Pictures(pixels[: len(sources)], tuple(sources), tuple(skipped))


def make_preprocess(
    size: int, mean: tuple[float, ...], std: tuple[float, ...], *, half: Half = "even"
) -> Preprocess:
    """Return the preprocessing of images for a network that trains on them, saved with it."""
    facts = {"size": size, "resize": size, "interpolation": "bicubic", "mean": mean, "std": std}
    return Preprocess.of(facts | {"half": half})
