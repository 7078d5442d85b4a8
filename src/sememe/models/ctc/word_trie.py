"""A trie of words over units: which unit may follow a prefix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

START = 0  # between words


class WordTrie:
    """Nodes are numbers; START is the root.

    Words are separated by one or more spaces; without a space among the units, a text is one word.
    """

    def __init__(self, words: Iterable[Sequence[int]], *, n_units: int, space: int | None) -> None:
        """Take the units of each word."""
        self._next: list[dict[int, int]] = [{}]
        self._ends: set[int] = set()
        self._n_units = n_units
        self._space = space
        self._masks: dict[int, NDArray[np.bool_]] = {}
        for word in words:
            node = START
            for unit in word:
                if unit not in self._next[node]:
                    self._next[node][unit] = len(self._next)
                    self._next.append({})
                node = self._next[node][unit]
            self._ends.add(node)

    def next_mask(self, node: int) -> NDArray[np.bool_]:
        """Return (units,) of whether a unit may follow a node."""
        mask = self._masks.get(node)
        if mask is None:
            mask = np.zeros(self._n_units, bool)
            mask[list(self._next[node])] = True
            if self._space is not None:
                mask[self._space] = self.is_end(node)
            self._masks[node] = mask
        return mask

    def step(self, node: int, unit: int) -> int:
        """Return the node after a unit that `next_mask` allows."""
        return START if unit == self._space else self._next[node][unit]

    def is_end(self, node: int) -> bool:
        """Return whether a text may end here: after a word, or between words."""
        return node == START or node in self._ends
