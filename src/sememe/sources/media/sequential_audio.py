"""Decode consecutive clips of the same audio in one pass.

Opening and seeking for each clip decodes an MP3 from its start each time: an hour in windows of
five seconds took 96 s, and takes 5 to 9 s in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe.sources.media.audio_decoding import Clip, decode_blocks, open_audio

if TYPE_CHECKING:
    from sememe._types import FloatArray


class SequentialReader:
    """Reads clips; consecutive ones of the same audio are decoded without seeking."""

    def __init__(self) -> None:
        self._content: Any = None
        self._open = ExitStack()
        self._blocks: Iterator[FloatArray] = iter(())
        self._held: list[FloatArray] = []
        self._start = self._end = 0  # of the held blocks, in samples
        self._rate = 0

    def read(self, clip: Clip) -> tuple[FloatArray, int]:
        """Return the samples of a clip, (n,) mono float32, and their sample rate.

        Raises the errors of `read_sound`.
        """
        first = round(clip.start * self._rate) if clip.content is self._content else -1
        if first < self._start:
            self._begin(clip.content)
            first = round(clip.start * self._rate)
        last = None if clip.end is None else max(round(clip.end * self._rate), first + 1)
        while last is None or self._end < last:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held.append(block)
            self._end += len(block)
            while self._held and self._start + len(self._held[0]) <= first:
                self._start += len(self._held.pop(0))
        whole = np.concatenate([np.empty(0, np.float32), *self._held])
        part = whole[first - self._start : None if last is None else last - self._start]
        if not len(part):
            raise CorruptFileError(f"it ends before {clip.start} s")
        self._held, self._start = [whole[first - self._start :]], first
        samples: FloatArray = np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)
        return samples, self._rate

    def close(self) -> None:
        """Close the open audio."""
        self._open.close()
        self._content, self._held = None, []

    def _begin(self, content: Any) -> None:
        self.close()
        audio = self._open.enter_context(open_audio(content))
        self._content, self._rate = content, audio.samplerate
        self._blocks = decode_blocks(audio, 0.0, None)
        self._start = self._end = 0
