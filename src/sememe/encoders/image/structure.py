"""Encode images by their structure, by which versions of one picture are recognised.

    encoder = sememe.load("image-structure")
    compare_structures(*encoder.encode(["photo.jpg", "photo-small.jpg"])[:, None])

What structure is, and how two are compared: `sememe.space.image_structure`.
"""

from __future__ import annotations

from typing import Any

from sememe._cpus import count_cpus
from sememe._types import FloatArray
from sememe.encoders.base import check_threads, map_items, unit_rows
from sememe.encoders.image.base import BaseImageEncoder
from sememe.encoders.space import fingerprint_space
from sememe.models.weights.catalog import STRUCTURE_MODEL
from sememe.sources.media.image_decoding import open_image
from sememe.space.image_structure import DIM, SIDE, describe_structure


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
        rows, failed = map_items(
            _describe, items, dim=DIM, threads=self._threads, show=show_progress
        )
        return unit_rows(rows, DIM), failed


def _describe(item: Any) -> FloatArray:
    """Return the (1024,) structure of an image; CorruptFileError if it cannot be read."""
    import numpy as np
    from PIL import Image

    image = open_image(item, least_side=4 * SIDE)
    grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    row: FloatArray = describe_structure(np.asarray(grey, np.float32)[None])[0]
    return row
