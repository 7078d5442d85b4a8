"""Keyword search: BM25 over the `terms` column, by Lance's inverted index.

A document is one row that carries terms. Its score for a query is the sum over the query's terms of

    boost * ln(1 + (N - df + 0.5) / (df + 0.5)) * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len / mean))

(Robertson and Zaragoza 2009, k1=1.2, b=0.75): N documents, df of them with the term, which occurs
tf times in this one; lengths in terms. Checked here against a plain transcription: Lance computes
just that while the index covers every row, with N, df and the mean over all of its parts. It does
not take removed rows out of those three numbers, nor do merging and compaction; only a rebuild
does. Hence `refresh_keyword_index`: it covers new rows at the end of a write, and rebuilds once
removed rows are more than a few of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._ties import TOLERANCE
from sememe.search.ranking.documents import Ranking, rank_documents
from sememe.search.table.lance_table import Addresses, LanceTable, is_at
from sememe.search.table.snapshot import Snapshot

Operator = Literal["any", "all"]
INDEX_NAME = "terms_idx"
STALE_FRACTION = 0.02  # of the documents may be removed ones before the index is rebuilt
ALWAYS_REBUILD = 20_000  # documents: below, a rebuild takes under half a second
_TIES_AT_MOST = 1_500  # rows fetched to put equal scores in the order of their ids
_REPEATED_AT_MOST = 8  # times a term is repeated in a query to express its boost
_COMMON = 1_000  # rows up to which the rows of a term are counted
_FEW_TERMS = 3  # looked up one by one sooner than read off the best hits ...
_READ = 32  # ... so many


@dataclass(frozen=True, slots=True)
class TermRanking(Ranking):
    """Documents ranked by BM25.

    Attributes:
        missing: The query's terms that no document holds, in the query's order.
        held: All terms of the best document; empty where there is none.
    """

    missing: tuple[str, ...]
    held: frozenset[str] = frozenset()


def create_keyword_index(table: LanceTable) -> None:
    """Build the inverted index over every row, or an empty one; replaces what was there."""
    table.refresh()
    table.dataset.create_scalar_index(
        "terms",
        "INVERTED",
        name=INDEX_NAME,
        base_tokenizer="whitespace",
        lower_case=False,
        stem=False,
        remove_stop_words=False,
        ascii_folding=False,
        with_position=False,
        max_token_length=None,
    )
    table.refresh()


def ensure_keyword_index(table: LanceTable) -> None:
    """Build the index if the store's creation was interrupted before it had one."""
    if INDEX_NAME not in {index.name for index in table.dataset.describe_indices()}:
        create_keyword_index(table)


def refresh_keyword_index(table: LanceTable) -> None:
    """Make the index cover every row, and rebuild it once too many are removed.

    New rows become a part of their own, merged with the parts before it that are no larger: adding
    one document to a large index is quick, and n documents are in at most log2(n) parts.
    """
    table.refresh()
    ensure_keyword_index(table)
    parts = _read_parts(table)
    if parts.uncovered:
        merged = count_parts_to_merge(parts.documents, parts.uncovered)
        optimize = table.dataset.optimize.optimize_indices
        optimize(index_names=[INDEX_NAME], num_indices_to_merge=merged)
        table.refresh()
        parts = _read_parts(table)
    counted = sum(parts.documents)
    removed = counted - table.dataset.count_rows("terms IS NOT NULL")
    if removed > 0 and (counted <= ALWAYS_REBUILD or removed > STALE_FRACTION * counted):
        create_keyword_index(table)


