"""One search: a query, its rankings, their fusion, and the passages that show the hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import Any, get_args

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._nouns import noun
from sememe._types import Modality
from sememe.index.encoders import Encoders, explain_no_encoder
from sememe.index.querying.hits import OF_EACH, Hit, Hits, Mode, More
from sememe.index.querying.passages import Passages
from sememe.index.querying.term_search import rank_by_terms
from sememe.index.querying.variety import Variety
from sememe.index.querying.vector_search import VectorSearch
from sememe.search.ranking.documents import Ranking
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.filters import filter_modality
from sememe.search.ranking.keyword import TermRanking
from sememe.search.ranking.relevance import Numbers
from sememe.search.ranking.score_fusion import (
    append_ranking,
    compute_coverage,
    explain_no_match,
    fuse,
    lacks_close,
    rate_similarities,
    rate_words,
)
from sememe.search.store import Store
from sememe.text.terms.analyze import Analyzer
from sememe.vectors.nearest import check_k

_DEPTH = 100  # documents each ranking gives to the fusion, at least


@dataclass(frozen=True, slots=True)
class Query:
    """One search of an index.

    Attributes:
        content: A text; or an image or audio as an encoder takes it.
        modality: Which of the three: "text", "image" or "audio".
        k: How many items at most.
        mode: How a text is searched for; images and audio are compared by their vectors alone.
        where: SQL over the columns that every hit passes.
        wanted: The modality of every hit; None where any will do.
    """

    content: Any
    modality: Modality = "text"
    k: int = 10
    mode: Mode = "hybrid"
    where: str | None = None
    wanted: Modality | None = None

    @property
    def filter(self) -> str | None:
        """SQL that every hit passes: `where`, and that its modality is the one wanted."""
        if self.wanted is None:
            return self.where
        own = filter_modality(self.wanted)
        return own if self.where is None else f"({self.where}) AND {own}"

    @property
    def is_filtered(self) -> bool:
        """Whether more is asked of hits than a modality."""
        return self.where is not None

    @property
    def noun(self) -> str:
        """What a hit is called in notes."""
        return "document" if self.wanted is None else noun(self.wanted)

    def check(self) -> None:
        """Refuse an unknown mode or modality, a text that is not a str, and k below 1."""
        if self.mode not in get_args(Mode):
            raise UnknownNameError.of("mode", self.mode, get_args(Mode))
        if self.wanted not in (None, *get_args(Modality)):
            raise UnknownNameError.of("modality", self.wanted, get_args(Modality))
        if self.modality == "text" and not isinstance(self.content, str):
            raise InvalidInputError(f"query is {type(self.content).__name__}; give a str.")
        check_k(self.k)


class Searcher:
    """Runs one query against one version of a store."""

    def __init__(
        self, store: Store, encoders: Encoders, load_analyzer: Callable[[], Analyzer]
    ) -> None:
        self._store = store
        self._encoders = encoders
        self._load_analyzer = load_analyzer
        self._vectors = VectorSearch(store, encoders)
        self._passages = Passages(store)
        self._variety = Variety(store)

    def search(self, query: Query) -> Hits:
        """Return the k best items; see `Index.search`, `search_image` and `search_sound`."""
        query.check()
        if query.wanted is not None:
            if self._store.count() and (note := self._variety.explain_absence(query.wanted)):
                return Hits((), query.mode, {}, note=note)
            if query.where is not None:
                self._store.count_rows(query.where)  # its own FilterError, and not that of both
        if query.modality != "text":
            return self._search_by_example(query)
        if not query.content.strip():
            return Hits((), query.mode, {}, note="the query is empty")
        if query.mode == "keyword":
            return self._search_by_terms(query)
        if query.mode == "semantic":
            return self._search_by_meaning(query)
        return self._search_by_both(query)

    def _search_by_example(self, query: Query) -> Hits:
        if not self._encoders.can_store(query.modality):
            raise InvalidInputError(explain_no_encoder(query.modality))
        if not self._store.count():
            return Hits((), "semantic", {}, note="the index is empty")
        rank, depth = self._vectors.rank_by_example, query.k + OF_EACH
        rankings = rank(query.content, query.modality, depth, query.filter)
        scores = {id_: s for one in reversed(rankings) for id_, s in _map_scores(one).items()}
        hits, more = self._show_nearest(query, reduce(append_ranking, rankings), None, scores)
        note = "no document passes the filter" if query.is_filtered else "nothing has a vector"
        return Hits(hits, "semantic", {"semantic": 1.0}, "" if hits else note, more)

    def _search_by_meaning(self, query: Query) -> Hits:
        rank, depth = self._vectors.rank_by_text, query.k + OF_EACH
        ranking, _, _ = rank(query.content, depth, query.filter, query.wanted)
        rated = rate_similarities(ranking)
        hits, more = self._show_nearest(query, ranking, ranking, _map_scores(ranking), rated)
        reason = f"semantic: no {query.noun} has a vector"
        note = "" if hits else self._explain_nothing(query) or reason
        nothing_close = lacks_close(rated, ranking)
        return Hits(hits, "semantic", {"semantic": 1.0}, note, more, nothing_close)

    def _search_by_terms(self, query: Query) -> Hits:
        analyzer, depth = self._load_analyzer(), max(_DEPTH, 4 * query.k)
        ranking, terms, coverage = self._rank_by_terms(analyzer, query, depth)
        note = ""
        if not len(ranking.ids):
            elsewhere = query.is_filtered and len(ranking.missing) < len(terms)
            reason = explain_no_match(filtered=elsewhere, kind=query.noun)
            note = self._explain_nothing(query) or f"keyword: {reason}"
        rated = dict(zip(ranking.ids, rate_words(ranking, coverage).tolist(), strict=True))
        more = self._variety.choose_more(ranking.ids, query.k)
        bm25 = _map_scores(ranking)
        found = _Found(ranking.ids[: query.k], rated, more, terms=terms, bm25=bm25)
        hits, others = self._show(found, analyzer)
        return Hits(hits, "keyword", {"keyword": 1.0}, note, others)

    def _search_by_both(self, query: Query) -> Hits:
        analyzer, depth = self._load_analyzer(), max(_DEPTH, 4 * query.k)
        with ThreadPoolExecutor(1) as background:
            words = background.submit(self._rank_by_terms, analyzer, query, depth)
            rank = self._vectors.rank_by_text
            near, column, vector = rank(query.content, depth, query.filter, query.wanted)
            keyword, required, coverage = words.result()
        nearest = _locate_rows(near)
        far = self._vectors.keep_comparable([i for i in keyword.ids if i not in nearest])
        scores = self._store.score_ids(column, vector, far).tolist() if far else []
        similarities = {i: s for i, s in zip(far, scores, strict=True) if s == s}  # not NaN
        fused = fuse(
            near,
            keyword,
            similarities=similarities,
            required=required,
            missing=keyword.missing,
            coverage=coverage,
            filtered=query.is_filtered,
            kind=query.noun,
        )
        bm25 = _map_scores(keyword)
        worded = bm25 if fused.words.any() else {}
        found = _Found(
            fused.ids[: query.k],
            dict(zip(fused.ids, fused.scores.tolist(), strict=True)),
            self._variety.choose_more(fused.ids, query.k, near=near, worded=worded),
            nearest,
            required,
            similarities | _map_scores(near),
            bm25,
        )
        hits, more = self._show(found, analyzer)
        note = (not hits and self._explain_nothing(query)) or fused.note
        return Hits(hits, "hybrid", fused.weights, note, more, fused.nothing_close)

    def _rank_by_terms(
        self, analyzer: Analyzer, query: Query, k: int
    ) -> tuple[TermRanking, tuple[str, ...], float]:
        """Return the keyword ranking, the required terms, and the share that its best one proves.

        The share is that of `compute_coverage`.
        """
        ranking, asked = rank_by_terms(self._store, analyzer, query.content, k, query.filter)
        whole = ranking.held.issuperset(asked.terms) and not asked.guessed
        if whole or not len(ranking.rows):
            return ranking, asked.terms, 1.0
        rows = self._store.count_term_rows(asked.terms)
        total = self._store.count()
        coverage = compute_coverage(rows, ranking.held, total, guessed=asked.guessed)
        return ranking, asked.terms, coverage

    def _show_nearest(
        self,
        query: Query,
        ranking: VectorRanking,
        near: VectorRanking | None,
        similarities: Mapping[str, float],
        rated: Numbers | None = None,
    ) -> tuple[tuple[Hit, ...], More]:
        """Return the hits of a ranking, and `Hits.more`; near: As in `Variety.choose_more`.

        rated: (n,) the hits' scores, their similarities by default.
        """
        more = self._variety.choose_more(ranking.ids, query.k, near=near)
        ids, rows = ranking.ids[: query.k], _locate_rows(ranking)
        values = ranking.scores if rated is None else rated
        scores = dict(zip(ranking.ids, values.tolist(), strict=True))
        return self._show(_Found(ids, scores, more, rows, similarities=similarities), None)

    def _show(self, found: _Found, analyzer: Analyzer | None) -> tuple[tuple[Hit, ...], More]:
        """Return the hits, and those of `Hits.more`, each with its best passage."""
        ids = [*found.ids, *chain.from_iterable(found.more.values())]
        nearest = {id_: found.nearest[id_] for id_ in ids if id_ in found.nearest}
        rows = self._passages.choose(ids, nearest, found.terms, analyzer)
        scores = [found.scores[id_] for id_ in ids]
        shown = self._passages.show(scores, rows, similarities=found.similarities, bm25=found.bm25)
        hits = dict(zip(ids, shown, strict=True))
        more = {kind: tuple(hits[id_] for id_ in own) for kind, own in found.more.items()}
        return shown[: len(found.ids)], more

    def _explain_nothing(self, query: Query) -> str:
        """Return why no query could find a document, "" if one could."""
        if not self._store.count():
            return "the index is empty"
        if not query.is_filtered:
            return ""
        passes = query.filter is not None and self._store.count_rows(query.filter)
        return "" if passes else f"no {query.noun} passes the filter"


@dataclass(frozen=True, slots=True)
class _Found:
    """Items to show.

    Attributes:
        ids: The best, in order.
        scores: Id -> score.
        more: Ids of `Hits.more`.
        nearest: Id -> address of its row nearest to the query.
        terms: Terms of the query.
        similarities, bm25: Id -> of what its score is made.
    """

    ids: list[str]
    scores: Mapping[str, float]
    more: Mapping[Modality, list[str]]
    nearest: Mapping[str, int] = field(default_factory=dict)
    terms: Sequence[str] = ()
    similarities: Mapping[str, float] = field(default_factory=dict)
    bm25: Mapping[str, float] = field(default_factory=dict)


def _map_scores(ranking: Ranking) -> dict[str, float]:
    """Return id -> score."""
    return dict(zip(ranking.ids, map(float, ranking.scores), strict=True))


def _locate_rows(ranking: VectorRanking) -> dict[str, int]:
    """Return id -> address of its nearest row."""
    return dict(zip(ranking.ids, ranking.rows.tolist(), strict=True))
