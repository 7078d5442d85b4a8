"""The passage that shows each hit: chosen among an item's rows, each row read once per search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sememe.index.querying.hits import Hit
from sememe.index.writing.audio_windows import PER_SECOND
from sememe.search.store import Store
from sememe.search.table.lance_table import Addresses
from sememe.text.terms.analyze import Analyzer

_COLUMNS = ("id", "modality", "source", "text", "start", "end")
_Row = dict[str, Any]


class Passages:
    """Rows of one version of a store, kept for the time of one search."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._metadata = list(store.metadata)
        self._columns = [*_COLUMNS, *self._metadata]
        self._rows: dict[int, _Row] = {}  # by address

    def choose(
        self,
        ids: Sequence[str],
        nearest: Mapping[str, int],
        terms: Iterable[str] = (),
        analyzer: Analyzer | None = None,
    ) -> list[_Row]:
        """Return the row to show of each item: the nearest in meaning, or that with most terms.

        nearest: Id -> address of its row nearest to the query; of the others, and of audio, the
        row that holds most of the terms is chosen. analyzer: Makes the terms of a row; None where
        every item has a nearest row.
        """
        by_terms = self._store.addresses([id_ for id_ in ids if id_ not in nearest])
        near = np.array([nearest[id_] for id_ in ids if id_ in nearest], np.uint64)
        self._read(np.concatenate([near, by_terms]))
        best = {id_: self._rows[nearest[id_]] for id_ in ids if id_ in nearest}
        if analyzer is not None:
            # Of audio, the window in which the words are spoken counts more than the nearest.
            audio = [id_ for id_, row in best.items() if row["modality"] == "audio"]
            addresses = np.concatenate([by_terms, self._store.addresses(audio)])
            for row, shared in self._find_best(addresses, set(terms), analyzer):
                if shared or row["id"] not in best:
                    best[row["id"]] = row
        return [best[id_] for id_ in ids]

    def show(
        self,
        scores: Sequence[float],
        rows: Sequence[_Row],
        *,
        similarities: Mapping[str, float] | None = None,
        bm25: Mapping[str, float] | None = None,
    ) -> tuple[Hit, ...]:
        """Return hits, given a score and the chosen row of each; and, by id, of what it is made."""
        similarities, bm25 = similarities or {}, bm25 or {}
        return tuple(
            Hit(
                id=row["id"],
                score=float(score),
                modality=row["modality"],
                source=row["source"],
                text=row["text"],
                start=_to_offset(row, "start"),
                end=_to_offset(row, "end"),
                metadata={name: row[name] for name in self._metadata if row[name] is not None},
                similarity=similarities.get(row["id"]),
                bm25=bm25.get(row["id"]),
            )
            for score, row in zip(scores, rows, strict=True)
        )

    def _find_best(
        self, addresses: Addresses, terms: set[str], analyzer: Analyzer
    ) -> list[tuple[_Row, int]]:
        """Return of each item the row with most of the terms, and how many it holds."""
        best: dict[str, tuple[_Row, int]] = {}
        for row in self._read(addresses):
            shared = len(terms.intersection(analyzer.analyze(row["text"])))
            if row["id"] not in best or shared > best[row["id"]][1]:
                best[row["id"]] = row, shared
        return list(best.values())

    def _read(self, addresses: Addresses) -> list[_Row]:
        """Return the rows at some addresses; those read before are not read again."""
        wanted: list[int] = addresses.tolist()
        unread = list(dict.fromkeys(at for at in wanted if at not in self._rows))
        if unread:
            rows = self._store.rows(np.array(unread, np.uint64), self._columns)
            self._rows.update(zip(unread, rows, strict=True))
        return [self._rows[at] for at in wanted]


def _to_offset(row: Mapping[str, Any], name: str) -> int | float:
    """Return the position of a character; of audio, a time in seconds."""
    offset: int = row[name]
    return offset / PER_SECOND if row["modality"] == "audio" else offset
