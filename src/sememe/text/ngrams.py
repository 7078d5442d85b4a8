"""Character n-grams of words, hashed into buckets as in fastText, over jamo for Hangul.

Bojanowski et al. 2017 (arXiv:1607.04606) represent a word by its character n-grams, between the
marks "<" and ">". For Korean, Park et al. 2018 ("Subword-level Word Vector Representations for
Korean", ACL) use n-grams over the letters of the syllables, so that 갔다 and 간다 share some. A
syllable is three letters, the last "∅" if it has no final consonant. Unlike theirs, an n-gram here
begins with a syllable and ends at any letter: n-grams that begin inside a syllable carry little
meaning (figures in docs/decisions.md).

The hash is that of the official fastText: 32-bit FNV-1a over UTF-8 bytes taken as signed.
`Ngrams.of` is the readable reference; `Ngrams.ids_of_many` computes many words at once in NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.text.jamo import FINALS, FIRST_SYLLABLE, INITIALS, LAST_SYLLABLE, VOWELS, decompose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]
    Offsets = NDArray[np.int64]

Hangul = Literal["jamo", "syllables"]
NO_FINAL = "\u2205"
_FINALS = NO_FINAL + FINALS
_FIRST, _LAST = ord(FIRST_SYLLABLE), ord(LAST_SYLLABLE)
_SEED, _PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF
_LETTERS = 2_000_000  # letters hashed at once


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Which n-grams a word has, and the bucket of each.

    Attributes:
        min_n, max_n: Shortest and longest n-gram in letters, "<" and ">" counted.
        buckets: How many rows the n-grams share.
        hangul: "jamo" splits syllables into three letters, with n-grams that begin with a syllable;
            "syllables" keeps them whole, as in the official fastText.

    A word too short for any n-gram has one: itself between the marks.

    >>> Ngrams(3, 4).of("cat")
    ['<ca', '<cat', 'cat', 'cat>', 'at>']
    >>> Ngrams(4, 4, hangul="jamo").of("가을")
    ['<ㄱㅏ∅', 'ㄱㅏ∅ㅇ', 'ㅇㅡㄹ>']

    Raises:
        InvalidInputError: Not 1 <= min_n <= max_n, or buckets outside 1..2**31 - 1.
        UnknownNameError: Another `hangul`.
    """

    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000
    hangul: Hangul = "syllables"

    def __post_init__(self) -> None:
        if not 1 <= self.min_n <= self.max_n:
            raise InvalidInputError(
                f"min_n={self.min_n}, max_n={self.max_n}; give 1 <= min_n <= max_n, as 3 and 6."
            )
        if not 1 <= self.buckets < 2**31:
            raise InvalidInputError(f"buckets={self.buckets}; give 1 to {2**31 - 1}, as 2_000_000.")
        if self.hangul not in get_args(Hangul):
            raise UnknownNameError.of("hangul", self.hangul, get_args(Hangul))

    def of(self, word: str) -> list[str]:
        """Return the n-grams of a word in letters, by start, then by length."""
        signs = ["<", *(map(spell, word) if self.hangul == "jamo" else word), ">"]
        letters, starts = "".join(signs), accumulate(map(len, signs[:-1]), initial=0)
        ngrams = [
            letters[start:end]
            for start in starts
            for end in range(start + self.min_n, min(start + self.max_n, len(letters)) + 1)
            if end - start > 1 or 0 < start < len(letters) - 1  # not a mark alone
        ]
        return ngrams or [letters]

    def ids(self, word: str) -> Ids:
        """Return the bucket of each of the word's n-grams: (n,) int32 in 0..buckets-1, n >= 1."""
        return self.ids_of_many([word])[1]

    def ids_of_many(
        self, words: Sequence[str], *, short: Literal["whole", "none"] = "whole"
    ) -> tuple[Offsets, Ids]:
        """Return the buckets of many words: those of word i are ids[offsets[i]:offsets[i + 1]].

        offsets: (len(words) + 1,) int64. ids: int32, in the order of `of`. short: Buckets of a word
        too short for any n-gram: that of the whole word, or none, as in the official fastText.
        """
        lengths = np.fromiter(map(len, words), np.int64, len(words)) + 2
        if self.hangul == "jamo":
            lengths = lengths + 2 * (lengths - 2)  # upper bound, for the size of a batch
        parts = [self._batch(words[start:end], short) for start, end in _batches(lengths)]
        if not parts:
            return np.zeros(1, np.int64), np.empty(0, np.int32)
        counts = np.concatenate([count for count, _ in parts])
        offsets = np.zeros(len(words) + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        return offsets, np.concatenate([ids for _, ids in parts])

    def _batch(self, words: Sequence[str], short: str) -> tuple[Offsets, Ids]:
        """Return how many n-grams each word has, and the buckets of all."""
        letters, ends, begins = _bracket_words(words, jamo=self.hangul == "jamo")
        starts = np.concatenate([[0], ends[:-1]])
        room = np.repeat(ends, ends - starts) - np.arange(len(letters))  # letters left in the word
        first = np.full(len(letters), self.min_n)  # shortest n-gram from here
        if self.min_n == 1:
            first[starts] = first[ends - 1] = 2
        counts = np.where(begins, np.maximum(np.minimum(room, self.max_n) - first + 1, 0), 0)
        before = np.concatenate([[0], np.cumsum(counts)])
        ids = np.empty(before[-1], np.int32)
        slots = before[:-1] - first
        for n, at, hashes in _hashes(letters, np.flatnonzero(begins), room, self.max_n):
            fits = first[at] <= n
            ids[slots[at[fits]] + n] = hashes[fits] % np.uint32(self.buckets)
        of_words = before[ends] - before[starts]
        if short == "none" or of_words.all():
            return of_words, ids
        lacking = np.flatnonzero(of_words == 0)  # these words get the bucket of the whole word
        whole = [fnv1a(self.of(words[i])[0]) % self.buckets for i in lacking.tolist()]
        positions = np.concatenate([[0], np.cumsum(of_words)])[lacking]
        return np.maximum(of_words, 1), np.insert(ids, positions, np.array(whole, np.int32))


def spell(word: str) -> str:
    """Split each Hangul syllable into initial, vowel and final or "∅"; the rest is unchanged.

    >>> spell("강아지 a")
    'ㄱㅏㅇㅇㅏ∅ㅈㅣ∅ a'
    """
    return decompose(word, no_final=NO_FINAL)


def fnv1a(text: str) -> int:
    """Return the 32-bit hash of the official fastText, which takes bytes above 127 as negative.

    >>> fnv1a("a"), fnv1a("é")
    (3826002220, 1023043777)
    """
    value = _SEED
    for byte in text.encode("utf-8", "surrogatepass"):
        value = (value ^ (byte | 0xFFFFFF00 if byte > 127 else byte)) * _PRIME & _MASK
    return value


def _batches(lengths: Offsets) -> list[tuple[int, int]]:
    """Return (start, end) of runs of words with about _LETTERS letters, at least one word each."""
    if not len(lengths):
        return []
    run = (np.cumsum(lengths) - lengths) // _LETTERS
    cuts = [0, *(np.flatnonzero(np.diff(run)) + 1).tolist(), len(lengths)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def _bracket_words(words: Sequence[str], *, jamo: bool) -> tuple[Any, Offsets, Any]:
    """Return the code points of "<word>" for all words, where each ends, and where n-grams begin.

    The last is a bool per letter: False inside a syllable.
    """
    text = f"<{'><'.join(words)}>"
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    ends = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)) + 2)
    is_syllable = (points >= _FIRST) & (points <= _LAST) & jamo
    if not is_syllable.any():
        return points, ends, np.ones(len(points), bool)
    sizes = np.where(is_syllable, 3, 1)
    after = np.cumsum(sizes)
    letters = np.repeat(points, sizes)
    begins = np.zeros(len(letters), bool)
    begins[after - sizes] = True
    at = after[is_syllable] - 3
    rest, final = np.divmod(points[is_syllable] - np.uint32(_FIRST), np.uint32(len(_FINALS)))
    initial, vowel = np.divmod(rest, np.uint32(len(VOWELS)))
    for i, (table, index) in enumerate(((INITIALS, initial), (VOWELS, vowel), (_FINALS, final))):
        letters[at + i] = np.array([ord(c) for c in table], np.uint32)[index]
    return letters, after[ends - 1], begins


