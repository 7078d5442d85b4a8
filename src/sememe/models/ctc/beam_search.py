"""CTC prefix beam search: the text of highest probability, optionally over a list of words.

Each prefix is kept with the total probability of its alignments, separately for those that end in a
blank and in its last unit: after a blank the same unit extends the prefix, otherwise it repeats. At
each frame the best prefixes are kept. With enough of them the result is exact.

For the times of units, each prefix also keeps its best single alignment.

Reference: Hannun et al. 2014 (arXiv:1408.2873), algorithm 1, without a language model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe.models.ctc.greedy import NEVER, Hypothesis, TimedUnit
from sememe.models.ctc.word_trie import START, WordTrie

_MODULUS, _FACTOR = (1 << 89) - 1, 1_000_003  # of keys: large enough that no two collide


class _Path(NamedTuple):
    """The units of an alignment as a linked list, the last first."""

    before: _Path | None
    spoken: TimedUnit

    def extend(self, frame: int) -> _Path:
        """Return the path whose last unit goes on in a frame."""
        return _Path(self.before, self.spoken._replace(end=frame + 1))


class _Best(NamedTuple):
    """The best single alignment: its log-probability and its path."""

    score: float = NEVER
    path: _Path | None = None

    def add(self, log_prob: float) -> _Best:
        return _Best(self.score + log_prob, self.path)


class _Prefix(NamedTuple):
    """A prefix of a text.

    Attributes:
        key: Hash of the units.
        parent_key: Key without the last unit.
        last: The last unit, -1 if there is none.
        node: Node of the word trie.
        blank, unit: The best alignment that ends in a blank, and in the last unit.
    """

    key: int
    parent_key: int
    last: int
    node: int
    blank: _Best
    unit: _Best

    @property
    def best(self) -> _Best:
        """The best alignment of both; of equals the one that ends in a blank."""
        return self.blank if self.blank.score >= self.unit.score else self.unit


class BeamDecoder:
    """Beam decoding; of equal prefixes the shorter is kept, then that of the lower unit."""

    def __init__(self, blank: int, *, size: int, words: WordTrie | None = None) -> None:
        """Begin with the empty prefix.

        blank: The blank unit. size: How many prefixes are kept, at least 1 (else
        InvalidInputError). words: Vocabulary of the text.
        """
        if size < 1:
            raise InvalidInputError(f"beam_size={size}; give a whole number of at least 1.")
        self._blank_unit = blank
        self._size = size
        self._words = words
        self._frames = 0
        self._prefixes = [_Prefix(1, 0, -1, START, _Best(0.0), _Best())]
        # Total log-probability of alignments that end in a blank, and in the last unit.
        self._in_blank = np.zeros(1)
        self._in_unit = np.full(1, NEVER)

    def feed(self, log_probs: NDArray[np.float64]) -> None:
        """Read more frames: (frames, units) of `log_probabilities`."""
        for row in log_probs:
            self._read(row)
            self._frames += 1

    def finish(self) -> Hypothesis:
        """Return the best text."""
        return self.hypotheses()[0]

    def hypotheses(self) -> list[Hypothesis]:
        """Return the hypotheses, best first; scores are sums over all alignments kept.

        With a list of words, those that end within a word are dropped; if all do, their last,
        partial word is.
        """
        scores = np.logaddexp(self._in_blank, self._in_unit).tolist()
        every, words = list(zip(self._prefixes, scores, strict=True)), self._words
        hypotheses = [
            Hypothesis(_unroll(prefix.best.path), score)
            for prefix, score in every
            if words is None or words.is_end(prefix.node)
        ]
        if not hypotheses and words is not None:
            hypotheses = [
                Hypothesis(_cut_partial_word(_unroll(prefix.best.path), words), score)
                for prefix, score in every
            ]
        return sorted(hypotheses, key=lambda one: (-one.score, one.ids))

    def _read(self, row: NDArray[np.float64]) -> None:
        """Read a frame: each prefix stays or is extended by a unit; the best are kept."""
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
            allowed = [self._words.next_mask(prefix.node) for prefix in prefixes]
            grown[~np.stack(allowed)] = NEVER
        parents = self._find_parents()
        for child, parent in parents.items():  # its extension exists already
            unit = prefixes[child].last
            stay_unit[child] = np.logaddexp(stay_unit[child], grown[parent, unit])
            grown[parent, unit] = NEVER
        scores = np.concatenate([np.logaddexp(stay_blank, stay_unit), grown.ravel()])
        kept, in_blank, in_unit = [], [], []
        for choice in _select_top(scores, self._size):
            if choice < n:
                kept.append(self._stay(choice, parents.get(choice), row))
                in_blank.append(stay_blank[choice])
                in_unit.append(stay_unit[choice])
            else:
                parent, unit = divmod(choice - n, width)
                kept.append(self._extend(prefixes[parent], unit, float(row[unit])))
                in_blank.append(NEVER)
                in_unit.append(scores[choice])
        self._prefixes = kept
        self._in_blank, self._in_unit = np.array(in_blank), np.array(in_unit)

    def _find_parents(self) -> dict[int, int]:
        """Return {index: index of the parent} of prefixes whose parent is kept too."""
        indices = {prefix.key: i for i, prefix in enumerate(self._prefixes)}
        parents = (prefix.parent_key for prefix in self._prefixes)
        return {i: indices[parent] for i, parent in enumerate(parents) if parent in indices}

    def _stay(self, choice: int, parent: int | None, row: NDArray[np.float64]) -> _Prefix:
        """Return a prefix after a blank, or after its last unit."""
        prefix = self._prefixes[choice]
        blank = prefix.best.add(float(row[self._blank_unit]))
        unit = _Best()
        if prefix.unit.path is not None:
            held = prefix.unit.path.extend(self._frames)
            unit = _Best(prefix.unit.score + float(row[prefix.last]), held)
        if parent is not None:
            other = self._append(self._prefixes[parent], prefix.last, float(row[prefix.last]))
            unit = other if other.score > unit.score else unit
        return prefix._replace(blank=blank, unit=unit)

    def _extend(self, prefix: _Prefix, unit: int, log_prob: float) -> _Prefix:
        node = START if self._words is None else self._words.step(prefix.node, unit)
        key = (prefix.key * _FACTOR + unit + 1) % _MODULUS
        return _Prefix(key, prefix.key, unit, node, _Best(), self._append(prefix, unit, log_prob))

    def _append(self, prefix: _Prefix, unit: int, log_prob: float) -> _Best:
        """Return the best alignment of a prefix with a unit appended in this frame."""
        before = prefix.blank if unit == prefix.last else prefix.best
        spoken = TimedUnit(unit, self._frames, self._frames + 1)
        return _Best(before.score + log_prob, _Path(before.path, spoken))


def _select_top(scores: NDArray[np.float64], k: int) -> Iterator[int]:
    """Yield the indices of the k highest finite scores, of equals the first ones."""
    if len(scores) > k:
        least = np.partition(scores, -k)[-k]
        indices = np.flatnonzero(scores >= least)
    else:
        indices = np.arange(len(scores))
    order = indices[np.argsort(-scores[indices], kind="stable")][:k]
    yield from order[scores[order] > NEVER].tolist()


def _unroll(path: _Path | None) -> tuple[TimedUnit, ...]:
    units = []
    while path is not None:
        units.append(path.spoken)
        path = path.before
    return tuple(reversed(units))


def _cut_partial_word(units: tuple[TimedUnit, ...], words: WordTrie) -> tuple[TimedUnit, ...]:
    """Return the units up to the last complete word."""
    node, stop = START, 0
    for i, one in enumerate(units, 1):
        node = words.step(node, one.unit)
        if words.is_end(node):
            stop = i
    return units[:stop]
