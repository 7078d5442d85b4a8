"""Batches of equal stretches of sound: nothing is padding, and an epoch passes all of it once.

Sounds run on from stretch to stretch, as texts do in `sememe.train.mlm.packing`: short clips share
one, a long recording is in several. Their order is another each epoch, and where the cuts lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sememe.train.data.waveforms import Waveforms

if TYPE_CHECKING:
    from sememe._types import FloatArray


class Crops:
    """Stretches of `size` samples, dealt as a function of the seed and of a step's number."""

    def __init__(self, sounds: Waveforms, size: int, batch: int, seed: int) -> None:
        """Take sounds; size: Samples of a stretch. batch: Stretches a step. seed: Of the order."""
        self.sounds = sounds
        self.size = size
        self.batch = batch
        self.seed = seed
        self._epoch = -1
        self._order = self._ends = self._begins = np.empty(0, np.int64)

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

    def _read(self, epoch: int, rows: range) -> FloatArray:
        self._deal(epoch)
        order, ends, lengths = self._order, self._ends, self.sounds.lengths[self._order]
        total = int(ends[-1])
        found = np.empty((len(rows), self.size), np.float32)
        for row, place in enumerate(rows):
            at, filled = int(self._begins[place]), 0
            while filled < self.size:
                nth = int(np.searchsorted(ends, at, side="right"))
                sound = self.sounds[int(order[nth])]
                part = sound[at - int(ends[nth] - lengths[nth]) :][: self.size - filled]
                found[row, filled : filled + len(part)] = part
                filled, at = filled + len(part), (at + len(part)) % total
        return found

    def _deal(self, epoch: int) -> None:
        """Set the order of the sounds, where each ends in it, and where the stretches begin."""
        if epoch == self._epoch:
            return
        rng = np.random.default_rng([self.seed, 0, epoch])
        self._order = rng.permutation(len(self.sounds))
        self._ends = np.cumsum(self.sounds.lengths[self._order])
        total = int(self._ends[-1])
        begins = np.arange(total // self.size) * self.size + rng.integers(self.size)
        self._begins = rng.permutation(begins % total)
        self._epoch = epoch
