"""Batches of equal stretches of sound: nothing is padding, and an epoch passes all of it once.

Sounds run on from stretch to stretch, as texts do in `sememe.train.mlm.packing`: short clips share
one, a long recording is in several. Their order is another each epoch, and where the cuts lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe.train.data.waveforms import Waveforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray


class _Epoch(NamedTuple):
    """The order of the sounds, where each ends in it, and where the stretches begin."""

    number: int
    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    begins: NDArray[np.int64]


class Crops:
    """Stretches of `size` samples, in batches that are a function of the seed and of the step."""

    def __init__(self, sounds: Waveforms, size: int, batch: int, seed: int) -> None:
        """Take sounds; size: Samples of a stretch. batch: Stretches a step. seed: Of the order."""
        self.sounds = sounds
        self.size = size
        self.batch = batch
        self.seed = seed
        self._last: _Epoch | None = None

    @property
    def n_batches(self) -> int:
        """Batches of an epoch; what is less than one is left out, another part each time."""
        return int(self.sounds.starts[-1]) // self.size // self.batch

    def of_step(self, step: int) -> FloatArray:
        """Return the batch of a step: (batch, size) float32."""
        epoch, place = divmod(step, self.n_batches)
        return self._read(epoch, range(place * self.batch, (place + 1) * self.batch))

    def some(self, n: int) -> FloatArray:
        """Return up to n stretches to measure with: (n, size) float32, the same each time."""
        return self._read(0, range(min(n, int(self.sounds.starts[-1]) // self.size)))

    def _read(self, number: int, rows: range) -> FloatArray:
        epoch = self._epoch(number)
        ends, lengths = epoch.ends, self.sounds.lengths[epoch.order]
        total = int(ends[-1])
        found = np.empty((len(rows), self.size), np.float32)
        for row, place in enumerate(rows):
            at, filled = int(epoch.begins[place]), 0
            while filled < self.size:
                nth = int(np.searchsorted(ends, at, side="right"))
                sound = self.sounds[int(epoch.order[nth])]
                part = sound[at - int(ends[nth] - lengths[nth]) :][: self.size - filled]
                found[row, filled : filled + len(part)] = part
                filled, at = filled + len(part), (at + len(part)) % total
        return found

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
        self._last = found = _Epoch(number, order, ends, rng.permutation(begins % total))
        return found
