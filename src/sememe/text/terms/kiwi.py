"""Terms of Hangul words by dictionary: content morphemes from kiwipiepy (extra `korean`).

Each word is analyzed by itself, so that results can be cached: most words of a text occur before.
Particles, endings and suffixes are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sememe._lazy import require
from sememe.text.terms.syllables import LONGEST_WORD, ngrams

# Sejong tags: nouns, verbs, adjectives, adverbs, roots, numerals, determiners, foreign words.
_CONTENT = ("NN", "NP", "NR", "VV", "VA", "MA", "MM", "XR", "SL", "SN", "SH")


def _kiwi() -> Any:
    return require("kiwipiepy", 'analyzer("kiwi")').Kiwi(num_workers=1)


@dataclass(frozen=True, slots=True)
class KiwiTerms:
    """Morphemes by kiwipiepy, with their compound if there are several."""

    name: str = "kiwi"
    _kiwi: Any = field(default_factory=_kiwi, repr=False, compare=False)

    def document_terms(self, word: str) -> list[str]:
        """Return the content morphemes, each once, and their compound."""
        if len(word) > LONGEST_WORD:
            return ngrams(word, 2)
        morphemes = self._kiwi.tokenize(word)
        forms = [morpheme.form for morpheme in morphemes if morpheme.tag[:2] in _CONTENT]
        return list(dict.fromkeys([*forms, "".join(forms)])) if forms else [word]

    def query_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the content morphemes and their compound, all required."""
        return self.document_terms(word), []

    def single_word_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the terms of a query of one word: its compound, with the parts as extra."""
        terms = self.document_terms(word)
        return terms[-1:], terms[:-1]

    def other_terms(self, word: str, term: str) -> list[str]:
        """Return the parts of a compound; a part has no alternatives."""
        *parts, compound = self.document_terms(word)
        return parts if term == compound else []
