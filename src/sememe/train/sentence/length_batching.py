"""Batches of texts of similar length, which need little padding.

Reference: Reimers & Gurevych 2019, section 7, smart batching (arXiv:1908.10084). Imports torch and
sentence-transformers, so it is imported when training begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sentence_transformers.base.sampler import DefaultBatchSampler

_POOL = 16  # batches among which examples are sorted, at most
_SHARE = 8  # pools at least, so that batches differ from epoch to epoch


class ByLength(DefaultBatchSampler):  # type: ignore[misc]
    """Batches examples anew each epoch, as a function of the seed and the epoch alone.

    Examples are shuffled; pools of 16 batches, an eighth of the data at most, are sorted by the
    length of their texts and cut; the batches are shuffled. With few batches lengths do not count.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        drop_last: bool,
        valid_label_columns: list[str] | None = None,
        generator: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            range(len(dataset)), batch_size, drop_last, valid_label_columns, generator, seed
        )
        texts = [name for name in dataset.column_names if isinstance(dataset[0][name], str)]
        columns = [np.array([len(text) for text in dataset[name]]) for name in texts]
        self.lengths = np.sum(columns, axis=0) if columns else np.zeros(len(dataset), int)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the batches of an epoch."""
        rng = np.random.default_rng([self.seed or 0, self.epoch])
        order = rng.permutation(len(self.lengths))
        size = self.batch_size * max(1, min(_POOL, len(order) // self.batch_size // _SHARE))
        for start in range(0, len(order), size):
            pool = order[start : start + size]
            order[start : start + size] = pool[np.argsort(self.lengths[pool], kind="stable")]
        n = len(order)
        batches = [order[i : i + self.batch_size] for i in range(0, n, self.batch_size)]
        if self.drop_last and n % self.batch_size:
            batches.pop()
        for i in rng.permutation(len(batches)):
            yield batches[i].tolist()
