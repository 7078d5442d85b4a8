"""Prefix beam search: the text whose readings add up to the most, of a list of words if told.

A beginning of a text (a prefix) is kept with what all its readings add up to, those that end in a
blank apart from those that end in its last unit: the same unit again lengthens the one and repeats
after the other. At each frame the best beginnings are kept. With enough of them the answer is
exact: the tests add up all readings one by one and find the same.

For when things were said, each beginning also keeps its best single reading.

Reference: Hannun et al. 2014 (arXiv:1408.2873), algorithm 1, without a language model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe.models.ctc.greedy import NEVER, Reading, Spoken
from sememe.models.ctc.word_trie import START

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.ctc.word_trie import WordTrie

_MODULUS, _FACTOR = (1 << 89) - 1, 1_000_003  # of keys: so long that no two are met alike


class _Path:
    """A reading's units, the last first; readings that begin alike share what comes before."""

    __slots__ = ("before", "spoken")

    def __init__(self, before: _Path | None, spoken: Spoken) -> None:
        self.before = before
        self.spoken = spoken

    def longer(self, frame: int) -> _Path:
        """Return the path whose last unit is still heard in a frame."""
        return _Path(self.before, self.spoken._replace(end=frame + 1))


class _Best(NamedTuple):
    """The best single reading of a kind: its logarithm, and its path."""

    score: float = NEVER
    path: _Path | None = None

    def plus(self, log_prob: float) -> _Best:
        return _Best(self.score + log_prob, self.path)


class _Prefix(NamedTuple):
    """A beginning of a text.

    Attributes:
        key: Tells beginnings apart: equal for equal units.
        above: The key without the last unit.
        last: The last unit, -1 where there is none.
        place: Where in the list of words it ends.
        blank, unit: The best reading that ends in a blank, and that ends in the last unit.
    """

    key: int
    above: int
    last: int
    place: int
    blank: _Best
    unit: _Best

    @property
    def best(self) -> _Best:
        """The best reading of either kind; of equals the one that ends in a blank."""
        return self.blank if self.blank.score >= self.unit.score else self.unit


