"""The base class of audio encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._progress import progress
from sememe._types import FloatArray, Modality
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


def map_audio(
    apply: Callable[[Any], FloatArray], items: Sequence[Any], *, dim: int, threads: int, show: bool
) -> tuple[FloatArray, dict[int, str]]:
    """Apply a function to audio items in threads, collecting failures: (n, dim), {index: reason}.

    apply: Returns the (dim,) row of an item. Failed rows are NaN.
    """
    import numpy as np

    def attempt(item: Any) -> FloatArray | str:
        try:
            return apply(item)
        except CorruptFileError as error:
            return str(error)

    rows = np.full((len(items), dim), np.nan, np.float32)
    failed: dict[int, str] = {}
    with (
        progress("encoding", total=len(items), show=show) as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        for index, row in enumerate(pool.map(attempt, items)):
            if isinstance(row, str):
                failed[index] = row
            else:
                rows[index] = row
            advance(index + 1)
    return rows, failed
