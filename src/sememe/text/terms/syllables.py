"""Terms of Hangul words by rule: stems, and bigrams and trigrams of syllables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sememe.text import hangul

LONGEST_WORD = 40  # characters; longer runs are not words, and only their bigrams are terms


class HangulTerms(Protocol):
    """Analysis of one Hangul word into terms, in which the analyzers differ."""

    @property
    def name(self) -> str:
        """The name to pass to `analyzer`."""

    def document_terms(self, word: str) -> list[str]:
        """Return the terms of a word in a document, each once."""

    def query_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the required and the extra terms of a word in a query."""

    def single_word_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the required and the extra terms of a word that is the whole query."""

    def other_terms(self, word: str, term: str) -> list[str]:
        """Return alternatives to a term of a word if no document has it."""


def ngrams(word: str, size: int) -> list[str]:
    """Return the runs of `size` neighbouring characters.

    >>> ngrams("자동차", 2)
    ['자동', '동차']
    """
    return [word[start : start + size] for start in range(len(word) - size + 1)]


@dataclass(frozen=True, slots=True)
class SyllableTerms:
    """Stems by rule, with the bigrams and trigrams of syllables of every word."""

    name: str = "default"

    def document_terms(self, word: str) -> list[str]:
        """Return all bigrams and trigrams of syllables, the stems and the word, each once.

        A stem of five syllables or more also gives its prefixes and suffixes of four or more, and a
        word of two syllables the first one if the second may be a particle (꽃이).

        >>> SyllableTerms().document_terms("자동차를")
        ['자동', '동차', '차를', '자동차', '동차를', '자동차를']
        """
        if len(word) > LONGEST_WORD:
            return ngrams(word, 2)
        stems = hangul.stems(word)
        terms = [*ngrams(word, 2), *ngrams(word, 3), word, *stems, hangul.short_noun(word)]
        for size in range(4, len(stems[0])):
            terms += [stems[0][:size], stems[0][-size:]]
        return [term for term in dict.fromkeys(terms) if term]

    def query_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the stem, and as extra the word as typed and the bigrams of a longer stem.

        A word of endings only (하나요) requires nothing.

        >>> SyllableTerms().query_terms("자동차를")
        (['자동차'], ['자동차를', '자동', '동차'])
        """
        if len(word) > LONGEST_WORD:
            return ngrams(word, 2), []
        stem = hangul.stems(word)[0]
        if not stem:
            return [], [word]
        pairs = ngrams(stem, 2) if len(stem) > 2 else []
        return [stem], [term for term in (word, *pairs) if term != stem]

    def single_word_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the terms of a query of one word: 고양이 means cats, not 고양 + 이.

        A last syllable that may be part of a noun is kept; 을, 를, 은, 는 are always particles.

        >>> [SyllableTerms().single_word_terms(word) for word in ("고양이", "학교에서")]
        [(['고양이'], ['고양']), (['학교'], ['학교에서'])]
        """
        required, extra = self.query_terms(word)
        stem = required[0] if required else word
        if len(word) > 2 and word[:-1] == stem and word[-1] not in "을를은는":
            return [word], [stem]
        return required, extra

    def other_terms(self, word: str, term: str) -> list[str]:
        """Return the stem of a word used as typed, or alternative readings of a stem.

        >>> terms = SyllableTerms()
        >>> terms.other_terms("자동차가", "자동차가"), terms.other_terms("먹다", "먹다")
        (['자동차'], ['먹'])
        """
        stem, *others = hangul.stems(word)
        if term == word != stem:
            return [stem] if stem else []
        readings = [*(others if term == stem else ()), *hangul.other_readings(term)]
        return [other for other in dict.fromkeys(readings) if 0 < len(other) < len(term)]
