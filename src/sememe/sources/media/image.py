"""Images: one item per file, with its size and, if the camera recorded it, the time taken."""

from __future__ import annotations

from collections.abc import Iterator

from sememe._types import Item, Skipped
from sememe.sources.files import EMPTY, SourceFile
from sememe.sources.media.image_decoding import read_image_metadata


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the header of an image; its pixels are decoded when it is encoded."""
    if file.size == 0:
        yield Skipped(file.source, f"{EMPTY}: it holds no bytes")
        return
    yield Item(file.source, file.path, "image", file.source, read_image_metadata(file.path))
