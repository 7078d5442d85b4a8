"""Cut long audio into overlapping windows, in bounded memory.

A window has frames of its own and context on both sides, so that its frames are computed as in the
middle of the whole. Frames of neighbouring windows join without a gap.

    |-- context --|------ own ------|-- context --|
                     |-- context --|------ own ------|-- context --|

Audio that fits one window is read as a whole. The last window ends with the audio and is as long as
the others: a short one would be normalised by itself and be louder than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from sememe._types import FloatArray
from sememe.models.wav2vec2.config import SpeechConfig


class Window(NamedTuple):
    """A window.

    Attributes:
        samples: (n,) float32.
        skip: Number of frames of context before its own.
        keep: Number of its own frames.
    """

    samples: FloatArray
    skip: int
    keep: int


def cut_windows(
    blocks: Iterable[FloatArray], config: SpeechConfig, *, own: int, context: int
) -> Iterator[Window]:
    """Cut a stream of samples into windows, in memory bounded by the window.

    blocks: Samples, in pieces of any length. own: Frames of a window. context: Frames of context on
    each side. Audio shorter than a frame is padded with silence to one.
    """
    stride = config.stride
    full = own + 2 * context
    buffer = np.empty(0, np.float32)
    first = done = 0  # first frame of the buffer; first frame in no window yet
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        # The rest is in the last window, which may reach back a whole window.
        while first * stride + len(buffer) >= config.samples(done + full + 1):
            begin = max(0, done - context)
            stop = config.samples(done + own + context)
            yield Window(buffer[(begin - first) * stride : stop - first * stride],
                         done - begin, own)  # fmt: skip
            done += own
            fresh = max(0, done - full)
            buffer, first = buffer[(fresh - first) * stride :], fresh
    if not first and len(buffer) < config.receptive_field:
        buffer = np.pad(buffer, (0, config.receptive_field - len(buffer)))
    count = first + config.frames(len(buffer))
    begin = max(first, min(done - context, count - full)) if done else 0
    yield Window(buffer[(begin - first) * stride :], done - begin, count - done)