def count_parts_to_merge(sizes: Sequence[int], fresh: int) -> int:
    """Return how many of the newest parts, which come last, `fresh` new rows are merged with.

    >>> count_parts_to_merge([1000, 4, 1], 1), count_parts_to_merge([1000, 4, 2], 1)
    (1, 0)
    """
    merged = fresh
    for count, size in enumerate(reversed(sizes)):
        if size > merged:
            return count
        merged += size
    return len(sizes)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of the index: documents in each, removed ones included; rows covered and not."""

    documents: list[int]
    covered: int
    uncovered: int


def _read_parts(table: LanceTable) -> _Parts:
    figures = table.dataset.stats.index_stats(INDEX_NAME)
    documents = [int(part.get("num_docs", 0)) for part in figures["indices"]]
    return _Parts(documents, int(figures["num_indexed_rows"]), int(figures["num_unindexed_rows"]))


def keyword_coverage(table: LanceTable) -> float:
    """Return the fraction of the rows that the index covers."""
    parts = _read_parts(table)
    total = parts.covered + parts.uncovered
    return parts.covered / total if total else 1.0


def search_terms(
    table: LanceTable,
    snapshot: Snapshot,
    vocabulary: Vocabulary,
    terms: Sequence[str] | Mapping[str, float],
    k: int,
    *,
    extra: Mapping[str, float] | None = None,
    where: str | None = None,
    documents: NDArray[np.bool_] | None = None,
    operator: Operator = "any",
) -> TermRanking:
    """Rank documents by BM25; see `Store.search_terms`.

    `where` filters the rows that carry terms; `documents`, (len(snapshot.ids),), are those that may
    be found, where other rows of theirs decide.
    """
    boosts = _parse_boosts(terms)
    ranking = Ranking([], np.empty(0, np.uint64), np.empty(0, np.float32))
    if boosts and len(snapshot):
        query = _add_extra(_make_query(boosts, operator), _parse_boosts(extra or {}))
        ranking = _rank(table, snapshot, query, k, where, documents)
    held = _read_terms(table, ranking.rows[:1])
    missing = vocabulary.find_missing(table, boosts, held, ranking.rows[1:])
    return TermRanking(ranking.ids, ranking.rows, ranking.scores, missing, held)


class Vocabulary:
    """Which terms occur, and in how many rows, for one version of the table."""

    def __init__(self) -> None:
        self._version = -1
        self._known: dict[str, bool] = {}
        self._counts: dict[str, int] = {}

    def find_missing(
        self, table: LanceTable, terms: Iterable[str], held: Collection[str], rows: Addresses
    ) -> tuple[str, ...]:
        """Return the terms that no row holds.

        held: Terms that are known to occur. rows: The best hits, which are likely to hold more.
        """
        self._follow(table)
        known, asked = self._known, list(terms)
        known.update((term, True) for term in asked if term in held)
        unknown = [term for term in asked if term not in known]
        if len(unknown) > _FEW_TERMS:
            known.update(dict.fromkeys(_read_terms(table, rows[:_READ]), True))
        # Counted, not just whether they occur: a hybrid search asks next.
        return tuple(term for term in asked if not (known.get(term) or self._count(table, term)))

    def count_rows(self, table: LanceTable, terms: Iterable[str]) -> dict[str, int]:
        """Return how many rows hold each term, counted up to `_COMMON`."""
        self._follow(table)
        return {term: self._count(table, term) for term in terms}

    def _count(self, table: LanceTable, term: str) -> int:
        if term not in self._counts:
            occurs = self._known.get(term, True)
            count = document_frequency(table, term, limit=_COMMON) if occurs else 0
            self._counts[term], self._known[term] = count, count > 0
        return self._counts[term]

    def _follow(self, table: LanceTable) -> None:
        """Forget what is known of another version of the table."""
        if self._version != table.version:
            self._known, self._counts, self._version = {}, {}, table.version


def _read_terms(table: LanceTable, addresses: Addresses) -> frozenset[str]:
    if not len(addresses):
        return frozenset()
    scanned = table.scan(["terms"], filter=is_at(addresses))
    return frozenset(t for text in scanned["terms"].to_pylist() for t in (text or "").split())


def document_frequency(table: LanceTable, term: str, *, limit: int | None = None) -> int:
    """Return how many rows hold the term, counted up to `limit`."""
    limit = limit or table.dataset.count_rows() or 1
    return len(_scan(table, _make_query({term: 1.0}, "any"), limit)[0])


def _rank(
    table: LanceTable,
    snapshot: Snapshot,
    query: Any,
    k: int,
    where: str | None,
    documents: NDArray[np.bool_] | None,
) -> Ranking:
    """Fetch rows until k documents are in and no tie with the last can be outside."""
    fetch, most = max(2 * k, 64), max(_TIES_AT_MOST, 4 * k)
    while True:
        addresses, scores = _scan(table, query, fetch, where)
        positions = snapshot.positions(addresses)
        kept = positions >= 0
        if documents is not None:
            kept &= documents[snapshot.documents[positions]]
        ranking = rank_documents(snapshot, positions[kept], scores[kept], k, relative=True)
        enough = len(ranking.ids) == k
        complete = enough and bool(scores[-1] < ranking.scores[-1] * (1 - 2 * TOLERANCE))
        if len(scores) < fetch or complete:
            return ranking
        if fetch >= most and (enough or documents is None):
            return ranking
        fetch = fetch * 16 if documents is not None else min(fetch * 16, most)


def _scan(
    table: LanceTable, query: Any, limit: int, where: str | None = None
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    filtered = {"filter": where, "prefilter": where is not None}
    hits = table.scan(["_score"], full_text_query=query, limit=limit, **filtered)
    scores = hits["_score"].to_numpy()
    order = np.argsort(-scores, kind="stable")
    return hits["_rowaddr"].to_numpy()[order], scores[order]


def _make_query(boosts: Mapping[str, float], operator: Operator) -> Any:
    """Express boosts as a Lance query.

    Lance boosts whole queries, and a combination of several is ten times slower than one (it skips
    no postings). A term that is repeated in one query counts as often, though: boosts in small
    whole ratios, such as 1 and 0.5, become repetitions.
    """
    from lance.query import BooleanQuery, FullTextOperator, MatchQuery, Occur

    together = FullTextOperator.AND if operator == "all" else FullTextOperator.OR
    if (unit := _find_unit(boosts.values())) is not None:
        repeated = [term for term, boost in boosts.items() for _ in range(round(boost / unit))]
        return MatchQuery(" ".join(repeated), "terms", boost=unit, operator=together)
    groups: dict[float, list[str]] = {}
    for term, boost in boosts.items():
        groups.setdefault(boost, []).append(term)
    occur = Occur.MUST if operator == "all" else Occur.SHOULD
    matches = [
        MatchQuery(" ".join(group), "terms", boost=boost, operator=together)
        for boost, group in groups.items()
    ]
    return BooleanQuery([(occur, match) for match in matches])


def _add_extra(query: Any, extra: Mapping[str, float]) -> Any:
    """Add terms that only raise the score of documents that match `query`."""
    if not extra:
        return query
    from lance.query import BooleanQuery, Occur

    return BooleanQuery([(Occur.MUST, query), (Occur.SHOULD, _make_query(extra, "any"))])


def _find_unit(boosts: Iterable[float]) -> float | None:
    """Return the largest number every boost is a multiple of, up to `_REPEATED_AT_MOST` times."""
    distinct = set(boosts)
    for parts in range(1, _REPEATED_AT_MOST + 1):
        unit = min(distinct) / parts
        times = [boost / unit for boost in distinct]
        if max(times) > _REPEATED_AT_MOST + 0.5:
            return None
        if all(abs(t - round(t)) < 1e-6 for t in times):
            return unit
    return None


def _parse_boosts(terms: Sequence[str] | Mapping[str, float]) -> dict[str, float]:
    """Return term -> boost; in a sequence a term counts as often as it occurs."""
    if isinstance(terms, str):
        raise InvalidInputError(f"terms={terms!r} is one text. Pass a list: {terms.split()!r}.")
    counts = terms if isinstance(terms, Mapping) else Counter(terms)
    boosts = {term: float(boost) for term, boost in counts.items()}
    for term, boost in boosts.items():
        if not term or len(term.split()) != 1 or term != term.strip():
            raise InvalidInputError(f"term={term!r} is empty or holds white space; split it.")
        if not 0.0 < boost < float("inf"):
            raise InvalidInputError(f"boost of {term!r} is {boost}; it must be above 0 and finite.")
    return boosts
