"""A corpus as numbers on disk: the second pass over it, from which training reads.

Each word becomes the row of its vector, an int32, and -1 ends a sentence: 4 bytes a word on disk,
in one temporary file, instead of cutting the text again in every epoch. Words outside the
vocabulary are dropped and the window closes over the gap, as in word2vec.c and gensim. The file is
the same byte for byte whatever the number of threads.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.text.words import LINE_END, Tokens
from sememe.train.reading import Corpus, Source, in_order, open_corpus
from sememe.train.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int32]
    Positions = NDArray[np.int64]

END = -1  # after each sentence
MAX_SENTENCE = 10_000  # words; longer lines are cut, as in gensim
BLOCK = 50_000  # numbers of a block, to the next end of a sentence
_UNKNOWN = -2
_MAX_MEMO = 250_000


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """Word numbers in one file, read in blocks.

    Attributes:
        path: int32, little-endian: rows of the vocabulary, -1 after each sentence.
        n_words: Words of the corpus, those outside the vocabulary included.
        n_kept: Words in the file.
        n_sentences: Sentences in the file, after long ones were cut.
        starts: (n_blocks + 1,) where each block begins, in numbers; the last is the file's length.
        words: (n_blocks,) words of the corpus that each block stands for, dropped ones included.
        fingerprint: Of the vocabulary and all numbers: equal if training would see the same.
    """

    path: Path
    n_words: int
    n_kept: int
    n_sentences: int
    starts: Positions
    words: Positions
    fingerprint: str

    @property
    def n_blocks(self) -> int:
        """How many blocks there are; each ends with a sentence."""
        return len(self.words)

    def read(self, block: int) -> Numbers:
        """Return the numbers of a block, at most 60,001; safe from several threads.

        Raises:
            CorruptFileError: The file is shorter than it was.
        """
        import numpy as np

        start, stop = int(self.starts[block]), int(self.starts[block + 1])
        numbers = np.fromfile(self.path, dtype="<i4", count=stop - start, offset=4 * start)
        if len(numbers) != stop - start:
            raise CorruptFileError(f"{self.path}: cut off since it was written. Train anew")
        return numbers.astype(np.int32, copy=False)

    def raw_words(self, block: int) -> int:
        """Return how many words of the corpus a block stands for; over all blocks `n_words`."""
        return int(self.words[block])


def encode_corpus(
    corpus: Source | Corpus,
    vocabulary: Vocabulary,
    folder: str | os.PathLike[str],
    *,
    tokens: Tokens = "words",
    workers: int = 1,
) -> EncodedCorpus:
    """Write the corpus as word numbers into a file in `folder`, which the caller deletes.

    It takes 4 bytes for each word of the vocabulary that occurs, and 4 for each sentence.

    Args:
        corpus: See `open_corpus`; one that was opened is checked against its first pass.
        vocabulary: Which word has which number.
        folder: An existing folder, in which "corpus.i32" is written.
        tokens: How a text file is cut, see `open_corpus`.
        workers: Threads.

    Raises:
        InvalidInputError: No corpus, or one with other words than when they were counted.
    """
    corpus = open_corpus(corpus, tokens=tokens)
    encoder = _Encoder(corpus, vocabulary)
    blocks = _Blocks()
    path = Path(folder) / "corpus.i32"
    digest = hashlib.blake2b(_identity(vocabulary), digest_size=16)
    with path.open("wb") as file:
        for part in in_order(encoder.encode, corpus.pieces(), workers=workers):
            data = part.numbers.astype("<i4", copy=False).data
            file.write(data)
            digest.update(data)
            blocks.add(part)
    if corpus.n_words not in (None, blocks.n_words):
        change = f"the corpus held {corpus.n_words} words when they were counted"
        cure = "Give one that is the same each time it is read, such as a list or a path"
        raise InvalidInputError(f"{change} and {blocks.n_words} when read again. {cure}")
    return blocks.finish(path, digest.hexdigest())


@dataclass(frozen=True, eq=False)
class _Part:
    """One piece, encoded.

    Attributes:
        numbers: Words and ends; the last is an end.
        ends: Position of each end, plus one.
        words: (n_ends,) words of the piece before each end, dropped ones included.
        n_words: Words of the piece.
    """

    numbers: Numbers
    ends: Positions
    words: Positions
    n_words: int


class _Memo(dict[bytes, int]):
    """Chunk -> its code: a row, END, _UNKNOWN, or below: -3 - i for the words `several[i]`."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary) -> None:
        super().__init__({LINE_END: END})
        self.several: list[list[int]] = []
        self._corpus = corpus
        self._numbers = vocabulary.numbers
        self._lock = Lock()

    def __missing__(self, chunk: bytes) -> int:
        codes = [self._numbers.get(word, _UNKNOWN) for word in self._corpus.words_of(chunk)]
        if len(codes) == 1:
            self[chunk] = codes[0]
            return codes[0]
        with self._lock:
            self.several.append(codes)
            self[chunk] = code = -2 - len(self.several)
        return code


