"""Keyword search: the terms of a query, or alternatives where no document holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from sememe.search.ranking.keyword import TermRanking
from sememe.search.store import Store
from sememe.text.terms.analyze import Analyzer

_SURE = 3  # letters of a term that is not taken for another word


@dataclass(frozen=True, slots=True)
class Asked:
    """What was searched for.

    Attributes:
        terms: Those of which each document had to hold one.
        guessed: Those of them that stand for a word that no document holds, and may be of another
            word: 바나 of 바나듐 for 바나나.
    """

    terms: tuple[str, ...]
    guessed: frozenset[str] = frozenset()


def rank_by_terms(
    store: Store, analyzer: Analyzer, text: str, k: int, where: str | None
) -> tuple[TermRanking, Asked]:
    """Return the k best documents by BM25, and the terms of which each had to hold one.

    A term that no document holds is read in another way, and the store is searched once more, until
    all are held or no reading is left. Every reading is shorter than the one before.
    """
    terms = analyzer.analyze_query(text)
    readings: dict[str, tuple[str, ...]] = {term: (term,) for term in terms.required}
    missing: set[str] = set()
    while True:
        asked = _flatten(readings.values())
        extra = {term: boost for term, boost in terms.extra.items() if term not in asked}
        ranking = store.search_terms(asked, k, extra=extra, where=where)
        missing.update(ranking.missing)
        lacking = missing if len(ranking.ids) else set(asked)
        others = {
            term: _flatten(terms.otherwise.get(one, (one,)) for one in reading)
            if lacking.issuperset(reading)
            else reading
            for term, reading in readings.items()
        }
        if others == readings:
            break
        readings = others
    # What no reading finds counts as one missing word, whatever it was taken apart into.
    required = _flatten(
        (term,) if missing.issuperset(reading) else reading for term, reading in readings.items()
    )
    guessed = frozenset(
        reading[0]
        for term, reading in readings.items()
        if reading != (term,) and len(reading) == 1 and len(reading[0]) < _SURE
    )
    missing_terms = tuple(term for term in required if term in missing)
    return replace(ranking, missing=missing_terms), Asked(required, guessed)


def _flatten(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the terms of all groups in order, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(groups)))
