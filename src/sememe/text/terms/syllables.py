"""Hangul words become terms by rule: stems, and runs of two and three syllables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sememe.text import hangul

LONGEST_WORD = 40  # characters beyond which a run is no word, and only its pairs are terms


class HangulTerms(Protocol):
    """How one Hangul word becomes terms; the part in which the analysers differ."""

    @property
    def name(self) -> str:
        """Return the name under which the analyser is made."""
        ...

    def document_terms(self, word: str) -> list[str]:
        """Return the terms of a word in a document, each once."""
        ...

    def query_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the required and the extra terms of a word in a query."""
        ...

    def typed_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the same for a word that is the whole query."""
        ...

    def other_terms(self, word: str, term: str) -> list[str]:
        """Return what to require in place of a word's term that no document holds."""
        ...


def ngrams(word: str, size: int) -> list[str]:
    """Return the runs of `size` neighbouring characters.

    >>> ngrams("자동차", 2)
    ['자동', '동차']
    """
    return [word[start : start + size] for start in range(len(word) - size + 1)]


@dataclass(frozen=True, slots=True)
class SyllableTerms:
    """Stems by rule, with the runs of two and three syllables of every word."""

    name: str = "default"

    def document_terms(self, word: str) -> list[str]:
        """Return every pair and triple of syllables, the stems and the word, each once.

        A stem of five syllables or more gives its beginnings and ends of four or more as well,
        two syllables the first where the second may be a particle (꽃이).

        >>> SyllableTerms().document_terms("자동차를")
        ['자동', '동차', '차를', '자동차', '동차를', '자동차를']
        """
        if len(word) > LONGEST_WORD:
            return ngrams(word, 2)
        stems = hangul.stems(word)
        found = [*ngrams(word, 2), *ngrams(word, 3), word, *stems, hangul.short_noun(word)]
        for size in range(4, len(stems[0])):
            found += [stems[0][:size], stems[0][-size:]]
        return [term for term in dict.fromkeys(found) if term]

    def query_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the stem, and as extra the word as typed and the pairs of a longer stem.

        A word made of endings alone (하나요) requires nothing.

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

    def typed_terms(self, word: str) -> tuple[list[str], list[str]]:
        """Return the terms of a query of one word: 고양이 asks for cats, not for 고양 + 이.

        A last syllable that is a particle or part of a noun is kept; 을, 를, 은, 는 are particles.

        >>> SyllableTerms().typed_terms("고양이"), SyllableTerms().typed_terms("학교에서")
        ((['고양이'], ['고양']), (['학교'], ['학교에서']))
        """
        required, extra = self.query_terms(word)
        stem = required[0] if required else word
        if len(word) > 2 and word[:-1] == stem and word[-1] not in "을를은는":
            return [word], [stem]
        return required, extra

    def other_terms(self, word: str, term: str) -> list[str]:
        """Return the stem of a word taken as typed, or what else a stem may be made of.

        >>> terms = SyllableTerms()
        >>> terms.other_terms("자동차가", "자동차가"), terms.other_terms("먹다", "먹다")
        (['자동차'], ['먹'])
        """
        stem, *others = hangul.stems(word)
        if term == word != stem:
            return [stem] if stem else []
        found = [*(others if term == stem else ()), *hangul.other_readings(term)]
        return [other for other in dict.fromkeys(found) if 0 < len(other) < len(term)]
