"""Detect phrases of two words ("new york") and join them before training.

Mikolov et al. 2013 (arXiv:1310.4546), section 4: two adjacent words are a phrase if they occur
together more often than by chance,

    score(a, b) = (count(a b) - min_count) / (count(a) * count(b)) * size            (equation 6)

where `size` is the number of distinct words and pairs, as in gensim, so that the default threshold
of 10 is the same (word2phrase.c uses the number of words of the corpus, and 100). scoring="npmi" is
normalised pointwise mutual information (Bouma 2009), from -1 to 1; start with a threshold of 0.5.
Counts are exact, in bounded memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any, Literal, Self

from sememe._atomic import write_atomically
from sememe._errors import CorruptFileError, InvalidInputError, UnknownNameError
from sememe._persistence import expect_valid
from sememe.text.words import LINE_END, Tokens
from sememe.train.words.corpus import reader
from sememe.train.words.corpus.counting import Counter, count
from sememe.train.words.corpus.reader import Corpus, Report, Source
from sememe.train.words.corpus.vocabulary import Vocabulary, build_vocabulary
from sememe.train.words.report import plain
from sememe.vectors.record import StrPath

Scoring = Literal["default", "npmi"]
SCORINGS: tuple[Scoring, ...] = ("default", "npmi")
_KIND, _VERSION = "sememe phrases", 1
_BETWEEN = LINE_END  # a byte that no word contains


@dataclass(kw_only=True, eq=False, repr=False)
class Phrases:
    """Learns phrases of adjacent words, and joins them in any sentences.

    For phrases of three or four words fit another one on the output of the first, as in the paper.

        phrases = Phrases().fit("text.txt")
        Word2Vec().fit(phrases.transform("text.txt"))

    Attributes:
        min_count: Discount of pair counts; with "npmi" the minimum count of a pair.
        threshold: Pairs with a higher score are joined.
        delimiter: String between the words of a phrase.
        scoring: "default" (equation 6) or "npmi".
        tokens: Tokenization of a text file, see `sememe.train.words.corpus.reader.open_corpus`.
        workers: Number of threads.
        phrases_: (first word, second word) -> score, of the pairs above the threshold.
    """

    min_count: int = 5
    threshold: float = 10.0
    delimiter: str = "_"
    scoring: Scoring = "default"
    tokens: Tokens = "words"
    workers: int = 1
    phrases_: dict[tuple[str, str], float] = field(init=False)

    def fit(self, corpus: Source | Corpus, *, show_progress: bool = False) -> Self:
        """Count the words and pairs of a corpus, which is read twice.

        show_progress: Draw a progress bar for each pass.

        Raises:
            InvalidInputError: A parameter out of range, not a corpus, or no word that occurs
                `min_count` times.
        """
        self._check()
        corpus = reader.open_corpus(corpus, tokens=self.tokens)
        words = build_vocabulary(
            corpus, min_count=self.min_count, workers=self.workers, show_progress=show_progress
        )
        limits = {"min_count": int(self.min_count), "workers": self.workers}
        counted = reader.read_corpus(
            count_pairs, corpus, "counting pairs", show=show_progress, **limits
        )
        size = words.n_distinct + counted["n_distinct"]
        self.phrases_ = self._select(words, counted["pairs"], size)
        return self

    def transform(self, corpus: Source | Corpus) -> Phrased:
        """Return the sentences with phrases joined, as a restartable iterable."""
        self._check_fitted()
        return Phrased(self, reader.open_corpus(corpus, tokens=self.tokens))

    def transform_one(self, sentence: Sequence[str]) -> list[str]:
        """Join the phrases of one sentence, from left to right, without overlaps."""
        self._check_fitted()
        joined: list[str] = []
        first: str | None = None  # the last word, if it may still begin a phrase
        for word in sentence:
            if first is not None and (first, word) in self.phrases_:
                joined[-1] = first + self.delimiter + word
                first = None
            else:
                joined.append(word)
                first = word
        return joined

    def save(self, path: StrPath) -> Path:
        """Write a JSON file atomically; return its path."""
        self._check_fitted()
        names = ("min_count", "threshold", "delimiter", "scoring", "tokens")
        document = {
            "kind": _KIND,
            "version": _VERSION,
            "parameters": {name: plain(getattr(self, name)) for name in names},
            "phrases": [[*pair, score] for pair, score in self.phrases_.items()],
        }
        with write_atomically(Path(path)) as file:
            file.write(json.dumps(document, ensure_ascii=False, indent=0).encode())
        return Path(path)

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """Read what `save` wrote.

        Raises:
            InvalidInputError: There is no such file.
            CorruptFileError: It does not hold phrases, or is of a later version.
        """
        if not Path(path).is_file():
            raise InvalidInputError(f"{path} is no file. Give one that Phrases.save wrote.")
        with expect_valid(Path(path), cure="Give a file that Phrases.save wrote"):
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            if (document["kind"], document["version"]) != (_KIND, _VERSION):
                got = f"{document['kind']!r}, version {document['version']}"
                raise CorruptFileError(f"{path}: {got}, not {_KIND!r}, version {_VERSION}")
            phrases = cls(**document["parameters"])
            phrases.phrases_ = {(a, b): float(score) for a, b, score in document["phrases"]}
        return phrases

    def _select(
        self, words: Vocabulary, pairs: Iterable[tuple[str, str, int]], size: int
    ) -> dict[tuple[str, str], float]:
        """Return the pairs above the threshold, the highest score first."""
        often = dict(zip(words.keys, words.counts.tolist(), strict=True))
        scores = {}
        for a, b, together in pairs:
            if self.scoring == "npmi":
                score = npmi(often[a], often[b], together, n_words=words.n_words)
            else:
                score = (together - self.min_count) / (often[a] * often[b]) * size
            if score > self.threshold:
                scores[a, b] = score
        return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))

    def _check(self) -> None:
        if self.scoring not in SCORINGS:
            raise UnknownNameError.of("scoring", self.scoring, SCORINGS)
        if not isinstance(self.threshold, Real) or math.isnan(self.threshold):
            raise InvalidInputError(f"threshold={self.threshold!r}; give a number, as 10.0.")
        if not isinstance(self.delimiter, str) or not self.delimiter:
            raise InvalidInputError(f"delimiter={self.delimiter!r}; give a string, as '_'.")

    def _check_fitted(self) -> None:
        if not hasattr(self, "phrases_"):
            raise InvalidInputError("phrases are not fitted yet. Type: phrases.fit(corpus)")


@dataclass(frozen=True, eq=False)
class Phrased:
    """Sentences of a corpus with phrases joined; each iteration reads the corpus again."""

    phrases: Phrases
    corpus: Corpus

    def __iter__(self) -> Iterator[list[str]]:
        for piece in self.corpus.pieces():
            sentence: list[str] = []
            for word in reader.extract_words(self.corpus, piece).to_pylist():
                if word != LINE_END:
                    sentence.append(word.decode())
                    continue
                yield self.phrases.transform_one(sentence)
                sentence = []


def npmi(a: int, b: int, together: int, *, n_words: int) -> float:
    """Return ln(p(a b) / (p(a) p(b))) / -ln p(a b), from -1 to 1 (Bouma 2009).

    >>> npmi(4, 4, 4, n_words=16)
    1.0
    """
    p = together / n_words
    return math.log(p / (a / n_words * b / n_words)) / -math.log(p) if p < 1 else 1.0


def count_pairs(corpus: Corpus, report: Report, *, min_count: int, workers: int) -> dict[str, Any]:
    """Return the pairs that occur `min_count` times, and the number of distinct pairs, as JSON."""
    import pyarrow.compute as pc

    pairs: list[tuple[str, str, int]] = []
    distinct = 0
    least: Any = min_count
    counters = [_PairCounter(corpus) for _ in range(workers)]
    for strings, counts in count(counters, report):
        distinct += len(strings)
        often = pc.greater_equal(counts, least)
        kept = strings.filter(often).to_pylist(), counts.filter(often).to_pylist()
        for pair, n in zip(*kept, strict=True):
            a, _, b = pair.partition(_BETWEEN)
            pairs.append((a.decode(), b.decode(), n))
    return {"pairs": pairs, "n_distinct": distinct}


class _PairCounter(Counter):
    """Counts adjacent words of a sentence."""

    def strings(self, piece: Any) -> Any:
        """Return the pairs of a piece, joined by a byte that no word contains."""
        import pyarrow as pa
        import pyarrow.compute as pc

        words = reader.extract_words(self.corpus, piece)
        end: Any = LINE_END
        inside = pc.not_equal(words, end)
        both = pc.and_(inside[:-1], inside[1:])
        left, right = words[:-1].filter(both), words[1:].filter(both)
        between: Any = pa.scalar(_BETWEEN, type=pa.binary())
        return pc.binary_join_element_wise(left, right, between)
