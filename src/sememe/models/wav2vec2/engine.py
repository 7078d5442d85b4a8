"""Run a network that reads samples: clips in batches of like length, each core one of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.onnx.session import LazySession
from sememe.models.wav2vec2.graph import speech_graph
from sememe.models.wav2vec2.windows import cut_windows
from sememe.sources.media.audio_decoding import stream_sound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.models.onnx.builder import LargeGraph
    from sememe.models.wav2vec2.folder import SpeechFolder
    from sememe.models.wav2vec2.windows import Window

_BUDGET = 4.0  # seconds of sound in one run of the graph, where clips are shorter
_FRAMES = 1500  # in one run at most: attention compares each with each
_BESIDE = 2.0  # seconds that are only read, on each side of a window


class SpeechEngine:
    """A network's states of one layer, or its scores of units. Safe to share between threads."""

    def __init__(
        self, folder: SpeechFolder, *, layer: int | None = None, threads: int | None = None
    ) -> None:
        """Take the network; it is read when it is first needed.

        layer: Whose states come out; None: the scores of a head for recognition.
        """
        self.folder = folder
        self.layer = layer
        self._threads = threads or os.cpu_count() or 1
        self._session = LazySession(self._make_graph)

    @property
    def width(self) -> int:
        """Of a row that comes out."""
        config = self.folder.config
        return config.vocab_size if self.layer is None else config.dim

    @property
    def seconds_per_frame(self) -> float:
        """How far apart two frames begin."""
        return self.folder.config.stride / self.folder.sample_rate

    def windows(self, content: Any, seconds: float) -> Iterator[Window]:
        """Read a recording in windows of so many seconds, or fewer; see `speech_windows`.

        Raises:
            CorruptFileError, InvalidInputError, MissingExtraError: As `stream_sound`.
        """
        rate, config = self.folder.sample_rate, self.folder.config
        full = max(3, min(_FRAMES, config.frames(round(seconds * rate))))
        beside = min(full // 4, round(_BESIDE * rate / config.stride))
        blocks = stream_sound(content, sample_rate=rate, seconds=seconds)
        yield from cut_windows(blocks, config, own=full - 2 * beside, beside=beside)

    def stream(
        self, sounds: Sequence[Any], reasons: dict[int, str], *, seconds: float, held: float
    ) -> Iterator[tuple[int, FloatArray]]:
        """Yield (place, rows) of each window of each recording: its own frames, in order.

        seconds: Of a window. held: How many seconds of sound are in memory before they are run,
        more where there are many cores. A recording that cannot be read goes to `reasons`, place ->
        reason; what came of it, if anything did, does not count.

        Raises:
            InvalidInputError, CorruptFileError, MissingExtraError: Of the network's weights.
        """
        self.open()
        pieces: list[tuple[int, Window]] = []
        samples, rate = 0, self.folder.sample_rate
        most = max(held, 2 * self._threads * seconds) * rate  # work for every core
        for place, sound in enumerate(sounds):
            try:
                for window in self.windows(sound, seconds):
                    pieces.append((place, window))
                    samples += len(window.samples)
                    if samples >= most:
                        yield from self._own(pieces)
                        pieces, samples = [], 0
            except CorruptFileError as error:
                reasons[place] = str(error)
        yield from self._own(pieces)

    def run(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        """Return (frames, width) of each clip, whatever others are with it.

        clips: (n,) float32 each, at the network's sample rate, of one frame or more.
        """
        lengths = np.array([len(clip) for clip in clips], np.int64)
        found: list[Any] = [None] * len(clips)

        def work(batch: NDArray[np.int64]) -> None:
            some = [self._made(clips[i]) for i in batch.tolist()]
            for i, rows in zip(batch.tolist(), self._run(some), strict=True):
                found[i] = rows

        batches = list(self._batches(lengths))
        self.open()
        if len(batches) < 2 or self._threads == 1:
            for batch in batches:
                work(batch)
        else:
            list(self._pool.map(work, batches))
        return found

    def open(self) -> None:
        """Read the weights, if that is not done: one thread does, the others find them.

        Raises:
            InvalidInputError: It has no head for recognition, where scores are to come out.
            CorruptFileError, MissingExtraError: As `SpeechFolder.weights`.
        """
        self._session.open()

    def release(self) -> None:
        """Give back the memory that only makes the next call faster."""
        self._session.release()

    def _own(self, pieces: Sequence[tuple[int, Window]]) -> Iterator[tuple[int, FloatArray]]:
        rows = self.run([window.samples for _, window in pieces])
        for (place, window), one in zip(pieces, rows, strict=True):
            yield place, one[window.skip : window.skip + window.keep]

    def _batches(self, lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield places of clips, longest first: alike in length, or equal where padding counts."""
        config = self.folder.config
        budget = min(_BUDGET * self.folder.sample_rate, _FRAMES * config.stride)
        equal = config.conv_norm == "group"
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = lengths[order[start]]
            stop = start + max(1, int(budget / longest))
            if equal:
                stop = min(stop, start + int((lengths[order[start:]] == longest).sum()))
            yield order[start:stop]
            start = stop

    def _made(self, clip: FloatArray) -> FloatArray:
        """Return a clip as the network reads it: at mean 0 and variance 1, where it learnt so."""
        if not self.folder.normalize:
            return clip
        exact = clip.astype(np.float64)
        found: FloatArray = ((exact - exact.mean()) / np.sqrt(exact.var() + 1e-7)).astype("f4")
        return found

    def _run(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        frames = [self.folder.config.frames(len(clip)) for clip in clips]
        samples = np.zeros((len(clips), max(map(len, clips))), np.float32)
        for row, clip in zip(samples, clips, strict=True):
            row[: len(clip)] = clip
        inputs = {"samples": samples, "lengths": np.array(frames, np.int32)}
        rows = self._session.run(inputs)[0]
        return [one[:count].copy() for one, count in zip(rows, frames, strict=True)]

    def _make_graph(self) -> LargeGraph:
        weights = self.folder.weights()
        if self.layer is None and weights.head is None:
            raise InvalidInputError(no_head(str(self.folder.path)))
        layers = () if self.layer is None else (self.layer,)
        return speech_graph(weights, layers=layers, logits=self.layer is None)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-speech")


def no_head(where: str) -> str:
    """Say that a network has not learnt to recognise speech."""
    return (
        f"{where} has no head for recognition: the tensor lm_head.weight is not there. Give one "
        "that learnt it, as Wav2Vec2ForCTC of transformers or `sememe train speech` writes it"
    )
