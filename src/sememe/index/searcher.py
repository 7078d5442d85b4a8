"""One search: the query through the encoders and the analyser, the legs fused, passages shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, get_args

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.index.hits import Hit, Hits, Mode
from sememe.index.items import NAMED
from sememe.index.legs import TEXTS, merged, steadied
from sememe.index.recordings import PER_SECOND
from sememe.search.fuse import Background, fuse, no_word, share_held

if TYPE_CHECKING:
    from sememe._types import FloatArray, Modality
    from sememe.index.encoders import Encoders
    from sememe.search.keyword import TermLeg
    from sememe.search.similarity import VectorLeg
    from sememe.search.store import Store
    from sememe.text.analyze import Analyzer

_DEPTH = 100  # documents each leg gives to the fusion, at least


class Searcher:
    """Searches one version of a store."""

    def __init__(self, store: Store, encoders: Encoders, analyzer: Analyzer) -> None:
        """Take the store, the encoders of its vector columns, and the analyser of its terms."""
        self._store = store
        self._encoders = encoders
        self._analyzer = analyzer

    def search(self, query: str, *, k: int, mode: Mode, where: str | None) -> Hits:
        """Return the k best items; see `Index.search`."""
        _check(query, k, mode)
        if not query.strip():
            return Hits((), mode, {}, note="the query is empty")
        if mode == "keyword":
            return self._keyword(query, k, where)
        if mode == "semantic":
            return self._semantic(query, k, where)
        return self._hybrid(query, k, where)

    def _keyword(self, query: str, k: int, where: str | None) -> Hits:
        leg, terms = self._words(query, k, where)
        rows = self._best_rows(leg.ids, {}, terms)
        note = ""
        if not len(leg.ids):
            elsewhere = where is not None and len(leg.missing) < len(terms)
            note = self._nothing(where) or f"keyword: {no_word(filtered=elsewhere)}"
        return Hits(
            hits_of(self._store, leg.ids, leg.scores.tolist(), rows),
            "keyword",
            {"keyword": 1.0},
            note,
        )

    def _nothing(self, where: str | None) -> str:
        """Say why no query could find a document, "" if one could."""
        import numpy as np

        if not self._store.count():
            return "the index is empty"
        if where is None:
            return ""
        column, dim = self._encoders.text_column
        # Any vector is near to whatever passes; one of the query would need the encoder loaded.
        anything = np.eye(1, dim, dtype=np.float32)
        leg = self._store.search_vectors(column, anything, 1, where=where)[0]
        return "" if len(leg.ids) else "no document passes the filter"

    def _words(self, query: str, k: int, where: str | None) -> tuple[TermLeg, tuple[str, ...]]:
        """Return the keyword leg and the terms that a document had to hold one of.

        A term that no document holds is read in another way, and the words are searched once more,
        until all are held or no reading is left. Every reading is shorter than the one before.
        """
        terms = self._analyzer.analyze_query(query)
        readings: dict[str, tuple[str, ...]] = {term: (term,) for term in terms.required}
        missing: set[str] = set()
        while True:
            asked = _flat(readings.values())
            extra = {term: boost for term, boost in terms.extra.items() if term not in asked}
            leg = self._store.search_terms(asked, k, extra=extra, where=where)
            missing.update(leg.missing)
            lacking = missing if len(leg.ids) else set(asked)
            others = {
                term: _flat(terms.otherwise.get(one, (one,)) for one in reading)
                if lacking.issuperset(reading)
                else reading
                for term, reading in readings.items()
            }
            if others == readings:
                break
            readings = others
        # What no reading finds counts as one missing word, whatever it was taken apart into.
        required = _flat(
            (term,) if missing.issuperset(reading) else reading
            for term, reading in readings.items()
        )
        return replace(leg, missing=tuple(t for t in required if t in missing)), required

    def _semantic(self, query: str, k: int, where: str | None) -> Hits:
        leg, _, _ = self._nearest(query, k, where)
        hits = hits_of(self._store, leg.ids, leg.scores.tolist(), self._store.rows(leg.rows))
        note = "" if hits else self._nothing(where) or "semantic: no document has a vector"
        return Hits(hits, "semantic", {"semantic": 1.0}, note)

    def _nearest(self, query: str, k: int, where: str | None) -> tuple[VectorLeg, str, FloatArray]:
        """Return the leg of all text spaces, and of the first its column and the query's vector."""
        legs, vectors = [], []
        columns = dict(self._encoders.asking("text"))
        for column, encoder in columns.items():
            vectors.append(encoder.encode_query([query]))
            legs += self._legs(column, vectors[-1], k, where)
        return merged(legs, k), next(iter(columns)), vectors[0][0]

    def _legs(self, column: str, vector: FloatArray, k: int, where: str | None) -> list[VectorLeg]:
        """Return the leg of a column; where images or sounds share it with texts, one for each."""
        shared = [kind for kind in NAMED if self._encoders.shares(column, kind)]
        first = column == self._encoders.text_column[0]
        if not first or not shared:
            legs = self._store.search_vectors(column, vector, k, where=where)
            # Beside another column's, what is usual among a few texts has to be known.
            beside = first and len(self._encoders.asking("text")) > 1
            return [steadied(leg) for leg in legs] if beside else legs
        own = [f"modality = '{kind}'" for kind in shared]
        groups = (" AND ".join(one.replace("=", "<>") for one in own), *own)
        texts, *others = self._store.search_groups(column, vector[0], k, groups, where=where)
        legs = [
            self._measured(leg, column, kind, vector[0])
            for kind, leg in zip(shared, others, strict=True)
            if leg.count
        ]
        return [steadied(texts), *legs] if legs else [texts]

    def _measured(
        self, leg: VectorLeg, column: str, kind: Modality, vector: FloatArray
    ) -> VectorLeg:
        """Return the leg of a kind of item in the texts' column, on the scale that it knows."""
        encoder = next(e for c, e in self._encoders.storing(kind) if c == column)
        background = encoder.estimate_background(vector)
        if background is None:
            return leg
        mean, deviation = background
        return replace(leg, mean=mean, deviation=max(deviation, TEXTS[1]))

    def _hybrid(self, query: str, k: int, where: str | None) -> Hits:
        depth = max(_DEPTH, 4 * k)
        with ThreadPoolExecutor(1) as beside:
            words = beside.submit(self._words, query, depth, where)
            semantic, column, vector = self._nearest(query, depth, where)
            keyword, required = words.result()
        near = set(semantic.ids)
        far = [id_ for id_ in keyword.ids if id_ not in near]
        similarities = self._store.score_ids(column, vector, far).tolist() if far else []
        fused = fuse(
            semantic,
            keyword,
            similarities={i: s for i, s in zip(far, similarities, strict=True) if s == s},
            background=Background(semantic.mean, self._store.count(), len(vector)),
            required=required,
            missing=keyword.missing,
            coverage=self._coverage(keyword, required),
            filtered=where is not None,
        )
        ids, scores = fused.ids[:k], fused.scores[:k].tolist()
        nearest = dict(zip(semantic.ids, semantic.rows.tolist(), strict=True))
        rows = self._best_rows(ids, nearest, required)
        note = (not ids and self._nothing(where)) or fused.note
        return Hits(hits_of(self._store, ids, scores, rows), "hybrid", fused.weights, note)

    def _coverage(self, keyword: TermLeg, required: Sequence[str]) -> float:
        """Return the share of the required terms that the best document of the leg holds."""
        if not len(keyword.rows):
            return 1.0
        (row,) = self._store.rows(keyword.rows[:1], ["terms"])
        return share_held(required, row["terms"].split())

    def _best_rows(
        self, ids: Sequence[str], nearest: Mapping[str, int], terms: Iterable[str]
    ) -> list[dict[str, Any]]:
        """Return the row to show of each item: the nearest in meaning, or that with most terms."""
        import numpy as np

        others = [id_ for id_ in ids if id_ not in nearest]
        found = {id_: nearest[id_] for id_ in ids if id_ in nearest}
        if others:
            worded = self._by_terms(others, set(terms))
            found |= {id_: address for id_, (_, address) in worded.items()}
        rows = self._store.rows(np.array([found[id_] for id_ in ids], np.uint64))
        spoken = [row["id"] for row in rows if row["modality"] == "audio" and row["id"] in nearest]
        if not spoken:
            return rows
        # People ask when it is said: the window with the words counts more than the nearest one.
        worded = self._by_terms(spoken, set(terms))
        found |= {id_: address for id_, (shared, address) in worded.items() if shared}
        return self._store.rows(np.array([found[id_] for id_ in ids], np.uint64))

    def _by_terms(self, ids: Sequence[str], terms: set[str]) -> dict[str, tuple[int, int]]:
        """Return how many of the terms the row of each item with most of them holds, and where."""
        best: dict[str, tuple[int, int]] = {}
        addresses = self._store.addresses(ids)
        for address, row in zip(
            addresses.tolist(), self._store.rows(addresses, ["id", "part", "text"]), strict=True
        ):
            shared = len(terms.intersection(self._analyzer.analyze(row["text"])))
            if row["id"] not in best or shared > best[row["id"]][0]:
                best[row["id"]] = (shared, address)
        return best