def _hashes(letters: Any, at: Any, room: Offsets, max_n: int) -> Any:
    """Yield (n, positions, hash of the n letters from each) for the positions `at` where n fit."""
    size, units = _split_bytes(letters)
    prime = np.uint32(_PRIME)
    hashes = np.full(len(at), _SEED, np.uint32)
    for n in range(1, max_n + 1):
        fits = room[at] >= n
        if not fits.all():
            at, hashes = at[fits], hashes[fits]
        if not len(at):
            return
        last = at + (n - 1)
        for i, unit in enumerate(units):
            more = (hashes ^ unit[last]) * prime
            hashes = more if i == 0 else np.where(size[last] > i, more, hashes)
        yield n, at, hashes


def _split_bytes(letters: Any) -> tuple[Any, list[Any]]:
    """Return how many UTF-8 bytes each letter has, and the first, second... byte of each.

    Bytes are uint32 with the sign extended to the upper bits; a missing one is arbitrary.
    """
    u32 = np.uint32
    size = 1 + (letters > 0x7F) + (letters > 0x7FF) + (letters > 0xFFFF)
    marks = np.array([0, 0, 0xFFFFFFC0, 0xFFFFFFE0, 0xFFFFFFF0], u32)
    shifts = [(6 * np.maximum(size - 1 - i, 0)).astype(u32) for i in range(size.max(initial=1))]
    values = [letters >> shift for shift in shifts]
    rest = [(value & u32(0x3F)) | u32(0xFFFFFF80) for value in values[1:]]
    return size, [values[0] | marks[size], *rest]
