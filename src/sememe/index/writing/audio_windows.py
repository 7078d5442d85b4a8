"""Audio cut into windows, so that a hit gives the time of the match.

A window is five seconds long; the last one takes what is left, up to half a window more. Where the
index has a recogniser, a window also has the words that begin in it, which text search finds; where
none are spoken, the name of an everyday sound, if it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import CorruptFileError, SememeError
from sememe._types import Encoder, FloatArray, Item
from sememe.encoders.audio.everyday_sounds import SoundNameEncoder
from sememe.encoders.base import as_encoder
from sememe.sources.media.audio_decoding import Clip, measure_seconds
from sememe.sources.media.sequential_audio import SequentialReader

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber, Word

SECONDS = 5.0  # of a window
PER_SECOND = 1000  # rows hold their start and end in milliseconds
_TOGETHER = 32  # windows in memory at once


class Window(NamedTuple):
    """A window of audio.

    Attributes:
        start, end: In milliseconds.
        spoken: The words that begin in it; "" where none were recognised.
    """

    start: int
    end: int
    spoken: str = ""


def cut_audio(
    items: Sequence[Item], load_transcriber: Callable[[], Transcriber] | None
) -> dict[str, list[Window] | str]:
    """Return the windows of each audio item, by its id, or why it cannot be read.

    load_transcriber: Loads the recogniser that transcribes them; None: none does.
    """
    cut: dict[str, list[Window] | str] = {}
    lengths: dict[str, float] = {}
    for item in items:
        try:
            lengths[item.id] = measure_seconds(item.content)
            cut[item.id] = cut_windows(lengths[item.id])
        except SememeError as error:
            cut[item.id] = str(error)
    readable = [item for item in items if item.id in lengths]
    if load_transcriber is None or not readable:
        return cut
    try:
        transcriber = load_transcriber()
    except (SememeError, OSError) as error:  # texts and images are stored without it
        return cut | {item.id: str(error) for item in readable}
    contents = [item.content for item in readable]
    transcripts, failed = transcriber.transcribe_with_failures(contents)
    for i, (item, transcript) in enumerate(zip(readable, transcripts, strict=True)):
        cut[item.id] = failed.get(i) or cut_windows(lengths[item.id], transcript.words)
    return cut


def cut_windows(seconds: float, words: Sequence[Word] = ()) -> list[Window]:
    """Cut audio of so many seconds.

    >>> cut_windows(12.4)
    [Window(start=0, end=5000, spoken=''), Window(start=5000, end=12400, spoken='')]
    """
    count = max(1, int(seconds / SECONDS + 0.5))
    starts = [round(i * SECONDS * PER_SECOND) for i in range(count)]
    ends = [*starts[1:], max(1, round(seconds * PER_SECOND))]
    spoken: list[list[str]] = [[] for _ in starts]
    for word in words:
        spoken[min(int(word.start / SECONDS), count - 1)].append(word.text)
    return [Window(*each) for each in zip(starts, ends, map(" ".join, spoken), strict=True)]


def correct_seconds(item: Item, windows: Sequence[Window]) -> Item:
    """Return audio with the length that was decoded, where its header gave another."""
    if "seconds" not in item.metadata:
        return item
    seconds = round(windows[-1].end / PER_SECOND, 3)
    return replace(item, metadata={**item.metadata, "seconds": seconds})


class EncodedWindows(NamedTuple):
    """Windows encoded with one encoder.

    Attributes:
        vectors: (n, dim) unit rows; NaN where it failed, or the encoder knows no name of the sound.
        failed: {index: reason}.
        names: What each sounds like, "" where that is unknown; [] of an encoder without names.
    """

    vectors: FloatArray
    failed: dict[int, str]
    names: list[str]


def encode_windows(
    encoders: Sequence[Encoder], contents: Sequence[Any], reader: SequentialReader
) -> list[EncodedWindows]:
    """Encode with several encoders, some windows at a time."""
    parts: list[list[EncodedWindows]] = [[] for _ in encoders]
    for start in range(0, len(contents), _TOGETHER):
        some = [_decode(one, reader) for one in contents[start : start + _TOGETHER]]
        for own, encoder in zip(parts, encoders, strict=True):
            done = _encode_some(encoder, some)
            failed = {start + at: reason for at, reason in done.failed.items()}
            own.append(done._replace(failed=failed))
    return [_join(own) for own in parts]


def _encode_some(encoder: Encoder, sounds: Sequence[Any]) -> EncodedWindows:
    if isinstance(encoder, SoundNameEncoder):
        vectors, names, failed = encoder.encode_named(sounds)
        return EncodedWindows(vectors, failed, names)
    done = as_encoder(encoder).encode_with_receipt(sounds)
    return EncodedWindows(done.vectors, done.receipt.failed, [])


def _join(parts: Sequence[EncodedWindows]) -> EncodedWindows:
    failed = {at: reason for part in parts for at, reason in part.failed.items()}
    names = [name for part in parts for name in part.names]
    return EncodedWindows(np.concatenate([part.vectors for part in parts]), failed, names)


def _decode(content: Any, reader: SequentialReader) -> Any:
    """Return a window's samples; what cannot be read is left for the encoder to report."""
    if isinstance(content, Clip):
        with suppress(CorruptFileError):
            return reader.read(content)
    return content
