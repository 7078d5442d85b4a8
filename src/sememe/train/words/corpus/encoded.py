"""A corpus as numbers on disk: the second pass over it, from which training reads.

Each word becomes the row of its vector, an int32, and -1 ends a sentence: 4 bytes a word on disk,
in one temporary file, instead of cutting the text again in every epoch. Words outside the
vocabulary are dropped and the window closes over the gap, as in word2vec.c and gensim. The file is
the same byte for byte whatever the number of threads.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.text.words import LINE_END, Tokens
from sememe.train.words.corpus.reader import (
    Corpus,
    ListCorpus,
    Source,
    Tell,
    TextCorpus,
    draw_bar,
    in_order,
    limit_threads,
    open_corpus,
    report_progress,
)
from sememe.train.words.corpus.vocabulary import Vocabulary
from sememe.train.words.subprocess_call import call, can_call

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int32]
    Positions = NDArray[np.int64]

END = -1  # after each sentence
MAX_SENTENCE = 10_000  # words; longer lines are cut, as in gensim
BLOCK = 50_000  # numbers of a block, to the next end of a sentence
_UNKNOWN = -2
_MAX_MEMO = 100_000  # chunks that are no plain words


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
    show_progress: bool = False,
) -> EncodedCorpus:
    """Write the corpus as word numbers into a file in `folder`, which the caller deletes.

    It takes 4 bytes for each word of the vocabulary that occurs, and 4 for each sentence.

    Args:
        corpus: See `open_corpus`; one that was opened is checked against its first pass.
        vocabulary: Which word has which number.
        folder: An existing folder, in which "corpus.i32" is written.
        tokens: How a text file is cut, see `open_corpus`.
        workers: Threads for a file (lists take one); the file is the same for any number.
        show_progress: Draw a bar.

    Raises:
        InvalidInputError: No corpus, or one with other words than when they were counted.
    """
    import numpy as np

    corpus, workers = open_corpus(corpus, tokens=tokens), int(workers)
    path = Path(folder) / "corpus.i32"
    with draw_bar("numbering words", corpus, show=show_progress) as tell:
        if isinstance(corpus, TextCorpus) and corpus.is_large and can_call():
            found = _encode_apart(corpus, vocabulary, path, tell, workers=workers)
        else:
            counts = vocabulary.counts.tolist()
            found = _encode(corpus, vocabulary.keys, counts, path, tell, workers=workers)
    _check_same(corpus, found["n_words"], found.pop("digest"))
    starts, passed = (np.array(found.pop(name), dtype=np.int64) for name in ("starts", "passed"))
    return EncodedCorpus(path=path, starts=starts, words=passed[1:] - passed[:-1], **found)


def _encode_apart(
    corpus: TextCorpus, vocabulary: Vocabulary, path: Path, tell: Tell, *, workers: int
) -> dict[str, Any]:
    """Encode in another process, which gets the vocabulary in a file."""
    request = path.with_name("vocabulary.json")
    fields = {"keys": vocabulary.keys, "counts": vocabulary.counts.tolist()}
    request.write_text(json.dumps(fields), encoding="utf-8")
    where = {"path": str(corpus.path.absolute()), "tokens": corpus.tokens}
    work = {"vocabulary": str(request.absolute()), "out": str(path.absolute())}
    found: dict[str, Any] = call(__name__, "encode_file", where | work | {"workers": workers}, tell)
    request.unlink()
    return found


def _check_same(corpus: Corpus, n_words: int, digest: int) -> None:
    """Refuse a corpus that gave other words when they were counted."""
    change = ""
    if corpus.n_words not in (None, n_words):
        change = f"{corpus.n_words} words when they were counted and {n_words} when read again"
    elif isinstance(corpus, ListCorpus) and corpus.counted not in (None, digest):
        change = f"{n_words} words when they were counted and as many others when read again"
    if change:
        cure = "Give one that is the same each time it is read, such as a list or a path"
        raise InvalidInputError(f"the corpus held {change}. {cure}")


def encode_file(
    path: str, tokens: Tokens, vocabulary: str, out: str, workers: int, tell: Tell
) -> dict[str, Any]:
    """Encode a text file in a process of its own; see `train.words.subprocess_call`."""
    fields = json.loads(Path(vocabulary).read_text(encoding="utf-8"))
    corpus = TextCorpus(Path(path), tokens)
    return _encode(corpus, fields["keys"], fields["counts"], Path(out), tell, workers=workers)


def _encode(
    corpus: Corpus,
    keys: Sequence[str],
    counts: Sequence[int],
    path: Path,
    tell: Tell,
    *,
    workers: int,
) -> dict[str, Any]:
    """Return what is known of the file, in the types of JSON."""
    encoder = _Encoder(corpus, keys)
    blocks = _Blocks()
    digest = hashlib.blake2b(json.dumps([keys, counts]).encode(), digest_size=16)
    workers = limit_threads(corpus, workers)
    hashes = _hashes(keys) if isinstance(corpus, ListCorpus) else None
    seen = 0
    with path.open("wb") as file:
        for part in in_order(encoder.encode, report_progress(corpus, tell), workers=workers):
            data = part.numbers.astype("<i4", copy=False).data
            file.write(data)
            digest.update(data)
            blocks.add(part)
            if hashes is not None:
                seen += int(hashes[part.numbers[part.numbers != END]].sum())
    facts = {"fingerprint": digest.hexdigest(), "digest": seen % 2**64}
    return blocks.finish() | facts


def _hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    """Return (n,) what a word adds to `digest_of` each time it occurs."""
    import numpy as np

    return np.fromiter(map(hash, keys), np.int64, len(keys)).view(np.uint64)


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


class _Encoder:
    """Turns pieces of the corpus into numbers, from several threads at once."""

    def __init__(self, corpus: Corpus, keys: Sequence[str]) -> None:
        import pyarrow as pa

        self._corpus = corpus
        self._rows = {key: row for row, key in enumerate(keys)}
        self._end = len(keys)
        known = pa.array(keys, type=pa.string()).view(pa.binary())
        self._known = pa.concat_arrays([known, pa.array([LINE_END])])
        self._memo: dict[bytes, list[int]] = {}

    def encode(self, piece: Any) -> _Part:
        """Encode one piece: a key stands for itself, other chunks are cut into words."""
        import numpy as np
        import pyarrow.compute as pc

        chunks = self._corpus.chunks(piece)
        found = pc.index_in(chunks, value_set=self._known)
        numbers = found.fill_null(_UNKNOWN).to_numpy(zero_copy_only=False)
        numbers = np.where(numbers == self._end, np.int32(END), numbers)
        odd, lists = self._odd(chunks, numbers)
        return _drop_unknown(_cut_long(_spread(numbers, odd, lists)))

    def _odd(self, chunks: Any, numbers: Numbers) -> tuple[Positions, list[list[int]]]:
        """Return the chunks that are no plain words: (n,) where, and the rows of their words."""
        import numpy as np

        unknown = np.flatnonzero(numbers == _UNKNOWN)
        found = chunks.take(unknown).dictionary_encode()
        plain = self._corpus.plain(found.dictionary).to_numpy(zero_copy_only=False)
        distinct = np.flatnonzero(~plain)
        rows = [self._words(chunk) for chunk in found.dictionary.take(distinct).to_pylist()]
        place = np.full(len(plain), -1)
        place[distinct] = np.arange(len(distinct))
        place = place[found.indices.to_numpy()]  # (n_unknown,) which of the rows, or -1
        return unknown[place >= 0], [rows[i] for i in place[place >= 0].tolist()]

    def _words(self, chunk: bytes) -> list[int]:
        memo = self._memo
        if (rows := memo.get(chunk)) is None:
            words = self._corpus.words_of(chunk)
            rows = memo[chunk] = [self._rows.get(word, _UNKNOWN) for word in words]
            if len(memo) > _MAX_MEMO:
                self._memo = {}
        return rows


def _spread(numbers: Numbers, odd: Positions, lists: list[list[int]]) -> Numbers:
    """Put lists of any length in place of the numbers at the positions `odd`."""
    import numpy as np

    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    numbers[odd[lengths == 1]] = [row[0] for row in lists if len(row) == 1]
    others = odd[lengths != 1]
    if not len(others):
        return numbers
    several = [row for row in lists if len(row) != 1]
    places = np.repeat(others, lengths[lengths != 1])
    spread = np.insert(numbers, places, np.fromiter(chain.from_iterable(several), np.int32))
    kept = np.ones(len(spread), dtype=bool)
    ends = others + np.cumsum(lengths[lengths != 1])  # where each replaced number has moved
    kept[ends] = False
    out: Numbers = spread[kept]
    return out


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

    def finish(self) -> dict[str, Any]:
        """Close the last block."""
        if self.length > self.starts[-1]:
            self.starts.append(self.length)
            self.passed.append(self.n_words)
        self.passed[-1] = self.n_words
        return {
            "n_words": self.n_words,
            "n_kept": self.length - self.n_sentences,
            "n_sentences": self.n_sentences,
            "starts": self.starts,
            "passed": self.passed,
        }
