"""The n-grams of texts, hashed: what a linear classifier of texts is learnt from.

Of a text: its words, pairs of neighbouring words, and character n-grams inside each word, over jamo
for Hangul (`sememe.text.ngrams`), so that 재밌다 and 재밌네요 share most of theirs. Signs in a
row, such as "!!" or "ㅠㅠ", count as words.

Weinberger et al. 2009 (arXiv:0902.2206) for the hashing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from sememe.text.ngrams import Ngrams
from sememe.text.normalize import compose, well_formed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BUCKETS = 1 << 20
_NGRAMS = Ngrams(2, 5, buckets=_BUCKETS, hangul="jamo")
_WORD = re.compile(r"\w+|[^\w\s]+")
_LONGEST = 40  # characters of a word from which n-grams are taken


def split_words(text: str) -> list[str]:
    """Return the words and runs of signs of a text, folded to lower case.

    >>> split_words("Great film!! 재밌다ㅋㅋ")
    ['great', 'film', '!!', '재밌다ㅋㅋ']
    """
    return _WORD.findall(compose(well_formed(text)).casefold())


def hash_ngrams(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the distinct n-grams of each text: of text i, ids[offsets[i]:offsets[i + 1]].

    offsets: (n + 1,). ids: buckets of 0 to 2**20 - 1, ascending in each text.
    """
    split = [split_words(text) for text in texts]
    words = sorted({word for own in split for word in own})
    starts, ids = _NGRAMS.ids_of_many([word[:_LONGEST] for word in words], short="none")
    known = {
        word: np.append(ids[starts[i] : starts[i + 1]], _hash(word)) for i, word in enumerate(words)
    }
    rows = []
    for own in split:
        pairs = np.array([_hash(f"{a} {b}") for a, b in pairwise(own)], np.int32)
        rows.append(np.unique(np.concatenate([pairs, *(known[word] for word in set(own))])))
    offsets = np.cumsum([0, *map(len, rows)])
    return offsets, np.concatenate([np.empty(0, np.int32), *rows]).astype(np.int32)


def _hash(words: str) -> int:
    return crc32(words.encode("utf-8")) % _BUCKETS
