"""Audio: one item per file, with duration, sample rate, channels and, if any, title and artist."""

from __future__ import annotations

from collections.abc import Iterator

from sememe._types import Item, Skipped
from sememe.sources.files import EMPTY, SourceFile
from sememe.sources.media.audio_decoding import is_cut_off, read_audio_metadata


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the header of an audio file; its samples are decoded when it is encoded."""
    if file.size == 0:
        yield Skipped(file.source, f"{EMPTY}: it holds no bytes")
        return
    facts = read_audio_metadata(file.path)
    yield Item(file.source, file.path, "audio", file.source, facts)
    if is_cut_off(file.path):
        yield Skipped(file.source, f"cut off before {facts['seconds']} s; what is there is used")
