"""Run a network that reads pixels: pictures are decoded and scaled beside it, a few at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe.models.onnx.session import LazySession
from sememe.sources.media.image_decoding import open_image

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.image.preprocess import Preprocess

PIXELS = "pixels"  # the graph's input, (N, size, size, 3) uint8
_MICRO = 8  # pictures in one run of the graph, on one thread: what it makes stays in cache


class VisionEngine:
    """A graph that reads pixels, and what makes them. Safe to share between threads.

    Each thread decodes, scales and runs a few pictures by itself, so that no thread waits for
    another, and memory is bounded by the number of threads.
    """

    def __init__(
        self,
        graph: Callable[[], bytes | Path],
        preprocess: Preprocess,
        *,
        threads: int | None = None,
    ) -> None:
        """Take what makes the graph (its bytes, or the path of its file) when it is first needed.

        The graph's input is "pixels", (N, size, size, 3) uint8.
        """
        self.preprocess = preprocess
        self._session = LazySession(graph)
        self._threads = threads or os.cpu_count() or 1

    def run(
        self, pictures: Sequence[Any], outputs: Sequence[str]
    ) -> Iterator[tuple[list[int], list[FloatArray], dict[int, str]]]:
        """Yield, a few pictures at a time, in order, what the graph's `outputs` say of them.

        pictures: what `sememe.sources.media.image_decoding.open_image` opens.

        Yields their places in `pictures`, of each output an array with a row for each, and why
        others could not be read: place -> reason.

        Raises:
            InvalidInputError: Something that can be no picture.
            CorruptFileError, MissingExtraError: Of the network's weights.
        """
        groups = [range(i, min(i + _MICRO, len(pictures))) for i in range(0, len(pictures), _MICRO)]

        def work(group: range) -> tuple[list[int], list[FloatArray], dict[int, str]]:
            return self._run([(place, pictures[place]) for place in group], outputs)

        self._open()  # its errors are not those of an image
        if len(groups) == 1 or self._threads == 1:
            yield from map(work, groups)
            return
        with ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-vision") as pool:
            waiting = iter(groups)
            running = [pool.submit(work, group) for group in islice(waiting, 2 * self._threads)]
            while running:
                yield running.pop(0).result()
                running.extend(pool.submit(work, group) for group in islice(waiting, 1))

    def outputs(self) -> dict[str, list[Any]]:
        """Return the graph's outputs: name -> shape, "N" or another word for what varies."""
        return {port.name: list(port.shape) for port in self._session.open().get_outputs()}

    def release(self) -> None:
        """Free memory that only makes the next call faster."""
        self._session.release()

    def _open(self) -> None:
        self._session.open()

    def _infer(self, pixels: Any, outputs: Sequence[str]) -> list[FloatArray]:
        """Return some outputs for (n, size, size, 3) uint8."""
        return self._session.run({PIXELS: pixels}, outputs)

    def _run(
        self, pictures: list[tuple[int, Any]], outputs: Sequence[str]
    ) -> tuple[list[int], list[FloatArray], dict[int, str]]:
        places, pixels, reasons = [], [], {}
        for place, picture in pictures:
            try:
                pixels.append(self.preprocess.pixels(open_image(picture)))
                places.append(place)
            except CorruptFileError as error:
                reasons[place] = str(error)
        if not pixels:
            return [], [], reasons
        return places, self._infer(np.stack(pixels), outputs), reasons
