"""Search of one table, with what is kept in memory between searches of one version."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.search.ranking import approximate, keyword
from sememe.search.ranking.exact import VectorColumn, VectorRanking
from sememe.search.ranking.filters import find_rows, names_chunk_columns
from sememe.search.ranking.keyword import Operator, TermRanking
from sememe.search.table.lance_table import LanceTable
from sememe.search.table.rows import vector_dims
from sememe.search.table.snapshot import Snapshot, read_snapshot

_MASKS_KEPT = 8


class Reader:
    """Runs searches; `Store` documents each.

    Keeps the snapshot of one version, the vectors of the columns searched, the rows that passed the
    last few filters, and which terms occur. Each call is given the table at the version to search.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self._columns: dict[str, VectorColumn] = {}
        self._vocabulary = keyword.Vocabulary()
        self._masks: OrderedDict[tuple[int, str], NDArray[np.bool_]] = OrderedDict()

    def search_vectors(
        self,
        table: LanceTable,
        column: str,
        queries: FloatArray,
        k: int,
        where: str | None,
        *,
        exact_limit: int,
    ) -> list[VectorRanking]:
        """Rank documents by similarity, exactly up to `exact_limit` rows."""
        vectors = self._column(table, column, queries, k)
        notes = approximate.find_usable_notes(table, self._folder, column, exact_limit)
        if notes is not None:
            return approximate.search(table, notes, column, queries, k, where)
        snapshot = self.snapshot(table)
        mask = None if where is None else self._mask(table, where)
        keep = len(snapshot) <= exact_limit
        return vectors.search(table, snapshot, queries, k, mask, keep=keep)

    def search_groups(
        self,
        table: LanceTable,
        column: str,
        query: FloatArray,
        k: int,
        where: str | None,
        groups: Sequence[str],
        *,
        exact_limit: int,
    ) -> list[VectorRanking]:
        """Rank the documents of each group of rows by itself; `groups` is SQL."""
        vectors = self._column(table, column, query[None], k)
        notes = approximate.find_usable_notes(table, self._folder, column, exact_limit)
        if notes is not None:
            narrowed = [f"({where}) AND ({group})" if where else group for group in groups]
            return [
                approximate.search(table, notes, column, query[None], k, one)[0] for one in narrowed
            ]
        snapshot = self.snapshot(table)
        mask = None if where is None else self._mask(table, where)
        inside = [self._mask(table, group) for group in groups]
        keep = len(snapshot) <= exact_limit
        return vectors.search_groups(table, snapshot, query, k, mask, inside, keep=keep)

    def score_ids(
        self, table: LanceTable, column: str, query: FloatArray, ids: Sequence[str]
    ) -> FloatArray:
        """Return the exact best similarity of each id; NaN where it has no vector."""
        vectors = self._column(table, column, query[None], 1)
        return vectors.score_ids(table, self.snapshot(table), query, list(ids))

    def search_terms(
        self,
        table: LanceTable,
        terms: Sequence[str] | Mapping[str, float],
        k: int,
        *,
        extra: Mapping[str, float] | None,
        where: str | None,
        operator: Operator,
    ) -> TermRanking:
        """Rank documents by BM25."""
        _check_k(k)
        snapshot, documents = self.snapshot(table), None
        if where is not None:
            mask = self._mask(table, where)  # raises FilterError before the engine sees it
            if names_chunk_columns(where):  # terms are on some rows, others may be what passes
                documents = np.zeros(len(snapshot.ids), dtype=bool)
                documents[snapshot.documents[mask]] = True
        return keyword.search_terms(
            table,
            snapshot,
            self._vocabulary,
            terms,
            k,
            extra=extra,
            where=where if documents is None else None,
            documents=documents,
            operator=operator,
        )

    def snapshot(self, table: LanceTable) -> Snapshot:
        """Return the rows of the table's version, read once for each version."""
        with self._lock:
            if self._snapshot is None or self._snapshot.version != table.version:
                self._snapshot = read_snapshot(table)
            return self._snapshot

    def _mask(self, table: LanceTable, where: str) -> NDArray[np.bool_]:
        """Return (n,) rows that pass the filter."""
        snapshot = self.snapshot(table)
        key = (snapshot.version, where)
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        positions = snapshot.positions(find_rows(table.dataset, where))
        mask = np.zeros(len(snapshot), dtype=bool)
        mask[positions[positions >= 0]] = True
        with self._lock:
            self._masks[key] = mask
            while len(self._masks) > _MASKS_KEPT:
                self._masks.popitem(last=False)
        return mask

    def _column(self, table: LanceTable, name: str, queries: FloatArray, k: int) -> VectorColumn:
        _check_k(k)
        dims = vector_dims(table.dataset.schema)
        if name not in dims:
            raise InvalidInputError(
                f"column={name!r} is not a vector column of this index: {', '.join(dims)}."
            )
        if queries.ndim != 2 or queries.shape[1] != dims[name]:
            raise InvalidInputError(
                f"queries of shape {queries.shape}; {name} needs (m, {dims[name]})."
            )
        with self._lock:
            return self._columns.setdefault(name, VectorColumn(name, dims[name]))


def _check_k(k: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidInputError(f"k={k!r}; it must be a whole number of at least 1.")
