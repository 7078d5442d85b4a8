"""One search: a query, its rankings, their fusion, and the passages that show the hits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Modality
from sememe.index.encoders import Encoders, explain_no_encoder
from sememe.index.querying.hits import Hit, Hits, Mode
from sememe.index.querying.passages import Passages
from sememe.index.querying.term_search import rank_by_terms
from sememe.index.querying.vector_search import VectorSearch
from sememe.search.ranking.documents import Ranking
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.keyword import TermRanking
from sememe.search.ranking.score_fusion import Background, compute_coverage, explain_no_match, fuse
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
    """

    content: Any
    modality: Modality = "text"
    k: int = 10
    mode: Mode = "hybrid"
    where: str | None = None

    def check(self) -> None:
        """Refuse an unknown mode, a text that is not a str, and k below 1."""
        if self.mode not in get_args(Mode):
            raise UnknownNameError.of("mode", self.mode, get_args(Mode))
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

    def search(self, query: Query) -> Hits:
        """Return the k best items; see `Index.search`, `search_image` and `search_sound`."""
        query.check()
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
        search = self._vectors.rank_by_example
        hits = self._show_nearest(search(query.content, query.modality, query.k, query.where))
        note = "no document passes the filter" if query.where else "nothing has a vector"
        return Hits(hits, "semantic", {"semantic": 1.0}, "" if hits else note)

    def _search_by_meaning(self, query: Query) -> Hits:
        ranking, _, _ = self._vectors.rank_by_text(query.content, query.k, query.where)
        hits = self._show_nearest(ranking)
        reason = "semantic: no document has a vector"
        note = "" if hits else self._explain_nothing(query.where) or reason
        return Hits(hits, "semantic", {"semantic": 1.0}, note)

    def _search_by_terms(self, query: Query) -> Hits:
        analyzer = self._load_analyzer()
        ranking, terms = rank_by_terms(self._store, analyzer, query.content, query.k, query.where)
        note = ""
        if not len(ranking.ids):
            elsewhere = query.where is not None and len(ranking.missing) < len(terms)
            reason = explain_no_match(filtered=elsewhere)
            note = self._explain_nothing(query.where) or f"keyword: {reason}"
        rows = self._passages.choose(ranking.ids, {}, terms, analyzer)
        hits = self._passages.show(ranking.scores.tolist(), rows, bm25=_map_scores(ranking))
        return Hits(hits, "keyword", {"keyword": 1.0}, note)

    def _search_by_both(self, query: Query) -> Hits:
        analyzer, depth = self._load_analyzer(), max(_DEPTH, 4 * query.k)
        with ThreadPoolExecutor(1) as background:
            words = background.submit(self._rank_by_terms, analyzer, query, depth)
            near, column, vector = self._vectors.rank_by_text(query.content, depth, query.where)
            keyword, required, coverage = words.result()
        nearest = _locate_rows(near)
        far = [id_ for id_ in keyword.ids if id_ not in nearest]
        scores = self._store.score_ids(column, vector, far).tolist() if far else []
        similarities = {i: s for i, s in zip(far, scores, strict=True) if s == s}  # not NaN
        fused = fuse(
            near,
            keyword,
            similarities=similarities,
            background=Background(near.mean, self._store.count(), len(vector)),
            required=required,
            missing=keyword.missing,
            coverage=coverage,
            filtered=query.where is not None,
        )
        ids = fused.ids[: query.k]
        rows = self._passages.choose(ids, nearest, required, analyzer)
        hits = self._passages.show(
            fused.scores[: query.k].tolist(),
            rows,
            similarities=similarities | _map_scores(near),
            bm25=_map_scores(keyword),
        )
        note = (not hits and self._explain_nothing(query.where)) or fused.note
        return Hits(hits, "hybrid", fused.weights, note)

    def _rank_by_terms(
        self, analyzer: Analyzer, query: Query, k: int
    ) -> tuple[TermRanking, tuple[str, ...], float]:
        """Return the keyword ranking, the required terms, and the share that its best one holds.

        The share is that of `compute_coverage`.
        """
        ranking, required = rank_by_terms(self._store, analyzer, query.content, k, query.where)
        if not len(ranking.rows) or ranking.held.issuperset(required):
            return ranking, required, 1.0
        rows = self._store.count_term_rows(required)
        return ranking, required, compute_coverage(rows, ranking.held, self._store.count())

    def _show_nearest(self, ranking: VectorRanking) -> tuple[Hit, ...]:
        rows = self._passages.choose(ranking.ids, _locate_rows(ranking))
        scores = ranking.scores.tolist()
        return self._passages.show(scores, rows, similarities=_map_scores(ranking))

    def _explain_nothing(self, where: str | None) -> str:
        """Return why no query could find a document, "" if one could."""
        if not self._store.count():
            return "the index is empty"
        if where is None:
            return ""
        column, dim = self._encoders.text_column
        # Any vector is near to whatever passes; one of the query would need the encoder loaded.
        anything = np.eye(1, dim, dtype=np.float32)
        ranking = self._store.search_vectors(column, anything, 1, where=where)[0]
        return "" if len(ranking.ids) else "no document passes the filter"


def _map_scores(ranking: Ranking) -> dict[str, float]:
    """Return id -> score."""
    return dict(zip(ranking.ids, map(float, ranking.scores), strict=True))


def _locate_rows(ranking: VectorRanking) -> dict[str, int]:
    """Return id -> address of its nearest row."""
    return dict(zip(ranking.ids, ranking.rows.tolist(), strict=True))