class Beam:
    """Beam decoding; of equal beginnings the shorter is kept, then that of the lower unit."""

    def __init__(self, blank: int, *, size: int, words: WordTrie | None = None) -> None:
        """Begin with nothing understood.

        blank: The unit that stands for none. size: How many beginnings are kept.
        words: What a text may be made of.

        Raises:
            InvalidInputError: A size below 1.
        """
        if size < 1:
            raise InvalidInputError(f"beam_size={size}; give a whole number of at least 1.")
        self._blank_unit = blank
        self._size = size
        self._words = words
        self._frames = 0
        self._prefixes = [_Prefix(1, 0, -1, START, _Best(0.0), _Best())]
        # What all readings add up to: those that end in a blank, and in the last unit.
        self._in_blank = np.zeros(1)
        self._in_unit = np.full(1, NEVER)

    def feed(self, log_probs: NDArray[np.float64]) -> None:
        """Read more frames, (frames, units) as `log_probabilities` gives them."""
        for row in log_probs:
            self._read(row)
            self._frames += 1

    def finish(self) -> Reading:
        """Return the best text."""
        return self.readings()[0]

    def readings(self) -> list[Reading]:
        """Return the texts that are kept, best first; their scores are sums over all readings kept.

        With a list of words, those that end in the middle of one are set aside; when all do, they
        lose what they began of it.
        """
        scores = np.logaddexp(self._in_blank, self._in_unit).tolist()
        words = self._words
        whole = [words is None or words.is_whole(prefix.place) for prefix in self._prefixes]
        found = [
            Reading(_spoken(prefix.best.path), score)
            for prefix, score, fits in zip(self._prefixes, scores, whole, strict=True)
            if fits
        ]
        if not found and words is not None:
            found = [
                Reading(_whole(_spoken(prefix.best.path), words), score)
                for prefix, score in zip(self._prefixes, scores, strict=True)
            ]
        return sorted(found, key=lambda one: (-one.score, one.ids))

    def _read(self, row: NDArray[np.float64]) -> None:
        """Read a frame: each beginning stays, or grows by a unit; the best are kept."""
        prefixes = self._prefixes
        n, width = len(prefixes), len(row)
        last = np.array([prefix.last for prefix in prefixes])
        both = np.logaddexp(self._in_blank, self._in_unit)
        stay_blank = both + row[self._blank_unit]
        stay_unit = np.where(last >= 0, self._in_unit + row[last], NEVER)
        grown = both[:, None] + row  # (n, units)
        has = np.flatnonzero(last >= 0)
        grown[has, last[has]] = self._in_blank[has] + row[last[has]]  # the same again
        grown[:, self._blank_unit] = NEVER
        if self._words is not None:
            allowed = [self._words.allowed(prefix.place) for prefix in prefixes]
            grown[~np.stack(allowed)] = NEVER
        parents = self._parents()
        for child, parent in parents.items():  # it grows to what is there already
            unit = prefixes[child].last
            stay_unit[child] = np.logaddexp(stay_unit[child], grown[parent, unit])
            grown[parent, unit] = NEVER
        scores = np.concatenate([np.logaddexp(stay_blank, stay_unit), grown.ravel()])
        kept, in_blank, in_unit = [], [], []
        for choice in _highest(scores, self._size):
            if choice < n:
                kept.append(self._stayed(choice, parents.get(choice), row))
                in_blank.append(stay_blank[choice])
                in_unit.append(stay_unit[choice])
            else:
                parent, unit = divmod(choice - n, width)
                kept.append(self._grown(prefixes[parent], unit, float(row[unit])))
                in_blank.append(NEVER)
                in_unit.append(scores[choice])
        self._prefixes = kept
        self._in_blank, self._in_unit = np.array(in_blank), np.array(in_unit)

    def _parents(self) -> dict[int, int]:
        """Return the places of beginnings that are another's, with a unit after it -> the other."""
        places = {prefix.key: i for i, prefix in enumerate(self._prefixes)}
        return {
            i: places[prefix.above]
            for i, prefix in enumerate(self._prefixes)
            if prefix.above in places
        }

    def _stayed(self, choice: int, parent: int | None, row: NDArray[np.float64]) -> _Prefix:
        """Return a beginning after a blank, or its last unit again, or the last unit at last."""
        prefix = self._prefixes[choice]
        blank = prefix.best.plus(float(row[self._blank_unit]))
        unit = _Best()
        if prefix.unit.path is not None:
            held = prefix.unit.path.longer(self._frames)
            unit = _Best(prefix.unit.score + float(row[prefix.last]), held)
        if parent is not None:
            other = self._after(self._prefixes[parent], prefix.last, float(row[prefix.last]))
            unit = other if other.score > unit.score else unit
        return prefix._replace(blank=blank, unit=unit)

    def _grown(self, prefix: _Prefix, unit: int, log_prob: float) -> _Prefix:
        place = START if self._words is None else self._words.after(prefix.place, unit)
        key = (prefix.key * _FACTOR + unit + 1) % _MODULUS
        return _Prefix(key, prefix.key, unit, place, _Best(), self._after(prefix, unit, log_prob))

    def _after(self, prefix: _Prefix, unit: int, log_prob: float) -> _Best:
        """Return the best reading of a beginning with a unit after it, heard in this frame."""
        before = prefix.blank if unit == prefix.last else prefix.best
        spoken = Spoken(unit, self._frames, self._frames + 1)
        return _Best(before.score + log_prob, _Path(before.path, spoken))


def _highest(scores: NDArray[np.float64], k: int) -> Iterator[int]:
    """Yield the places of the k highest that are possible, of equals the first ones."""
    if len(scores) > k:
        least = np.partition(scores, -k)[-k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order = places[np.argsort(-scores[places], kind="stable")][:k]
    yield from order[scores[order] > NEVER].tolist()


def _spoken(path: _Path | None) -> tuple[Spoken, ...]:
    found = []
    while path is not None:
        found.append(path.spoken)
        path = path.before
    return tuple(reversed(found))


def _whole(spoken: tuple[Spoken, ...], words: WordTrie) -> tuple[Spoken, ...]:
    """Return the units up to the last at which a text may end."""
    place, stop = START, 0
    for i, one in enumerate(spoken, 1):
        place = words.after(place, one.unit)
        if words.is_whole(place):
            stop = i
    return spoken[:stop]
