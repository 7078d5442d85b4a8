"""Long recordings in windows: a network that reads seconds reads hours, a window at a time.

A window is some frames of its own, and on both sides frames that are only read, so that its own are
made as they would be in the middle of the whole. Frames of neighbouring windows join without a gap.

    |-- read --|------ own ------|-- read --|
                        |-- read --|------ own ------|-- read --|

A recording that fits one window is read as a whole. The last window ends with the recording and is
as long as the others: a short one would be normalised by itself and sound louder than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.wav2vec2.config import SpeechConfig


class Window(NamedTuple):
    """A stretch of a recording.

    Attributes:
        samples: What the network reads, (n,).
        skip: How many of its first frames are another window's.
        keep: How many of the frames after those are its own.
    """

    samples: FloatArray
    skip: int
    keep: int


def cut_windows(
    blocks: Iterable[FloatArray], config: SpeechConfig, *, own: int, beside: int
) -> Iterator[Window]:
    """Cut a recording into windows, in memory bounded by the window.

    blocks: Its samples, in pieces of any length. own: frames of a window; beside: frames that are
    only read, on each side. A recording shorter than a frame becomes one, with silence at its end.
    """
    stride = config.stride
    full = own + 2 * beside
    buffer = np.empty(0, np.float32)
    first = done = 0  # the frame that the buffer begins with, and the first that is in no window
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        # Anything beyond is in the last window, which may reach back a whole window.
        while first * stride + len(buffer) >= config.samples(done + full + 1):
            begin = max(0, done - beside)
            stop = config.samples(done + own + beside)
            yield Window(buffer[(begin - first) * stride : stop - first * stride],
                         done - begin, own)  # fmt: skip
            done += own
            fresh = max(0, done - full)
            buffer, first = buffer[(fresh - first) * stride :], fresh
    if not first and len(buffer) < config.receptive_field:
        buffer = np.pad(buffer, (0, config.receptive_field - len(buffer)))
    count = first + config.frames(len(buffer))
    begin = max(first, min(done - beside, count - full)) if done else 0
    yield Window(buffer[(begin - first) * stride :], done - begin, count - done)
