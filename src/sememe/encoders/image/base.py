"""The base class of image encoders."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.base import MediaEncoder


class BaseImageEncoder(MediaEncoder):
    """Encode images: paths, bytes of files, arrays (height, width, 3) of uint8, Pillow images."""

    modality: Modality = "image"
    stream_batch = 256

    def check_items(self, items: Iterable[Any]) -> list[Any]:
        """Return the images as a list; see `check_images`."""
        return check_images(items)


def check_images(items: Iterable[Any]) -> list[Any]:
    """Return the images as a list; InvalidInputError for a single one or no iterable."""
    kind = type(items).__name__
    if isinstance(items, str | bytes | PathLike) or type(items).__module__.startswith("PIL"):
        raise InvalidInputError(
            f"encode takes a list of images, got one {kind}. Use encode_one(image), or "
            "encode([image])."
        )
    try:
        return list(items)
    except TypeError:
        raise InvalidInputError(f"encode takes a list of images, got {kind}.") from None
