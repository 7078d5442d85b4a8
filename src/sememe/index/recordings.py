"""Recordings cut into windows, so that a search tells where in an hour of sound the answer is.

A window is five seconds long; the last one takes what is left, up to half a window more. Where the
index has a recogniser, a window also has the words that begin in it, and is found by them as a
passage of a text is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sememe._errors import CorruptFileError
from sememe.sources.sound import sound_seconds

if TYPE_CHECKING:
    from sememe.tasks.transcribe import Transcriber, Word

SECONDS = 5.0  # of a window
PER_SECOND = 1000  # rows hold their start and end in milliseconds


class Window(NamedTuple):
    """A stretch of a recording.

    Attributes:
        start, end: In milliseconds.
        said: The words that begin in it; "" where none were understood.
    """

    start: int
    end: int
    said: str = ""


def heard(content: Any, transcriber: Transcriber | None) -> list[Window] | str:
    """Return the windows of a recording, or why it cannot be read."""
    try:
        seconds = sound_seconds(content)
        if transcriber is None:
            return windows(seconds)
        (transcript,), reasons = transcriber.transcribe_readable([content])
    except CorruptFileError as error:
        return str(error)
    return reasons[0] if reasons else windows(seconds, transcript.words)


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
