"""Measure how well a subword vocabulary fits each script of a text.

    for row in measure_subwords(tokenizer, "corpus.txt").rows:
        print(row.script, row.fertility, row.coverage, row.unknown_rate)

Reference: Rust et al. 2021 (arXiv:2012.15613) for fertility and the fraction of words split.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from sememe._errors import InvalidInputError
from sememe.text.lines import Corpus, read_texts
from sememe.text.tokenizers.subwords import SubwordTokenizer

_WORDS_AT_ONCE = 10_000
_NAMES = {"CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "KATAKANA-HIRAGANA": "Kana"}
NO_LETTER = "none"


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """The words of one script; words are separated by white space.

    Attributes:
        script: "Hangul", "Latin", "Han", "Kana", ...; "none" for words without a letter.
        words: Number of words.
        tokens: Number of their pieces.
        fertility: tokens / words; 1 is best, and a script far above the others is expensive.
        whole: Fraction of words that are one piece.
        coverage: Fraction of words without an unknown piece.
        unknown_rate: Fraction of pieces that are unknown.
    """

    script: str
    words: int
    tokens: int
    fertility: float
    whole: float
    coverage: float
    unknown_rate: float


@dataclass(frozen=True, slots=True)
class SubwordReport:
    """One row per script, the most frequent first, and one for all words together."""

    rows: tuple[ScriptRow, ...]
    total: ScriptRow

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: {"rows": [...], "total": {...}}."""
        return {"rows": [asdict(row) for row in self.rows], "total": asdict(self.total)}


def measure_subwords(tokenizer: SubwordTokenizer, texts: Corpus) -> SubwordReport:
    """Count how a tokenizer segments the words of a file or of texts, by script.

    Each word is segmented as inside a sentence, and distinct words once.
    Raises InvalidInputError if there is no word.
    """
    words: Counter[str] = Counter()
    for text in read_texts(texts):
        words.update(text.split())
    if not words:
        raise InvalidInputError("got no word to measure; give at least one text that is not blank.")
    unknown = tokenizer.vocab.get(tokenizer.unk_token or "", -1)
    sums: dict[str, Counter[str]] = {}
    every = sorted(words)
    for start in range(0, len(every), _WORDS_AT_ONCE):
        batch = every[start : start + _WORDS_AT_ONCE]
        for word, ids in zip(batch, tokenizer.encode([f" {word}" for word in batch]), strict=True):
            count, missed = words[word], ids.count(unknown)
            sums.setdefault(script_of(word), Counter()).update(
                words=count,
                tokens=count * len(ids),
                whole=count * (len(ids) == 1 and not missed),
                covered=count * (not missed),
                unknown=count * missed,
            )
    rows = [_row(name, row) for name, row in sums.items()]
    rows.sort(key=lambda row: (-row.words, row.script))
    return SubwordReport(tuple(rows), _row("all", sum(sums.values(), Counter())))


def script_of(word: str) -> str:
    """Return the script of most letters of a word; ties go to the first.

    >>> script_of("고양이가"), script_of("GPT-4"), script_of("東京"), script_of("2026")
    ('Hangul', 'Latin', 'Han', 'none')
    """
    scripts = Counter(_script(letter) for letter in word if letter.isalpha())
    return scripts.most_common(1)[0][0] if scripts else NO_LETTER


@lru_cache(maxsize=65536)
def _script(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter)[0]  # ℓ and full-width letters are Latin
    first = unicodedata.name(plain, "other").split(" ")[0]
    return _NAMES.get(first, first.capitalize())


def _row(script: str, sums: Counter[str]) -> ScriptRow:
    words, tokens = sums["words"], sums["tokens"]
    whole, coverage = sums["whole"] / words, sums["covered"] / words
    unknown_rate = sums["unknown"] / tokens if tokens else 0.0
    return ScriptRow(script, words, tokens, tokens / words, whole, coverage, unknown_rate)
