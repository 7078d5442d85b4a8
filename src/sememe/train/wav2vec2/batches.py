"""Batches of crops of equal length, without padding; an epoch reads all audio once.

Audio is packed like texts in `sememe.train.mlm.packing`: short clips share a crop, long ones are
split. Order and cuts differ from epoch to epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe.train.data.waveforms import Waveforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray


class _Epoch(NamedTuple):
    """The order of the clips, the end of each, and the starts of the crops, in samples."""

    number: int
    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    begins: NDArray[np.int64]


class Crops:
    """Crops of `size` samples, in batches that are a function of the seed and of the step."""

    def __init__(self, sounds: Waveforms, size: int, batch: int, seed: int) -> None:
        """Take audio. size: Samples of a crop. batch: Crops per step. seed: Of the order."""
        self.sounds, self.size, self.batch, self.seed = sounds, size, batch, seed
        self._last: _Epoch | None = None

    @property
    def n_batches(self) -> int:
        """Whole batches of an epoch."""
        return int(self.sounds.starts[-1]) // self.size // self.batch

    def of_step(self, step: int) -> FloatArray:
        """Return the batch of a step: (batch, size) float32."""
        epoch, i = divmod(step, self.n_batches)
        return self._read(epoch, range(i * self.batch, (i + 1) * self.batch))

    def sample(self, n: int) -> FloatArray:
        """Return up to n crops to measure with: (n, size) float32, the same each time."""
        return self._read(0, range(min(n, int(self.sounds.starts[-1]) // self.size)))

    def _read(self, number: int, indices: range) -> FloatArray:
        epoch = self._epoch(number)
        ends, lengths = epoch.ends, self.sounds.lengths[epoch.order]
        total = int(ends[-1])
        crops = np.empty((len(indices), self.size), np.float32)
        for row, i in enumerate(indices):
            at, filled = int(epoch.begins[i]), 0
            while filled < self.size:
                nth = int(np.searchsorted(ends, at, side="right"))
                clip = self.sounds[int(epoch.order[nth])]
                part = clip[at - int(ends[nth] - lengths[nth]) :][: self.size - filled]
                crops[row, filled : filled + len(part)] = part
                filled, at = filled + len(part), (at + len(part)) % total
        return crops

    def _epoch(self, number: int) -> _Epoch:
        """Return an epoch; the last one is kept. Two threads may ask, each for its own."""
        last = self._last
        if last is not None and last.number == number:
            return last
        rng = np.random.default_rng([self.seed, 0, number])
        order = rng.permutation(len(self.sounds))
        ends = np.cumsum(self.sounds.lengths[order])
        total = int(ends[-1])
        begins = np.arange(total // self.size) * self.size + rng.integers(self.size)
        self._last = epoch = _Epoch(number, order, ends, rng.permutation(begins % total))
        return epoch
