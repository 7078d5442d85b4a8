"""Recordings cut into windows, so that a search tells where in an hour of sound the answer is.

A window is five seconds long; the last one takes what is left, up to half a window more. Where the
index has a recogniser, a window also has the words that begin in it, and is found by them as a
passage of a text is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sememe._errors import CorruptFileError, SememeError
from sememe.encoders.image.shared_pass import encode_together
from sememe.sources.media.audio_decoding import Clip, measure_seconds
from sememe.sources.media.sequential_audio import SequentialReader

if TYPE_CHECKING:
    from sememe._types import Encoder, FloatArray, Item
    from sememe.encoders.audio.transcriber import Transcriber, Word

SECONDS = 5.0  # of a window
PER_SECOND = 1000  # rows hold their start and end in milliseconds
_TOGETHER = 32  # windows in memory at once


class Window(NamedTuple):
    """A stretch of a recording.

    Attributes:
        start, end: In milliseconds.
        said: The words that begin in it; "" where none were understood.
    """

    start: int
    end: int
    said: str = ""


class Recordings:
    """What a writer does with sounds: hears how long they are and what is said; encodes them."""

    def __init__(self, transcriber: Callable[[], Transcriber] | None) -> None:
        self._transcriber = transcriber
        self._forward = SequentialReader()

    def heard(self, items: Iterable[Item]) -> dict[str, list[Window] | str]:
        """Return the windows of each sound, by its id, or why it cannot be read."""
        found: dict[str, list[Window] | str] = {}
        lengths: dict[str, float] = {}
        sounds = [item for item in items if item.modality == "audio"]
        for item in sounds:
            try:
                lengths[item.id] = measure_seconds(item.content)
                found[item.id] = windows(lengths[item.id])
            except SememeError as error:
                found[item.id] = str(error)
        known = [item for item in sounds if item.id in lengths]
        if self._transcriber is None or not known:
            return found
        try:
            transcriber = self._transcriber()
        except (SememeError, OSError) as error:  # it went away: texts and images are stored
            return found | {item.id: str(error) for item in known}
        said, reasons = transcriber.transcribe_readable([item.content for item in known])
        for place, (item, transcript) in enumerate(zip(known, said, strict=True)):
            why = reasons.get(place)
            found[item.id] = why or windows(lengths[item.id], transcript.words)
        return found

    def encode(
        self, encoders: Sequence[Encoder], contents: Sequence[Any]
    ) -> list[tuple[FloatArray, dict[int, str]]]:
        """Return of each encoder what `encode_readable` does.

        Windows of one recording that follow each other are decoded in one go, some at a time.
        """
        import numpy as np

        rows: list[list[FloatArray]] = [[] for _ in encoders]
        reasons: list[dict[int, str]] = [{} for _ in encoders]
        for start in range(0, len(contents), _TOGETHER):
            some = [self._samples(one) for one in contents[start : start + _TOGETHER]]
            for place, (found, why) in enumerate(encode_together(encoders, some)):
                rows[place].append(found)
                reasons[place] |= {start + at: reason for at, reason in why.items()}
        return [(np.concatenate(r), w) for r, w in zip(rows, reasons, strict=True)]

    def close(self) -> None:
        """Close the recording that is being read."""
        self._forward.close()

    def _samples(self, content: Any) -> Any:
        """Return a window's samples; what cannot be read is left for the encoder to tell."""
        if isinstance(content, Clip):
            with suppress(CorruptFileError):
                return self._forward.read(content)
        return content


def with_seconds(item: Item, windows: Sequence[Window]) -> Item:
    """Return a sound with its length as it was heard, where its header said another."""
    if "seconds" not in item.metadata:
        return item
    seconds = round(windows[-1].end / PER_SECOND, 3)
    return replace(item, metadata={**item.metadata, "seconds": seconds})


def windows(seconds: float, words: Sequence[Word] = ()) -> list[Window]:
    """Cut a recording of so many seconds.

    >>> windows(12.4)
    [Window(start=0, end=5000, said=''), Window(start=5000, end=12400, said='')]
    """
    count = max(1, int(seconds / SECONDS + 0.5))
    starts = [round(i * SECONDS * PER_SECOND) for i in range(count)]
    ends = [*starts[1:], max(1, round(seconds * PER_SECOND))]
    said: list[list[str]] = [[] for _ in starts]
    for word in words:
        said[min(int(word.start / SECONDS), count - 1)].append(word.text)
    return [Window(*each) for each in zip(starts, ends, map(" ".join, said), strict=True)]
