"""Pictures seen several ways, as an encoder's vectors: the mean of the views says more than one.

1   as the encoder makes its pictures
2   and mirrored
4   and both with the picture's edges drawn out by a seventh, so that what most networks cut
    off (they look at the middle 7/8) is seen too
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._progress import progress
from sememe.encoders.image.encoder import Pictures
from sememe.sources.media.image_decoding import open_image
from sememe.vectors.nearest import unit

if TYPE_CHECKING:
    from PIL.Image import Image

    from sememe._types import Encoder, FloatArray

VIEWS = (1, 2, 4)
_BATCH = 64  # pictures that are open at once


def encode_views(
    encoder: Encoder, items: Sequence[Any], *, views: int, show_progress: bool = False
) -> tuple[FloatArray, dict[int, str]]:
    """Return (n, dim) float32 unit rows, and why pictures could not be read: place -> reason.

    The rows of those pictures hold NaN. An encoder of something else than pictures has one view.

    Raises:
        InvalidInputError: views is none of 1, 2 and 4, or something that can be no picture.
    """
    if views not in VIEWS:
        raise InvalidInputError(f"views={views}; give 1, 2 or 4.")
    if encoder.modality != "image":
        return _as_it_is(encoder, items, views, show_progress)
    rows = np.full((len(items), encoder.dim), np.nan, np.float32)
    reasons: dict[int, str] = {}
    with progress("encoding", total=len(items), show=show_progress) as advance:
        for start in range(0, len(items), _BATCH):
            places, seen = [], []
            for place, item in enumerate(items[start : start + _BATCH], start):
                try:
                    seen += _views(open_image(item), views)
                    places.append(place)
                except CorruptFileError as error:
                    reasons[place] = str(error)
            if places:
                found = np.asarray(encoder.encode(seen), np.float32)
                rows[places] = unit(found.reshape(len(places), views, -1).mean(axis=1))
            advance(min(start + _BATCH, len(items)))
    return rows, reasons


def _as_it_is(
    encoder: Any, items: Sequence[Any], views: int, show: bool
) -> tuple[FloatArray, dict[int, str]]:
    if views != 1:
        raise InvalidInputError(f"views={views} are of pictures; {encoder.name} has one: give 1.")
    readable = getattr(encoder, "encode_readable", None)
    if readable is None:
        return encoder.encode(items, show_progress=show), {}
    found: tuple[FloatArray, dict[int, str]] = readable(items, show_progress=show)
    return found


class Viewed(Pictures):
    """An image encoder whose vectors are the mean of several views of a picture.

    Attributes:
        name, dim, space: The encoder's; the name and the space say how many views.
    """

    def __init__(self, encoder: Encoder, views: int) -> None:
        self.name = f"{encoder.name} ({views} views)"
        self.dim = encoder.dim
        self.space = f"{encoder.space}-{views}"
        self._encoder = encoder
        self._views = views

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why pictures could not be read; their rows hold NaN."""
        return encode_views(self._encoder, items, views=self._views, show_progress=show_progress)


def _views(image: Image, n: int) -> list[Image]:
    from PIL import ImageOps

    found = [image] if n < 4 else [image, _drawn_out(image)]
    return found if n == 1 else [view for one in found for view in (one, ImageOps.mirror(one))]


def _drawn_out(image: Image) -> Image:
    """Return a picture with its outermost pixels repeated by a fourteenth on each side."""
    from PIL import Image as pillow

    pixels = np.asarray(image)
    width = [(round(side / 14), round(side / 14)) for side in pixels.shape[:2]]
    return pillow.fromarray(np.pad(pixels, [*width, (0, 0)], mode="edge"))