class _Encoder:
    """Turns pieces of the corpus into numbers, from several threads at once."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary) -> None:
        self._corpus = corpus
        self._vocabulary = vocabulary
        self._memo = _Memo(corpus, vocabulary)

    def encode(self, piece: Any) -> _Part:
        """Encode one piece."""
        import numpy as np

        memo = self._memo
        if len(memo) > _MAX_MEMO:
            self._memo = memo = _Memo(self._corpus, self._vocabulary)
        found = self._corpus.chunks(piece).dictionary_encode()
        distinct = found.dictionary.to_pylist()
        codes = np.fromiter(map(memo.__getitem__, distinct), np.int32, len(distinct))
        numbers = _spread(codes, found.indices.to_numpy(), memo.several)
        return _drop_unknown(_cut_long(numbers))


def _spread(codes: Numbers, indices: Numbers, several: list[list[int]]) -> Numbers:
    """Return the codes of all chunks in order; chunks of no or several words take their room."""
    import numpy as np

    odd = np.flatnonzero(codes < _UNKNOWN)
    if not len(odd):
        plain: Numbers = codes[indices]
        return plain
    lists = [several[-3 - code] for code in codes[odd]]
    table = np.concatenate([codes, *(np.array(row, dtype=np.int32) for row in lists)])
    lengths = np.ones(len(codes), dtype=np.int64)
    lengths[odd] = [len(row) for row in lists]
    begins = np.arange(len(codes))
    begins[odd] = len(codes) + np.cumsum(lengths[odd]) - lengths[odd]
    length = lengths[indices]  # (n_chunks,)
    shift = begins[indices] - (np.cumsum(length) - length)
    spread: Numbers = table[np.repeat(shift, length) + np.arange(length.sum())]
    return spread


def _cut_long(numbers: Numbers) -> Numbers:
    """Put an end after every 10,000 words of a longer line."""
    import numpy as np

    ends = np.flatnonzero(numbers == END)
    begins = np.concatenate([[0], ends[:-1] + 1])
    long = np.flatnonzero(ends - begins > MAX_SENTENCE)
    if not len(long):
        return numbers
    cuts = [np.arange(begins[i] + MAX_SENTENCE, ends[i], MAX_SENTENCE) for i in long]
    return np.insert(numbers, np.concatenate(cuts), END)


def _drop_unknown(numbers: Numbers) -> _Part:
    """Leave out unknown words, and sentences that are empty without them."""
    import numpy as np

    words = np.cumsum(numbers != END)
    known = numbers != _UNKNOWN
    numbers, before = numbers[known], words[known]
    end = numbers == END
    empty = end & np.concatenate([[True], end[:-1]])
    numbers, before = numbers[~empty], before[~empty]
    ends = np.flatnonzero(numbers == END)
    return _Part(numbers, ends + 1, before[ends], int(words[-1]) if len(words) else 0)


@dataclass
class _Blocks:
    """Where blocks begin: after the first end of a sentence that is BLOCK numbers on."""

    starts: list[int] = field(default_factory=lambda: [0])
    passed: list[int] = field(default_factory=lambda: [0])  # words of the corpus before each start
    length: int = 0
    n_words: int = 0
    n_sentences: int = 0

    def add(self, part: _Part) -> None:
        """Go over the next piece."""
        ends = part.ends + self.length
        while (i := int(ends.searchsorted(self.starts[-1] + BLOCK))) < len(ends):
            self.starts.append(int(ends[i]))
            self.passed.append(self.n_words + int(part.words[i]))
        self.length += len(part.numbers)
        self.n_words += part.n_words
        self.n_sentences += len(ends)

    def finish(self, path: Path, fingerprint: str) -> EncodedCorpus:
        """Close the last block."""
        import numpy as np

        if self.length > self.starts[-1]:
            self.starts.append(self.length)
            self.passed.append(self.n_words)
        self.passed[-1] = self.n_words
        return EncodedCorpus(
            path=path,
            n_words=self.n_words,
            n_kept=self.length - self.n_sentences,
            n_sentences=self.n_sentences,
            starts=np.array(self.starts, dtype=np.int64),
            words=np.array(self.passed[1:], np.int64) - np.array(self.passed[:-1], np.int64),
            fingerprint=fingerprint,
        )


def _identity(vocabulary: Vocabulary) -> bytes:
    """Return bytes that differ for different vocabularies."""
    digest = hashlib.blake2b(vocabulary.counts.astype("<i8").tobytes())
    for key in vocabulary.keys:
        data = key.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "little") + data)
    return digest.digest()
