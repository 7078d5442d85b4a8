"""Run a network on audio: clips in batches of like length, each core a batch of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._cpus import count_cpus
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import FloatArray
from sememe.models.onnx.batches import Batches
from sememe.models.onnx.builder import LargeGraph
from sememe.models.onnx.session import LazySession
from sememe.models.wav2vec2.folder import SpeechFolder
from sememe.models.wav2vec2.graph import speech_graph
from sememe.models.wav2vec2.windows import Window, cut_windows
from sememe.sources.media.audio_decoding import stream_sound

_BUDGET = 4.0  # seconds of audio in one run of the graph, if clips are shorter
_FRAMES = 1500  # in one run at most, as attention is quadratic
_CONTEXT = 2.0  # seconds on each side of a window


class SpeechEngine:
    """A network's states of one layer, or its logits of units. Safe to share between threads."""

    def __init__(
        self, folder: SpeechFolder, *, layer: int | None = None, threads: int | None = None
    ) -> None:
        """Take the network; its weights are read when they are first needed.

        layer: Layer whose states are returned; None for the logits of a CTC head.
        """
        self.folder = folder
        self.layer = layer
        self._threads = threads or count_cpus()
        self._session = LazySession(self._make_graph)
        config = folder.config
        self._batches = Batches(
            budget=round(min(_BUDGET * folder.sample_rate, _FRAMES * config.stride)),
            equal=config.conv_norm == "group",  # padding would count in normalisation
            threads=threads,
        )

    @property
    def width(self) -> int:
        """Width of an output row."""
        config = self.folder.config
        return config.vocab_size if self.layer is None else config.dim

    @property
    def seconds_per_frame(self) -> float:
        """Time from one frame to the next."""
        return self.folder.config.stride / self.folder.sample_rate

    def windows(self, content: Any, seconds: float) -> Iterator[Window]:
        """Read audio in windows of so many seconds, or fewer; see `cut_windows`.

        Raises as `stream_sound` does.
        """
        rate, config = self.folder.sample_rate, self.folder.config
        full = max(3, min(_FRAMES, config.frames(round(seconds * rate))))
        context = min(full // 4, round(_CONTEXT * rate / config.stride))
        blocks = stream_sound(content, sample_rate=rate, seconds=seconds)
        yield from cut_windows(blocks, config, own=full - 2 * context, context=context)

    def stream(
        self, items: Sequence[Any], reasons: dict[int, str], *, seconds: float, held: float
    ) -> Iterator[tuple[int, FloatArray]]:
        """Yield (index, rows) of each window of each item: its own frames, in order.

        seconds: Of a window. held: Seconds of audio in memory before they are run, more with many
        cores. The reason why an item cannot be read is entered in `reasons` under its index; rows
        that were yielded for it before are void. Raises as `open` does.
        """
        self.open()
        pieces: list[tuple[int, Window]] = []
        samples, rate = 0, self.folder.sample_rate
        most = max(held, 2 * self._threads * seconds) * rate  # work for every core
        for index, item in enumerate(items):
            try:
                for window in self.windows(item, seconds):
                    pieces.append((index, window))
                    samples += len(window.samples)
                    if samples >= most:
                        yield from self._run_windows(pieces)
                        pieces, samples = [], 0
            except CorruptFileError as error:
                reasons[index] = str(error)
        yield from self._run_windows(pieces)

    def run(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        """Return (frames, width) of each clip, independent of the others.

        clips: (n,) float32 each, at the network's sample rate, of one frame or more.
        """
        lengths = np.array([len(clip) for clip in clips], np.int64)
        outputs: list[Any] = [None] * len(clips)

        def work(batch: NDArray[np.int64]) -> None:
            some = [self._normalise(clips[i]) for i in batch.tolist()]
            for i, rows in zip(batch.tolist(), self._run(some), strict=True):
                outputs[i] = rows

        self.open()
        self._batches.each(lengths, work)
        return outputs

    def open(self) -> None:
        """Read the weights if that is not done.

        Raises as `SpeechFolder.weights` does; InvalidInputError also for a missing CTC head.
        """
        self._session.open()

    def release(self) -> None:
        """Free memory that only makes the next call faster."""
        self._session.release()

    def _run_windows(self, pieces: list[tuple[int, Window]]) -> Iterator[tuple[int, FloatArray]]:
        rows = self.run([window.samples for _, window in pieces])
        for (index, window), one in zip(pieces, rows, strict=True):
            yield index, one[window.skip : window.skip + window.keep]

    def _normalise(self, clip: FloatArray) -> FloatArray:
        """Return a clip at mean 0 and variance 1, if the network was trained so."""
        if not self.folder.normalize:
            return clip
        exact = clip.astype(np.float64)
        return np.asarray((exact - exact.mean()) / np.sqrt(exact.var() + 1e-7), np.float32)

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
            raise InvalidInputError(
                f"{self.folder.path} has no head for recognition: the tensor lm_head.weight is not "
                "there. Give one that learnt it, as Wav2Vec2ForCTC of transformers or `sememe "
                "train speech` writes it"
            )
        layers = () if self.layer is None else (self.layer,)
        return speech_graph(weights, layers=layers, logits=self.layer is None)
