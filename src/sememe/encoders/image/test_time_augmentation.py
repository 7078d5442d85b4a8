"""Test-time augmentation: average an image's vector over 1, 2 or 4 views.

1   the image as the encoder reads it
2   and mirrored
4   and both with the image's edges extended by a seventh, so that the margin that most networks
    crop away (they read the central 7/8) is seen too
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._progress import progress
from sememe._types import Encoder, FloatArray
from sememe.encoders.base import as_encoder
from sememe.encoders.image.base import BaseImageEncoder
from sememe.sources.media.image_decoding import open_image
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from PIL.Image import Image

VIEWS = (1, 2, 4)
_BATCH = 64  # images that are open at once


class AugmentedEncoder(BaseImageEncoder):
    """An image encoder whose vectors are the mean over several views of an image.

    Its name and its space are the encoder's with the number of views.
    """

    def __init__(self, encoder: Encoder, views: int) -> None:
        name = f"{encoder.name} ({views} views)"
        super().__init__(name=name, dim=encoder.dim, space=f"{encoder.space}-{views}")
        self._encoder = encoder
        self._views = views

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        views = self._views
        return encode_augmented(self._encoder, items, views=views, show_progress=show_progress)


def encode_augmented(
    encoder: Encoder, items: Sequence[Any], *, views: int, show_progress: bool = False
) -> tuple[FloatArray, dict[int, str]]:
    """Encode, averaging over views: (n, dim) float32 unit rows and {index: reason}.

    Failed rows are NaN. Audio and texts have one view.

    Raises:
        InvalidInputError: `views` is not 1, 2 or 4, or not 1 for audio; or an item of another type.
    """
    if views not in VIEWS:
        raise InvalidInputError(f"views={views}; give 1, 2 or 4.")
    if encoder.modality != "image":
        if views != 1:
            raise InvalidInputError(f"views={views} are of images; {encoder.name} has one: give 1.")
        done = as_encoder(encoder).encode_with_receipt(items, show_progress=show_progress)
        return done.vectors, done.receipt.failed
    rows = np.full((len(items), encoder.dim), np.nan, np.float32)
    failed: dict[int, str] = {}
    with progress("encoding", total=len(items), show=show_progress) as advance:
        for start in range(0, len(items), _BATCH):
            indices, augmented = [], []
            for index, item in enumerate(items[start : start + _BATCH], start):
                try:
                    augmented += _make_views(open_image(item), views)
                    indices.append(index)
                except CorruptFileError as error:
                    failed[index] = str(error)
            if indices:
                vectors = np.asarray(encoder.encode(augmented), np.float32)
                rows[indices] = unit(vectors.reshape(len(indices), views, -1).mean(axis=1))
            advance(min(start + _BATCH, len(items)))
    return rows, failed


def _make_views(image: Image, n: int) -> list[Image]:
    from PIL import Image as pillow
    from PIL import ImageOps

    sizes = [image]
    if n == 4:  # the outermost pixels repeated by a fourteenth on each side
        pixels = np.asarray(image)
        width = [(round(side / 14), round(side / 14)) for side in pixels.shape[:2]]
        sizes.append(pillow.fromarray(np.pad(pixels, [*width, (0, 0)], mode="edge")))
    return sizes if n == 1 else [view for one in sizes for view in (one, ImageOps.mirror(one))]
