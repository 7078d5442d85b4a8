"""What all encoders of sound share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.base import Streams, check_batch_size, refuse
from sememe.sources.media.audio_decoding import Clip, check_audio

if TYPE_CHECKING:
    from sememe._types import FloatArray


class Sounds(Streams, ABC):
    """An encoder of sound: all follows from `encode_readable`."""

    modality: Modality = "audio"
    items_at_once = 64

    @abstractmethod
    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why recordings could not be read: place -> reason.

        The rows of those recordings hold NaN.
        """

    def encode(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each recording.

        items: paths, bytes of files, (samples, sample rate) or `sememe.Clip`.
        batch_size: has no influence; a recording is read by itself, some at a time.

        Raises:
            CorruptFileError: One that cannot be read. `encode_readable` goes on instead.
            InvalidInputError: Something that can be no recording.
            MissingExtraError: The extra `audio` is not installed.
        """
        check_batch_size(batch_size)
        sounds = checked_sounds(items)
        vectors, reasons = self.encode_readable(sounds, show_progress=show_progress)
        refuse(sounds, reasons)
        return vectors


def checked_sounds(items: Iterable[Any]) -> list[Any]:
    """Return the recordings as a list, or say that one alone was given, or something else.

    Raises:
        InvalidInputError: So it is.
    """
    if isinstance(items, str | bytes | bytearray | PathLike | Clip | Mapping) or _is_pair(items):
        kind = "(samples, sample rate)" if isinstance(items, tuple) else type(items).__name__
        raise InvalidInputError(
            f"encode takes a list of recordings, got one {kind}. Use encode_one(recording), or "
            "encode([recording])."
        )
    try:
        found = list(items)
    except TypeError:
        kind = type(items).__name__
        raise InvalidInputError(f"encode takes a list of recordings, got {kind}.") from None
    for place, item in enumerate(found):
        check_audio(item, f"item {place}")
    return found


def _is_pair(items: Any) -> bool:
    """Say whether this is one recording, (samples, sample rate)."""
    return isinstance(items, tuple) and len(items) == 2 and isinstance(items[1], int | float)
