"""A list of words as a tree of their units: which unit may follow what has been understood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

START = 0  # between words


class WordTrie:
    """Places in words. A place is a number; START lies before each word.

    Between two words stands the space, any number of times; without a space among the units, a
    text is one word.
    """

    def __init__(self, words: Iterable[Sequence[int]], *, n_units: int, space: int | None) -> None:
        """Take the units of each word."""
        self._next: list[dict[int, int]] = [{}]
        self._ends: set[int] = set()
        self._n_units = n_units
        self._space = space
        self._masks: dict[int, NDArray[np.bool_]] = {}
        for word in words:
            place = START
            for unit in word:
                if unit not in self._next[place]:
                    self._next[place][unit] = len(self._next)
                    self._next.append({})
                place = self._next[place][unit]
            self._ends.add(place)

    def allowed(self, place: int) -> NDArray[np.bool_]:
        """Return (units,) which may follow."""
        found = self._masks.get(place)
        if found is None:
            found = np.zeros(self._n_units, bool)
            found[list(self._next[place])] = True
            if self._space is not None:
                found[self._space] = self.is_whole(place)
            self._masks[place] = found
        return found

    def after(self, place: int, unit: int) -> int:
        """Return the place after a unit that is allowed."""
        return START if unit == self._space else self._next[place][unit]

    def is_whole(self, place: int) -> bool:
        """Say whether a text may end here: after a word, or between words."""
        return place == START or place in self._ends
