"""Run a network on images, which are decoded and scaled a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sememe._cpus import count_cpus
from sememe._errors import CorruptFileError
from sememe._types import FloatArray
from sememe.models.image.preprocess import Preprocess
from sememe.models.onnx.session import LazySession
from sememe.sources.media.image_decoding import open_image

# Indices of images, for each output an array with a row for each of these, and {index: reason} of
# images that cannot be read.
Batch = tuple[list[int], list[FloatArray], dict[int, str]]
PIXELS = "pixels"  # the graph's input, (N, size, size, 3) uint8
_MICRO = 8  # images in one run of the graph, on one thread: activations stay in cache


class VisionEngine:
    """A graph that reads pixels, with its preprocessing. Safe to share between threads.

    Each thread decodes, scales and runs a few images by itself, so that no thread waits for
    another, and memory is bounded by the number of threads.
    """

    def __init__(
        self,
        graph: Callable[[], bytes | Path],
        preprocess: Preprocess,
        *,
        threads: int | None = None,
    ) -> None:
        """Take a function that returns the graph, its bytes or path, when it is first needed.

        The graph's input is "pixels", (N, size, size, 3) uint8.
        """
        self.preprocess = preprocess
        self._session = LazySession(graph)
        self._threads = threads or count_cpus()

    def run(self, images: Sequence[Any], outputs: Sequence[str]) -> Iterator[Batch]:
        """Yield the graph's `outputs` for images, a few at a time, in order.

        images: What `sememe.sources.media.image_decoding.open_image` opens.
        Raises InvalidInputError if an item cannot be an image, and errors of the graph.
        """
        groups = [range(i, min(i + _MICRO, len(images))) for i in range(0, len(images), _MICRO)]

        def work(group: range) -> Batch:
            return self._run([(index, images[index]) for index in group], outputs)

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
        """Return the graph's outputs: name -> shape, with names for dimensions that vary."""
        return {port.name: list(port.shape) for port in self._session.open().get_outputs()}

    def release(self) -> None:
        """Free memory that only makes the next call faster."""
        self._session.release()

    def _open(self) -> None:
        """Build the graph if that is not done."""
        self._session.open()

    def _infer(self, pixels: Any, outputs: Sequence[str]) -> list[FloatArray]:
        """Return some outputs for (n, size, size, 3) uint8."""
        return self._session.run({PIXELS: pixels}, outputs)

    def _run(self, images: list[tuple[int, Any]], outputs: Sequence[str]) -> Batch:
        indices, pixels, reasons = [], [], {}
        for index, image in images:
            try:
                pixels.append(self.preprocess.pixels(open_image(image)))
                indices.append(index)
            except CorruptFileError as error:
                reasons[index] = str(error)
        if not pixels:
            return [], [], reasons
        return indices, self._infer(np.stack(pixels), outputs), reasons
