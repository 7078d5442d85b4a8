"""The base class of audio encoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.base import MediaEncoder
from sememe.sources.media.audio_decoding import Clip, check_audio


class BaseAudioEncoder(MediaEncoder):
    """Encode audio: paths, bytes of files, (samples, sample rate) or `sememe.Clip`."""

    modality: Modality = "audio"
    stream_batch = 64

    def check_items(self, items: Iterable[Any]) -> list[Any]:
        """Return the items as a list; see `check_audio_items`."""
        return check_audio_items(items)


def check_audio_items(items: Iterable[Any]) -> list[Any]:
    """Return audio items as a list; InvalidInputError for a single item or one that is no audio."""
    kind = type(items).__name__
    pair = isinstance(items, tuple) and len(items) == 2 and isinstance(items[1], int | float)
    if pair or isinstance(items, str | bytes | bytearray | PathLike | Clip | Mapping):
        kind = "(samples, sample rate)" if pair else kind
        raise InvalidInputError(
            f"encode takes a list of audio items, got one {kind}. Use encode_one(item), or "
            "encode([item])."
        )
    try:
        given = list(items)
    except TypeError:
        raise InvalidInputError(f"encode takes a list of audio items, got {kind}.") from None
    for index, item in enumerate(given):
        check_audio(item, f"item {index}")
    return given
