"""Count the words of a corpus, the first pass over it, in bounded memory.

Threads count chunks of text in Arrow, outside Python; Unicode rules are applied only to distinct
chunks that are not plain words. What does not fit in memory is spilled to disk (see
`sememe.train.words.corpus.counting`). So memory grows with the vocabulary, not with the corpus, and
counts are exact: word2vec.c and gensim prune rare words on the way, so that their counts depend on
the order of the text.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.text.words import LINE_END, Tokens
from sememe.train.words.corpus import reader
from sememe.train.words.corpus.counting import Counter, count
from sememe.train.words.corpus.disk_counts import Counts
from sememe.train.words.corpus.reader import Corpus, ListCorpus, Report, Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words that get a vector, most frequent first.

    Attributes:
        keys: The words, by descending count, then by word.
        counts: (n,) int64, how often each occurs.
        n_words: Total number of words of the corpus, including those left out.
        n_sentences: Number of lines or lists that are not empty, before splitting long ones; a line
            of only dashes or quotation marks may count.
        n_distinct: Number of distinct words of the corpus, including those left out.
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
        """Key -> row."""
        return {key: row for row, key in enumerate(self.keys)}


def build_vocabulary(
    corpus: Source | Corpus,
    *,
    tokens: Tokens = "words",
    min_count: int = 5,
    max_vocab: int | None = None,
    workers: int = 1,
    known: Sequence[str] = (),
    show_progress: bool = False,
) -> Vocabulary:
    """Count the words of a corpus.

    Args:
        corpus: See `open_corpus`.
        tokens: See `open_corpus`.
        min_count: Minimum count of a word (word2vec.c's -min-count).
        max_vocab: Maximum size, most frequent words first; ties in alphabetical order.
        workers: Threads for a file (lists use one); the result is the same for any number.
        known: Words that are kept at any count, and count towards `max_vocab`.
        show_progress: Draw a progress bar.

    Raises:
        InvalidInputError: Not a corpus, no words, or none that occurs `min_count` times.
    """
    import numpy as np

    for name, value in (("min_count", min_count), ("workers", workers), ("max_vocab", max_vocab)):
        if value is not None and (isinstance(value, bool) or value < 1):
            raise InvalidInputError(f"{name}={value!r} is below 1. Type: {name}=1 or more")
    limits: dict[str, Any] = {"min_count": int(min_count), "known": list(known)}
    limits |= {"max_vocab": None if max_vocab is None else int(max_vocab), "workers": workers}
    corpus = reader.open_corpus(corpus, tokens=tokens)
    counted = reader.read_corpus(
        count_words, corpus, "counting words", show=show_progress, **limits
    )
    corpus.n_words = counted["sums"]["n_words"]
    corpus.notes[:] = counted["notes"]
    if isinstance(corpus, ListCorpus):
        hashes = map(hash, counted["keys"])
        corpus.counted = sum(map(operator.mul, hashes, counted["counts"])) % 2**64
    counts = np.array(counted["counts"], dtype=np.int64)
    return Vocabulary(keys=tuple(counted["keys"]), counts=counts, **counted["sums"])


def merge_vocabularies(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """Return the old words in their order (each keeps its row), then the new ones; add counts."""
    import numpy as np

    counts = np.array(old.counts)
    keys, fresh = list(old.keys), []
    for key, n in zip(new.keys, new.counts.tolist(), strict=True):
        if (row := old.numbers.get(key)) is not None:
            counts[row] += n
        else:
            keys.append(key)
            fresh.append(n)
    return Vocabulary(
        keys=tuple(keys),
        counts=np.concatenate([counts, np.array(fresh, np.int64)]),
        n_words=old.n_words + new.n_words,
        n_sentences=old.n_sentences + new.n_sentences,
        n_distinct=len(keys),
    )


def count_words(
    corpus: Corpus,
    report: Report,
    *,
    min_count: int,
    max_vocab: int | None,
    workers: int,
    known: Sequence[str],
) -> dict[str, Any]:
    """Return the fields of a vocabulary and the notes, in JSON types."""
    tally = Tally()
    counters = [_WordCounter(corpus) for _ in range(workers)]
    batches = count(counters, report)
    kept = _select(batches, tally, min_count=min_count, max_vocab=max_vocab, known=known)
    for counter in counters:
        tally.n_sentences += counter.tally.n_sentences
        tally.replaced += counter.tally.replaced
        tally.empty += counter.tally.empty
    if not tally.n_words:
        raise InvalidInputError("the corpus holds no words. Give a corpus of text or token lists")
    if not kept and not known:
        raise InvalidInputError(
            f"no word occurs {min_count} times: the most frequent occurs {tally.highest} times. "
            f"Type: min_count={tally.highest} or less, or add text"
        )
    sums = {name: getattr(tally, name) for name in ("n_words", "n_sentences", "n_distinct")}
    words = {"keys": [word for word, _ in kept], "counts": [n for _, n in kept]}
    return {**words, "sums": sums, "notes": tally.notes()}


@dataclass
class Tally:
    """Sums over a whole corpus."""

    n_words: int = 0
    n_sentences: int = 0
    n_distinct: int = 0
    highest: int = 0
    replaced: int = 0
    empty: int = 0
    crowded: int = 0

    def notes(self) -> list[str]:
        """Return what was replaced or left out."""
        notes = {
            "characters were not UTF-8 and were replaced by U+FFFD": self.replaced,
            "empty tokens were left out": self.empty,
            "new words were left out: max_vocab has no room for them": self.crowded,
        }
        return [f"{n} {what}" for what, n in notes.items() if n]


class _WordCounter(Counter):
    """Counts chunks of text, and splits them into words once there are many."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self.tally = Tally()

    def strings(self, piece: Any) -> Any:
        """Return the chunks of a piece, and count its sentences that are not empty."""
        import numpy as np
        import pyarrow.compute as pc

        chunks = self.corpus.chunks(piece)
        end: Any = LINE_END
        ends = np.flatnonzero(pc.equal(chunks, end))  # the last chunk is an end
        self.tally.n_sentences += int(np.count_nonzero(np.diff(ends, prepend=-1) > 1))
        return chunks

    def settle(self, counts: Counts) -> Counts:
        """Split chunks into words; a word may occur twice."""
        import pyarrow as pa
        import pyarrow.compute as pc

        chunks, numbers = counts
        plain = self.corpus.plain(chunks)
        odd = pc.invert(plain)
        others: dict[str, int] = {}
        lists = chunks.filter(odd).to_pylist(), numbers.filter(odd).to_pylist()
        for chunk, n in zip(*lists, strict=True):
            if chunk != LINE_END:
                self._add_words(others, chunk, n)
        words = pa.array(others, type=pa.string()).view(pa.binary())
        return (
            pa.concat_arrays([chunks.filter(plain), words]),
            pa.concat_arrays([numbers.filter(plain), pa.array(others.values(), type=pa.int64())]),
        )

    def _add_words(self, counts: dict[str, int], chunk: bytes, n: int) -> None:
        if not chunk:
            self.tally.empty += n
        for word in self.corpus.words_of(chunk):
            counts[word] = counts.get(word, 0) + n
        if not chunk.isascii():  # U+FFFD in the text itself replaces nothing
            replaced = chunk.decode("utf-8", "replace").count("\ufffd")
            self.tally.replaced += n * (replaced - chunk.count("\ufffd".encode()))


def _select(
    batches: Iterable[Counts],
    tally: Tally,
    *,
    min_count: int,
    max_vocab: int | None,
    known: Sequence[str],
) -> list[tuple[str, int]]:
    """Return the known words and others up to `max_vocab`; a long list is truncated repeatedly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def rank(pair: tuple[str, int]) -> tuple[int, str]:
        return -pair[1], pair[0]

    room = None if max_vocab is None else max(0, max_vocab - len(known))
    old_words, old_set = pa.array(known, type=pa.string()).view(pa.binary()), frozenset(known)
    old: list[tuple[str, int]] = []
    new: list[tuple[str, int]] = []
    least: Any = min_count
    crowded = 0
    for words, counts in batches:
        if not len(words):
            continue
        tally.n_words += pc.sum(counts).as_py()
        tally.n_distinct += len(words)
        tally.highest = max(tally.highest, pc.max(counts).as_py())
        wanted = pc.greater_equal(counts, least)
        if known:
            wanted = pc.or_(wanted, pc.is_in(words, value_set=old_words))
        texts = words.filter(wanted).view("string").to_pylist()
        pairs = list(zip(texts, counts.filter(wanted).to_pylist(), strict=True))
        old += (pair for pair in pairs if pair[0] in old_set)
        new += (pair for pair in pairs if pair[0] not in old_set)
        if room is not None and len(new) > 2 * room:
            new.sort(key=rank)
            crowded += len(new) - room
            del new[room:]
    new.sort(key=rank)
    if room is not None and known:
        tally.crowded = crowded + len(new[room:])
    return sorted(old + new[:room], key=rank)
