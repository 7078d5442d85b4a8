"""Keys at edit distance one from a string, to correct misspellings.

Two strings are one letter apart if deleting at most one letter of each, at the same or adjacent
positions, makes them equal: one letter replaced, inserted, deleted, or two swapped. So the deletion
variants of the keys are hashed once, and those of a query are looked up (symmetric delete, as in
SymSpell; Mor & Fraenkel 1982, "A hash code method for detecting and correcting spelling errors",
CACM 25). In Hangul a letter is a jamo. Strings are processed many at a time, in NumPy.

The hash of letters c_0 c_1 ... is the sum of mix(c_j) B**j modulo 2**64, B odd: deleting c_i gives
prefix_i + (rest after c_i) / B, so that all hashes of a word follow from one cumulative sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe.text.ngrams import spell

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]
MAX_KEYS = 200_000  # only the most frequent keys are corrected to
_MAX_LETTERS = 60  # longer strings are not corrected
_BASE = np.uint64(0x9E3779B97F4A7C15)
_POWERS = np.cumprod(np.full(_MAX_LETTERS, _BASE, np.uint64), dtype=np.uint64)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_WHOLE = -1  # position of the deleted letter in a whole word


@dataclass(frozen=True)
class _Variants:
    """Words with one letter deleted, and whole.

    hashes: (m,) of the letters left. words: (m,) which word. deleted: (m,) which letter, or -1.
    """

    hashes: Hashes
    words: Numbers
    deleted: Numbers


class Spellings:
    """Index of the first keys by their deletion variants.

    >>> Spellings(["history", "hostel", "far"], jamo=False).near(["histroy", "fär", "sofa"])
    (array([0, 1]), array([0, 2]))
    """

    def __init__(self, keys: Sequence[str], *, jamo: bool) -> None:
        self._jamo = jamo
        table = _make_variants(keys[:MAX_KEYS], jamo=jamo)
        order = np.argsort(table.hashes)  # ties may come in any order: `near` sorts
        self._hashes = table.hashes[order]
        self._rows = table.words[order].astype(np.int32)
        self._deleted = table.deleted[order].astype(np.int8)

    def near(self, words: Sequence[str]) -> tuple[Numbers, Numbers]:
        """Return pairs (word, row): each word's number and the row of a key one letter away.

        Sorted by word, then by row. A word that is a key itself is included.
        """
        asked = _make_variants(words, jamo=self._jamo)
        first = np.searchsorted(self._hashes, asked.hashes, side="left")
        n = np.searchsorted(self._hashes, asked.hashes, side="right") - first
        each = np.repeat(np.arange(len(n)), n)
        matches = first[each] + np.arange(len(each)) - np.repeat(np.cumsum(n) - n, n)
        mine, theirs = asked.deleted[each], self._deleted[matches].astype(np.int64)
        near = (mine == _WHOLE) | (theirs == _WHOLE) | (np.abs(mine - theirs) <= 1)
        pairs = asked.words[each][near] * MAX_KEYS + self._rows[matches[near]]
        pairs = np.unique(pairs)
        return pairs // MAX_KEYS, pairs % MAX_KEYS


def _make_variants(words: Sequence[str], *, jamo: bool) -> _Variants:
    """Hash each word whole and without each of its letters; skip empty and too long words."""
    table = _Letters()
    spelt = [w.translate(table) if jamo and not w.isascii() else w for w in words]
    kept = [i for i, letters in enumerate(spelt) if 0 < len(letters) <= _MAX_LETTERS]
    lengths = np.array([len(spelt[i]) for i in kept], np.int64)
    text = "".join(spelt[i] for i in kept)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    starts = np.cumsum(lengths) - lengths
    each = np.repeat(np.arange(len(kept)), lengths)  # (letters,) which word
    position = np.arange(len(codes)) - starts[each]
    terms = _mix(codes) * _POWERS[position]
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
    before = running[:-1] - running[starts][each]  # sum of the word's letters before this one
    totals = running[starts + lengths] - running[starts]
    without = before + (totals[each] - before - terms) * _INVERSE
    numbers = np.array(kept, np.int64)
    return _Variants(
        hashes=np.concatenate([totals, without]),
        words=np.concatenate([numbers, numbers[each]]),
        deleted=np.concatenate([np.full(len(kept), _WHOLE), position]),
    )


class _Letters(dict[int, str]):
    """Character -> its letters, for `str.translate`; each is decomposed once."""

    def __missing__(self, code: int) -> str:
        self[code] = letters = spell(chr(code))
        return letters


def _mix(codes: NDArray[Any]) -> Hashes:
    """Hash code points to 64 bits (finalizer of splitmix64, Steele et al. 2014)."""
    x = codes.astype(np.uint64) + np.uint64(1)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
