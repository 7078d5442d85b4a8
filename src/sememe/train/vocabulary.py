"""Which words a corpus holds, and how often: the first pass over it, in bounded memory.

Threads count chunks of text in Arrow tables, which take some 20 bytes a chunk. A table of more than
`MAX_DISTINCT` chunks is turned into words and written to disk as a sorted run; the runs are merged
at the end and words below `min_count` left out while they are. So memory does not grow with the
corpus, only with the vocabulary that is kept, and counts are exact (word2vec.c and gensim prune
rare words on the way, which makes counts depend on the order of the text).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count as numbers_from
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.text.words import LINE_END, Tokens
from sememe.train.reading import Corpus, Source, in_order, open_corpus
from sememe.train.spill import Count, merge_runs, write_run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_DISTINCT = 300_000
_MERGE_EVERY = 200_000  # rows that wait before they are added up


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words that get a vector, most frequent first.

    Attributes:
        keys: The words, by count descending, then by word.
        counts: (n,) int64, how often each occurs.
        n_words: Words of the corpus in all, those left out included.
        n_sentences: Lines or lists that are not empty, before long ones are cut.
        n_distinct: Different words of the corpus, those left out included.
    """

    keys: tuple[str, ...]
    counts: NDArray[np.int64]
    n_words: int
    n_sentences: int
    n_distinct: int

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Key -> its row."""
        return {key: row for row, key in enumerate(self.keys)}


def build_vocabulary(
    corpus: Source | Corpus,
    *,
    tokens: Tokens = "words",
    min_count: int = 5,
    max_vocab: int | None = None,
    workers: int = 1,
) -> Vocabulary:
    """Count the words of a corpus.

    Args:
        corpus: See `open_corpus`.
        tokens: How a text file is cut, see `open_corpus`.
        min_count: Words that occur less often are left out (word2vec.c's -min-count).
        max_vocab: Keep only so many, the most frequent; words of equal count by the alphabet.
        workers: Threads; the result is the same for any number.

    Raises:
        InvalidInputError: No corpus, no words, or none that occurs `min_count` times.
    """
    for name, value in (("min_count", min_count), ("workers", workers), ("max_vocab", max_vocab)):
        if value is not None and (isinstance(value, bool) or value < 1):
            raise InvalidInputError(f"{name}={value!r} is below 1. Type: {name}=1 or more")
    corpus = open_corpus(corpus, tokens=tokens)
    with tempfile.TemporaryDirectory(prefix="sememe-") as folder:
        tally = Tally()
        found = count_words(corpus, tally, Path(folder), workers=workers)
        kept = _select(found, tally, min_count=min_count, max_vocab=max_vocab)
    if not tally.n_words:
        raise InvalidInputError("the corpus holds no words. Give a corpus of text or token lists")
    if not kept:
        least = f"no word occurs {min_count} times: the most frequent occurs {tally.highest} times"
        raise InvalidInputError(f"{least}. Type: min_count={tally.highest} or less, or add text")
    corpus.n_words = tally.n_words
    corpus.notes[:] = tally.notes()
    return _vocabulary(kept, tally)


@dataclass
class Tally:
    """Sums over a whole corpus."""

    n_words: int = 0
    n_sentences: int = 0
    n_distinct: int = 0
    highest: int = 0
    replaced: int = 0
    empty: int = 0

    def notes(self) -> list[str]:
        """Say what was replaced or left out."""
        notes = []
        if self.replaced:
            notes.append(f"{self.replaced} characters were not UTF-8 and were replaced by U+FFFD")
        if self.empty:
            notes.append(f"{self.empty} empty tokens were left out")
        return notes


def count_words(corpus: Corpus, tally: Tally, folder: Path, *, workers: int) -> Iterable[Count]:
    """Return each (word, count) once; `folder` takes what does not fit into memory."""
    names = numbers_from()
    counters = [_Counter(corpus, folder, names) for _ in range(workers)]
    free: SimpleQueue[_Counter] = SimpleQueue()
    for counter in counters:
        free.put(counter)

    def add(piece: Any) -> None:
        counter = free.get()
        try:
            counter.add(corpus.chunks(piece))
        finally:
            free.put(counter)

    for _ in in_order(add, corpus.pieces(), workers=workers):
        pass
    return _gather(counters, tally, folder)


def _gather(counters: list[_Counter], tally: Tally, folder: Path) -> Iterable[Count]:
    first, *others = counters
    if any(counter.runs for counter in counters):
        for counter in counters:
            counter.spill()
    for other in others:
        first.rows += other.rows
        first.runs += other.runs
        first.n_sentences += other.n_sentences
        first.replaced += other.replaced
        first.empty += other.empty
    words = first.words()
    tally.n_sentences = first.n_sentences
    tally.replaced = first.replaced
    tally.empty = first.empty
    return merge_runs(first.runs, folder) if first.runs else words.items()


@dataclass
class _Counter:
    """Counts of one thread: Arrow tables of chunks, and runs on disk."""

    corpus: Corpus
    folder: Path
    names: Iterator[int]
    rows: list[tuple[Any, Any]] = field(default_factory=list)  # arrays of chunks and of counts
    runs: list[Path] = field(default_factory=list)
    waiting: int = 0
    n_sentences: int = 0
    replaced: int = 0
    empty: int = 0

    def add(self, chunks: Any) -> None:
        """Count the chunks of one piece."""
        self.n_sentences += _sentences(chunks)
        found = chunks.value_counts()
        self.rows.append((found.field(0), found.field(1)))
        self.waiting += len(found)
        if self.waiting > _MERGE_EVERY:
            self._add_up()
            if len(self.rows[0][0]) > MAX_DISTINCT:
                self.spill()

    def spill(self) -> None:
        """Write what is in memory to disk."""
        if self.rows:
            self.runs.append(write_run(self.words(), self.folder / f"{next(self.names)}.run"))

    def words(self) -> dict[str, int]:
        """Return word -> count of what is in memory, and forget it."""
        import pyarrow.compute as pc

        counts: Counter[str] = Counter()
        if not self.rows:
            return counts
        self._add_up()
        ((chunks, numbers),) = self.rows
        self.rows.clear()
        plain = pc.ascii_is_alnum(chunks.view("string"))
        words = chunks.filter(plain).cast("string").to_pylist()
        counts.update(dict(zip(words, numbers.filter(plain).to_pylist(), strict=True)))
        rest = pc.invert(plain)
        others = chunks.filter(rest).to_pylist()
        for chunk, n in zip(others, numbers.filter(rest).to_pylist(), strict=True):
            if chunk != LINE_END:
                self._add_words(counts, chunk, n)
        return counts

    def _add_words(self, counts: Counter[str], chunk: bytes, n: int) -> None:
        if not chunk:
            self.empty += n
        for word in self.corpus.words_of(chunk):
            counts[word] += n
        if not chunk.isascii():
            self.replaced += n * replaced(chunk)

    def _add_up(self) -> None:
        import pyarrow as pa

        names = ["chunk", "n"]
        columns = [pa.chunked_array(list(column)) for column in zip(*self.rows, strict=True)]
        table = pa.table(columns, names=names)
        table = table.group_by("chunk", use_threads=False).aggregate([("n", "sum")])
        chunks = table["chunk"].combine_chunks()
        self.rows = [(chunks, table["n_sum"].combine_chunks())]
        self.waiting = 0


def replaced(chunk: bytes) -> int:
    """Return how many U+FFFD stand for bytes that are not UTF-8."""
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return chunk.decode("utf-8", "replace").count("\ufffd") - chunk.count(b"\xef\xbf\xbd")
    return 0


def _sentences(chunks: Any) -> int:
    """Return how many sentences hold a chunk."""
    import numpy as np
    import pyarrow.compute as pc

    end: Any = LINE_END
    ends = np.flatnonzero(pc.equal(chunks, end))  # the last chunk is an end
    return int(np.count_nonzero(np.diff(ends, prepend=-1) > 1))


def _select(
    found: Iterable[Count], tally: Tally, *, min_count: int, max_vocab: int | None
) -> list[Count]:
    """Return the words to keep in order; a long list is cut to `max_vocab` again and again."""

    def rank(pair: Count) -> tuple[int, str]:
        return -pair[1], pair[0]

    kept: list[Count] = []
    for word, n in found:
        tally.n_words += n
        tally.n_distinct += 1
        tally.highest = max(tally.highest, n)
        if n >= min_count:
            kept.append((word, n))
            if max_vocab and len(kept) > 2 * max_vocab + _MERGE_EVERY:
                kept = sorted(kept, key=rank)[:max_vocab]
    return sorted(kept, key=rank)[:max_vocab]


def _vocabulary(kept: list[Count], tally: Tally) -> Vocabulary:
    import numpy as np

    return Vocabulary(
        keys=tuple(word for word, _ in kept),
        counts=np.fromiter((n for _, n in kept), np.int64, len(kept)),
        n_words=tally.n_words,
        n_sentences=tally.n_sentences,
        n_distinct=tally.n_distinct,
    )