def hits_of(
    store: Store, ids: Sequence[str], scores: Sequence[float], rows: Sequence[Mapping[str, Any]]
) -> tuple[Hit, ...]:
    """Return hits from ids, scores and the rows that show them."""
    facts = store.metadata
    return tuple(
        Hit(
            id=id_,
            score=float(score),
            modality=row["modality"],
            source=row["source"],
            text=row["text"],
            start=_offset(row, "start"),
            end=_offset(row, "end"),
            metadata={name: row[name] for name in facts if row[name] is not None},
        )
        for id_, score, row in zip(ids, scores, rows, strict=True)
    )


def _offset(row: Mapping[str, Any], name: str) -> int | float:
    """Return a character's place, or, of a recording, a time in seconds."""
    found: int = row[name]
    return found / PER_SECOND if row["modality"] == "audio" else found


def _flat(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the terms of all groups in order, each once."""
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def _check(query: object, k: object, mode: str) -> None:
    if mode not in get_args(Mode):
        raise UnknownNameError.of("mode", mode, get_args(Mode))
    if not isinstance(query, str):
        raise InvalidInputError(f"query is {type(query).__name__}; give a str.")
    check_k(k)


def check_k(k: object) -> None:
    """Refuse a number of hits that is none."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidInputError(f"k={k!r}; give a whole number of at least 1.")
