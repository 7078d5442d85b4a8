"""Analyze text into terms of keyword search, with Korean support that needs no dictionary.

A Hangul word of a document gives all bigrams and trigrams of its syllables, its possible stems and
itself, each once. A Hangul word of a query gives its stem. Hence the matching rule:

    A stem of two or three syllables matches documents with a word that contains it (자동차
    matches 자동차를 and 전기자동차, never 자동 or 동차 alone); a longer stem, those with a word
    whose stem begins or ends with it (초등학교 matches 서울초등학교에서); a stem of one syllable,
    those with a word of that stem (먹었다 matches 먹는), or of that syllable and a possible
    particle (꽃 matches 꽃이).

For a term that occurs in no document, `QueryTerms.otherwise` gives alternatives. The other terms of
a query, its words as typed and the bigrams of long stems, are `extra`: they raise the score of
documents that match, but match none themselves.

Latin words are stripped of accents and stemmed with Snowball (English; Porter 2001). A noun in
-ing whose stem is of three letters at most, or a stop word, gives itself, too: "Wed, 12 Jan"
matches half of "wedding". Scripts without spaces give bigrams of characters. The terms are for
scoring with BM25.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import Stemmer

from sememe._errors import UnknownNameError
from sememe.text.normalize import normalize, strip_accents
from sememe.text.terms import stopwords
from sememe.text.terms.script_runs import Token, tokens
from sememe.text.terms.syllables import LONGEST_WORD, HangulTerms, SyllableTerms, ngrams

ANALYZERS = ("default", "kiwi")
_VERSION = 3
_READABLE = (2, 3)  # 2 is without the nouns in -ing
_EXTRA_WEIGHT = 0.3  # the best of 0, 0.2, 0.3, 0.5 on MIRACL-ko train; no effect on SciFact train
_CACHED_CHARACTERS = 40  # longer pieces between white space rarely occur twice
_CACHE_SIZE = 200_000  # pieces; about 100 MB at the most
_PARTS = re.compile("[0-9]+|[^0-9-]+")
_POSSESSIVE = re.compile("['\u2019]s?$")
_SHORT_STEM = 3  # letters


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """The terms of a query to the keyword index.

    Attributes:
        required: A document must have at least one of these. Empty if the query has no words.
        extra: Terms that only raise the score of matching documents, with their weight relative to
            1 of a required term; disjoint from `required`.
        otherwise: Required term -> alternatives if no document has it: the word without a possible
            particle or 다, the name without 씨, the parts of a compound (환불규정). Applies to the
            alternatives too: 이서연씨가 -> 이서연씨 -> 이서연.
    """

    required: tuple[str, ...]
    extra: Mapping[str, float]
    otherwise: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, float]:
        """Every term with its weight.

        >>> QueryTerms(("자동차",), {"자동": 0.3}).weights
        {'자동차': 1.0, '자동': 0.3}
        """
        return {**dict.fromkeys(self.required, 1.0), **self.extra}


@dataclass(slots=True)
class _Wanted:
    """The terms of a query while they are collected; `asking` are question words."""

    required: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    asking: list[str] = field(default_factory=list)
    otherwise: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def done(self) -> QueryTerms:
        required = dict.fromkeys(self.required or self.asking)
        extra = {term: _EXTRA_WEIGHT for term in self.extra if term not in required}
        return QueryTerms(tuple(required), extra, self.otherwise)


@dataclass(frozen=True)
class Analyzer:
    """Analyzes documents and queries into terms; both must use the same one.

    Attributes:
        hangul: Analysis of Hangul words.
        version: Of the rules; an index keeps that which its terms were made by.
    """

    hangul: HangulTerms = field(default_factory=SyllableTerms)
    version: int = _VERSION
    _stemmer: Stemmer.Stemmer = field(
        default_factory=lambda: Stemmer.Stemmer("english"), init=False, repr=False, compare=False
    )
    _cache: dict[str, tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """The name to pass to `analyzer`."""
        return self.hangul.name

    @property
    def fingerprint(self) -> str:
        """Equal if and only if the terms are; an index refuses another analyzer's terms."""
        return f"{self.name}-{self.version}"

    def analyze(self, text: str) -> list[str]:
        """Return the terms of a document in order, with repetition; none contains white space.

        >>> Analyzer().analyze("SUV차량 3대, GPT-4")
        ['suv', '차량', '3', '대', 'gpt4', 'gpt', '4']
        """
        all_terms: list[str] = []
        cache = self._cache
        for piece in text.split():
            terms = cache.get(piece)
            if terms is None:
                pieces = tokens(normalize(piece))
                terms = tuple(term for token in pieces for term in self._token_terms(token))
                if len(piece) <= _CACHED_CHARACTERS:
                    if len(cache) >= _CACHE_SIZE:
                        cache.clear()
                    cache[piece] = terms
            all_terms += terms
        return all_terms

    def analyze_query(self, text: str) -> QueryTerms:
        """Return the terms of a query, required and extra.

        Question and stop words (언제, "what", "of") are left out if other words remain.

        >>> Analyzer().analyze_query("자동차를 언제 발명했나요?").required
        ('자동차', '발명')
        """
        wanted = _Wanted()
        all_tokens = list(tokens(normalize(text)))
        for token in all_tokens:
            if token.kind == "hangul":
                self._want_hangul(token.text, wanted, alone=len(all_tokens) == 1)
            elif token.kind in ("word", "compound"):
                self._want_word(token, wanted)
            else:
                wanted.required += self._token_terms(token)
        return wanted.done()

    def release(self) -> None:
        """Clear the cache."""
        self._cache.clear()

    def _token_terms(self, token: Token) -> list[str]:
        match token.kind:
            case "hangul":
                return self.hangul.document_terms(token.text)
            case "dense":
                return ngrams(token.text, 2) or [token.text]
            case "number":
                return [token.text.replace(",", "")[:LONGEST_WORD]]
            case "word" | "compound":
                return self._word_terms(token)
            case _:
                return [token.text]

    def _stems(self, token: Token) -> list[str]:
        """Return the stem of a word; for gpt-4 and covid19 the whole, then the parts."""
        word = strip_accents(token.text)
        if len(word) > LONGEST_WORD:
            starts = range(0, len(word), LONGEST_WORD)
            return [word[start : start + LONGEST_WORD].strip("-'\u2019") for start in starts]
        parts = _PARTS.findall(word)
        whole = [word.replace("-", "")] if len(parts) > 1 else []
        return [term for term in map(self._stem, whole + parts) if term]

    def _word_terms(self, token: Token) -> list[str]:
        """Return the terms of a word: the noun in -ing, the stem; of gpt-4 the whole and parts."""
        terms = self._stems(token)
        noun = self._find_noun(token.text, terms)
        return [noun, *terms] if noun else terms

    def _find_noun(self, word: str, stems: list[str]) -> str:
        """Return the noun in -ing of a word whose stem is another word, "" where it is none.

        >>> Analyzer().analyze("weddings running singing")
        ['wedding', 'wed', 'running', 'run', 'sing']
        """
        noun = _POSSESSIVE.sub("", strip_accents(word)).removesuffix("s")
        if self.version < _VERSION or len(stems) != 1 or not noun.endswith("ing"):
            return ""
        (stem,) = stems
        is_other = len(stem) <= _SHORT_STEM or stem in stopwords.ENGLISH
        return noun if is_other and stem != noun else ""

    def _stem(self, word: str) -> str:
        return str(self._stemmer.stemWord(word.replace("\u2019", "'"))).replace("'", "")

    def _want_hangul(self, word: str, wanted: _Wanted, *, alone: bool) -> None:
        read = self.hangul.single_word_terms if alone else self.hangul.query_terms
        required, extra = read(word)
        wanted.otherwise |= self._other_terms(word, required)
        if stopwords.KOREAN.issuperset(required):  # also when nothing is required
            wanted.asking += required or extra
        else:
            wanted.required += required
            wanted.extra += extra

    def _other_terms(self, word: str, required: list[str]) -> dict[str, tuple[str, ...]]:
        """Return term -> alternatives, for the required terms and, recursively, alternatives."""
        alternatives: dict[str, tuple[str, ...]] = {}
        waiting = list(required)
        while waiting:
            term = waiting.pop()
            others = self.hangul.other_terms(word, term)
            # A stop word such as 있 occurs in nearly every document.
            others = [other for other in others if other not in stopwords.KOREAN]
            if others and term not in alternatives:
                alternatives[term] = tuple(others)
                waiting += others
        return alternatives

    def _want_word(self, token: Token, wanted: _Wanted) -> None:
        """Require a word by its stem; the 4 of gpt-4 and the e of e-mail are only extra.

        A noun in -ing is a required term, as is its stem.
        """
        terms = self._word_terms(token)
        if token.text in stopwords.ENGLISH:
            wanted.asking += terms
            return
        if self._find_noun(token.text, terms[1:]):
            wanted.required += terms
            return
        names = [term for term in terms[1:] if len(term) > 1 and not term.isdecimal()]
        wanted.required += terms[:1] + names
        wanted.extra += terms[1:]


def analyzer(name: str = "default", *, terms: str = "") -> Analyzer:
    """Return an analyzer by name: "default" needs no dictionary, "kiwi" the extra `korean`.

    terms: Fingerprint of that which made an index's terms; the same version is returned if it is
    one that can still be read.

    Raises UnknownNameError, or MissingExtraError if kiwipiepy is not installed.
    """
    versions = {f"{name}-{version}": version for version in _READABLE}
    version = versions.get(terms, _VERSION)
    if name == "default":
        return Analyzer(version=version)
    if name == "kiwi":
        from sememe.text.terms.kiwi import KiwiTerms

        return Analyzer(KiwiTerms(), version)
    raise UnknownNameError.of("analyzer", name, ANALYZERS)
