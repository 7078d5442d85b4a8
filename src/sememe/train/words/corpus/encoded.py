"""Encode a corpus as word ids on disk, the second pass over it, from which training reads.

Each word becomes the row of its vector, an int32, and -1 ends a sentence: 4 bytes per word in one
temporary file, instead of tokenizing the text in every epoch. Words outside the vocabulary are
dropped before windows are formed, as in word2vec.c and gensim. The file is identical for any number
of threads.
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
from sememe.train.words.corpus import reader
from sememe.train.words.corpus.reader import Corpus, ListCorpus, Report, Source
from sememe.train.words.corpus.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int32]
    Positions = NDArray[np.int64]

END = -1  # after each sentence
MAX_SENTENCE = 10_000  # words; longer lines are split, as in gensim
BLOCK = 50_000  # ids of a block, up to the next end of a sentence
_UNKNOWN = -2
_MAX_MEMO = 100_000  # memoized chunks that are not plain words


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """Word ids in one file, read in blocks.

    Attributes:
        path: int32, little-endian: rows of the vocabulary, -1 after each sentence.
        n_words: Number of words of the corpus, including those outside the vocabulary.
        n_kept: Number of words in the file.
        n_sentences: Number of sentences in the file, after splitting long ones.
        starts: (n_blocks + 1,) where each block begins, in ids; the last is the file's length.
        words: (n_blocks,) number of words of the corpus per block, including dropped ones.
        fingerprint: Hash of the vocabulary and all ids: equal if training data is equal.
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
        """Number of blocks; each ends with a sentence."""
        return len(self.words)

    def read(self, block: int) -> Numbers:
        """Return the ids of a block, at most 60,001; CorruptFileError if the file is cut off."""
        import numpy as np

        start, stop = int(self.starts[block]), int(self.starts[block + 1])
        numbers = np.fromfile(self.path, dtype="<i4", count=stop - start, offset=4 * start)
        if len(numbers) != stop - start:
            raise CorruptFileError(f"{self.path}: cut off since it was written. Train anew")
        return numbers.astype(np.int32, copy=False)


def encode_corpus(
    corpus: Source | Corpus,
    vocabulary: Vocabulary,
    folder: str | os.PathLike[str],
    *,
    tokens: Tokens = "words",
    workers: int = 1,
    show_progress: bool = False,
) -> EncodedCorpus:
    """Write the corpus as word ids into a file in `folder`, which the caller deletes.

    It takes 4 bytes per occurrence of a known word, and 4 per sentence.

    Args:
        corpus: See `open_corpus`; an open corpus is checked against its first pass.
        tokens: See `open_corpus`.
        vocabulary: Its rows are the ids.
        folder: An existing folder, in which "corpus.i32" is written.
        workers: Threads for a file (lists use one); the file is the same for any number.
        show_progress: Draw a progress bar.

    Raises:
        InvalidInputError: Not a corpus, or one with other words than in the first pass.
    """
    import numpy as np

    corpus, path = reader.open_corpus(corpus, tokens=tokens), Path(folder) / "corpus.i32"
    words: Any = {"keys": vocabulary.keys, "counts": vocabulary.counts.tolist()}
    options = {**words, "path": str(path.absolute()), "workers": workers}
    fields = reader.read_corpus(write_ids, corpus, "numbering words", show=show_progress, **options)
    _check_same(corpus, fields["n_words"], fields.pop("digest"))
    starts, passed = (np.array(fields.pop(name), dtype=np.int64) for name in ("starts", "passed"))
    return EncodedCorpus(path=path, starts=starts, words=np.diff(passed), **fields)


def _check_same(corpus: Corpus, n_words: int, digest: int) -> None:
    """Refuse a corpus with other words than in the first pass."""
    if corpus.n_words not in (None, n_words):
        again = f"{n_words}"
    elif isinstance(corpus, ListCorpus) and corpus.counted not in (None, digest):
        again = "as many others"
    else:
        return
    raise InvalidInputError(
        f"the corpus held {corpus.n_words} words when they were counted and {again} when read "
        "again. Give one that is the same each time it is read, such as a list or a path"
    )


def write_ids(
    corpus: Corpus,
    report: Report,
    *,
    keys: Sequence[str],
    counts: Sequence[int],
    path: str,
    workers: int,
) -> dict[str, Any]:
    """Write the file and return the fields of EncodedCorpus, in JSON types."""
    import numpy as np

    encoder, blocks = _Encoder(corpus, keys), _Blocks()
    fingerprint = hashlib.blake2b(json.dumps([keys, counts]).encode(), digest_size=16)
    pieces = reader.report_progress(corpus, report)
    hashed = keys if isinstance(corpus, ListCorpus) else ()
    hashes = np.fromiter(map(hash, hashed), np.int64, len(hashed)).view(np.uint64)
    digest = 0  # see `ListCorpus.counted`
    with Path(path).open("wb") as file:
        for part in reader.in_order(encoder.encode, pieces, workers=workers):
            data = part.numbers.astype("<i4", copy=False).data
            file.write(data)
            fingerprint.update(data)
            blocks.add(part)
            if isinstance(corpus, ListCorpus):
                digest += int(hashes[part.numbers[part.numbers != END]].sum())
    return {**blocks.finish(), "fingerprint": fingerprint.hexdigest(), "digest": digest % 2**64}


