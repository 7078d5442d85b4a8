"""Images and audio: one item per file, with the metadata of its header."""

from __future__ import annotations

from collections.abc import Iterator

from sememe._types import Item, Skipped
from sememe.sources.files import EMPTY, SourceFile
from sememe.sources.formats import format_of
from sememe.sources.media.audio_decoding import is_cut_off, read_audio_metadata
from sememe.sources.media.image_decoding import read_image_metadata


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the header of a file; pixels and samples are decoded when it is encoded.

    Metadata of an image: size, and the time taken if the camera recorded it. Of audio: duration,
    sample rate, channels and, if there are any, title and artist.
    """
    if file.size == 0:
        yield Skipped(file.source, f"{EMPTY}: it holds no bytes")
    elif format_of(file.path.name)[0] == "image":
        yield Item(file.source, file.path, "image", file.source, read_image_metadata(file.path))
    else:
        metadata = read_audio_metadata(file.path)
        yield Item(file.source, file.path, "audio", file.source, metadata)
        if is_cut_off(file.path):
            note = f"cut off before {metadata['seconds']} s; what is there is used"
            yield Skipped(file.source, note)
