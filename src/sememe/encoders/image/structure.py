"""Encode images by their structure, by which versions of one picture are recognised.

    encoder = sememe.load("image-structure")
    compare_structures(*encoder.encode(["photo.jpg", "photo-small.jpg"])[:, None])

What structure is, and how two are compared: `sememe.space.image_structure`.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sememe._cpus import count_cpus
from sememe._errors import CorruptFileError
from sememe._progress import progress
from sememe._types import FloatArray
from sememe.encoders.base import check_threads, unit_rows
from sememe.encoders.image.base import BaseImageEncoder
from sememe.encoders.space import fingerprint_space
from sememe.models.weights.catalog import STRUCTURE_MODEL
from sememe.sources.media.image_decoding import open_image
from sememe.space.image_structure import DIM, SIDE, describe_structure

_AT_ONCE = 64


class StructureEncoder(BaseImageEncoder):
    """Encode images as unit vectors of 32 x 32 grey levels without coarse and fine variation.

    Their cosine is high for versions of one picture, and near 0 for different pictures.

    >>> import numpy as np
    >>> StructureEncoder().encode([np.zeros((64, 64, 3), np.uint8)]).shape
    (1, 1024)
    """

    def __init__(self, *, threads: int | None = None) -> None:
        """threads: CPU threads that decode; all cores by default."""
        check_threads(threads)
        space = fingerprint_space(v=1, structure=1, side=SIDE, normalize=True)
        super().__init__(name=STRUCTURE_MODEL, dim=DIM, space=space)
        self._threads = threads or count_cpus()

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        import numpy as np

        rows = np.full((len(items), DIM), np.nan, np.float32)
        failed: dict[int, str] = {}
        with progress("encoding", total=len(items), show=show_progress) as advance:
            for start, levels in self._read(items):
                good = [i for i, one in enumerate(levels) if not isinstance(one, str)]
                failed |= {start + i: one for i, one in enumerate(levels) if isinstance(one, str)}
                if good:
                    described = describe_structure(np.stack([levels[i] for i in good]))
                    rows[[start + i for i in good]] = unit_rows(described, DIM)
                advance(start + len(levels))
        return rows, failed

    def _read(self, items: list[Any]) -> Iterator[tuple[int, list[Any]]]:
        """Yield (first index, grey levels of some images, or why one cannot be read)."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-structure") as pool:
            for start in range(0, len(items), _AT_ONCE):
                yield start, list(pool.map(_read_levels, items[start : start + _AT_ONCE]))


def _read_levels(item: Any) -> Any:
    """Return the (32, 32) grey levels of an image as a whole, or why it cannot be read."""
    import numpy as np
    from PIL import Image

    try:
        image = open_image(item, least_side=4 * SIDE)
    except CorruptFileError as error:
        return str(error)
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(grey, np.float32)