@dataclass(frozen=True, eq=False)
class _Part:
    """One encoded piece.

    Attributes:
        numbers: Word ids and ends; the last is an end.
        ends: Position of each end, plus one.
        words: (n_ends,) number of words of the piece before each end, including dropped ones.
        n_words: Number of words of the piece.
    """

    numbers: Numbers
    ends: Positions
    words: Positions
    n_words: int


class _Encoder:
    """Encodes pieces of the corpus; several threads share one."""

    def __init__(self, corpus: Corpus, keys: Sequence[str]) -> None:
        import pyarrow as pa

        self._corpus = corpus
        self._rows = {key: row for row, key in enumerate(keys)}
        self._end = len(keys)
        known = pa.array(keys, type=pa.string()).view(pa.binary())
        self._known = pa.concat_arrays([known, pa.array([LINE_END])])
        self._memo: dict[bytes, list[int]] = {}

    def encode(self, piece: Any) -> _Part:
        """Encode one piece: chunks that are keys at once, others after splitting into words."""
        import numpy as np
        import pyarrow.compute as pc

        chunks = self._corpus.chunks(piece)
        rows = pc.index_in(chunks, value_set=self._known)
        numbers = rows.fill_null(_UNKNOWN).to_numpy(zero_copy_only=False)
        numbers = np.where(numbers == self._end, np.int32(END), numbers)
        odd, lists = self._split_odd(chunks, numbers)
        return _drop_unknown(_cut_long(_spread(numbers, odd, lists)))

    def _split_odd(self, chunks: Any, numbers: Numbers) -> tuple[Positions, list[list[int]]]:
        """Return the chunks that are not plain words: (n,) positions, and their words' rows."""
        import numpy as np

        unknown = np.flatnonzero(numbers == _UNKNOWN)
        encoded = chunks.take(unknown).dictionary_encode()
        plain = self._corpus.plain(encoded.dictionary).to_numpy(zero_copy_only=False)
        distinct = np.flatnonzero(~plain)
        rows = [self._find_rows(chunk) for chunk in encoded.dictionary.take(distinct).to_pylist()]
        which = np.full(len(plain), -1)
        which[distinct] = np.arange(len(distinct))
        which = which[encoded.indices.to_numpy()]  # (n_unknown,) index into rows, or -1
        return unknown[which >= 0], [rows[i] for i in which[which >= 0].tolist()]

    def _find_rows(self, chunk: bytes) -> list[int]:
        memo = self._memo
        if (rows := memo.get(chunk)) is None:
            words = self._corpus.words_of(chunk)
            rows = memo[chunk] = [self._rows.get(word, _UNKNOWN) for word in words]
            if len(memo) > _MAX_MEMO:
                self._memo = {}
        return rows


def _spread(numbers: Numbers, odd: Positions, lists: list[list[int]]) -> Numbers:
    """Replace the numbers at the positions `odd` by lists of any length."""
    import numpy as np

    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    flat = np.fromiter(chain.from_iterable(lists), np.int32)
    spread = np.insert(numbers, np.repeat(odd, lengths), flat)
    return np.delete(spread, odd + np.cumsum(lengths))  # the new positions of the odd numbers


def _cut_long(numbers: Numbers) -> Numbers:
    """Insert an end after every 10,000 words of a longer line."""
    import numpy as np

    ends = np.flatnonzero(numbers == END)
    begins = np.concatenate([[0], ends[:-1] + 1])
    long = np.flatnonzero(ends - begins > MAX_SENTENCE)
    if not len(long):
        return numbers
    cuts = [np.arange(begins[i] + MAX_SENTENCE, ends[i], MAX_SENTENCE) for i in long]
    return np.insert(numbers, np.concatenate(cuts), END)


def _drop_unknown(numbers: Numbers) -> _Part:
    """Drop unknown words, and sentences that are then empty."""
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
    """Starts of blocks: after the first end of a sentence at least BLOCK ids further."""

    starts: list[int] = field(default_factory=lambda: [0])
    passed: list[int] = field(default_factory=lambda: [0])  # words of the corpus before each start
    length: int = 0
    n_words: int = 0
    n_sentences: int = 0

    def add(self, part: _Part) -> None:
        """Add the next piece."""
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
