"""Exact similarity of queries to every row of a vector column.

A similarity is an inner product, which for unit rows is the cosine. The column is kept in memory
fragment by fragment: a fragment's file never changes, so a new version costs only its new
fragments, and nothing is ever copied whole. The first search of a column keeps nothing: it scores
the vectors as they are streamed, which on a cold start is faster than filling the memory.

Of large fragments 8-bit codes are kept, too. A single query is first compared with those, and then
exactly with the rows that may be among the best by the error of the codes (`int8_codes`): the same
answer in a third of the time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._blas import one_thread
from sememe._types import FloatArray
from sememe.search.ranking.documents import Ranking, rank_documents, rank_estimated
from sememe.search.ranking.int8_codes import Int8Codes, Rotation
from sememe.search.ranking.integer_product import LARGE, IntegerProduct, measure
from sememe.search.table.lance_table import Addresses, LanceTable, is_at
from sememe.search.table.snapshot import Snapshot

BATCH_VALUES = 262_144  # 1 MB: stays in cache; larger batches are slower by page faults
READ_BUFFER = 4_000_000  # bytes read ahead
SCORES_AT_ONCE = 16_000_000  # 64 MB of float32
CODED_ROWS = 8192  # of a fragment, from which its codes are kept: 2 ms in float32
_MANY = 8192  # rows above which statistics are those of a sample ...
_SAMPLE = 2048  # ... which has the mean to 0.02 of a deviation, and the deviation to 1.6 %
Mask = NDArray[np.bool_]
_Located = tuple[slice | NDArray[np.int64], Mask | None]  # positions; rows still there, None: all


@dataclass(frozen=True, slots=True)
class VectorRanking(Ranking):
    """Documents ranked by similarity, and the statistics of the column.

    Attributes:
        mean: Mean similarity of the query to every row of the column, whatever `where` is; of more
            than 8192 rows, to 2048 of them at even distances.
        deviation: The standard deviation of those similarities.
        count: How many rows there are.
        usual: Mean and deviation of the similarities of unrelated texts, of an encoder for which
            they are known.
    """

    mean: float
    deviation: float
    count: int = 0
    usual: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """The vectors of one fragment: addresses (r,) ascending, matrix (r, dim), and their codes.

    `located` keeps the positions of its rows in the snapshot of one version.
    """

    addresses: Addresses
    matrix: FloatArray
    codes: Int8Codes | None = None
    located: dict[int, _Located] = field(default_factory=dict)

    def locate(self, snapshot: Snapshot) -> _Located:
        if snapshot.version not in self.located:
            self.located.clear()
            self.located[snapshot.version] = _locate(snapshot, self.addresses)
        return self.located[snapshot.version]


@dataclass(frozen=True, slots=True)
class _Scores:
    """Similarities of a query to the rows of a snapshot.

    values: (n,) float32, NaN for rows without a vector. error: From the exact ones, at most.
    """

    values: FloatArray
    error: float

    def restrict(self, rows: Mask) -> _Scores:
        return _Scores(np.where(rows, self.values, np.float32(np.nan)), self.error)


class VectorColumn:
    """One vector column of a table, scored exactly; snapshots are of the table's version."""

    def __init__(self, table: LanceTable, name: str, dim: int) -> None:
        self._table = table
        self._name = name
        self._dim = dim
        self._blocks: dict[int, _Block] = {}
        self._searches = 0
        self._lock = threading.Lock()
        self._rotation = Rotation(dim)
        self._multiply_integers = IntegerProduct()
        self._serve: bool | None = None  # whether codes do; None until that is measured

    @property
    def nbytes(self) -> int:
        """Memory that the kept vectors and codes take, in bytes."""
        coded = [block.codes.nbytes for block in self._blocks.values() if block.codes is not None]
        return sum(block.matrix.nbytes for block in self._blocks.values()) + sum(coded)

    def search(
        self, snapshot: Snapshot, queries: FloatArray, k: int, mask: Mask | None, *, keep: bool
    ) -> list[VectorRanking]:
        """Rank the documents for each of (m, dim) queries.

        mask: (n,) rows to rank, all of them where None. keep: Whether the vectors may stay in
        memory for later searches.
        """
        at_once = max(1, SCORES_AT_ONCE // max(1, len(snapshot)))
        rankings: list[VectorRanking] = []
        for start in range(0, len(queries), at_once):
            some = queries[start : start + at_once]
            scores = self._score(snapshot, some, keep)
            rankings += [
                self._rank(snapshot, query, own, k, mask)
                for query, own in zip(some, scores, strict=True)
            ]
        return rankings

    def search_groups(
        self,
        snapshot: Snapshot,
        query: FloatArray,
        k: int,
        mask: Mask | None,
        groups: Sequence[Mask],
        *,
        keep: bool,
    ) -> list[VectorRanking]:
        """Rank the documents of each group of rows by itself, scored once; see `search`.

        query: (dim,) float32. groups: (n,) rows each; a ranking's mean is that over its group.
        """
        (scores,) = self._score(snapshot, query[None], keep)
        inside = [scores.restrict(group) for group in groups]
        return [self._rank(snapshot, query, own, k, mask) for own in inside]

    def score_ids(self, snapshot: Snapshot, query: FloatArray, ids: Sequence[str]) -> FloatArray:
        """Return the best similarity among each id's rows, (len(ids),), NaN where it has none."""
        row = {id: i for i, id in enumerate(dict.fromkeys(ids))}
        best = np.full(len(row), -np.inf, dtype=np.float32)
        positions, which = snapshot.positions_of(list(row))
        addresses, vectors = self._fetch(snapshot.addresses[positions])
        owner = which[np.searchsorted(snapshot.addresses[positions], addresses)]
        np.maximum.at(best, owner, vectors @ query)
        best[np.isinf(best)] = np.nan
        return best[np.array([row[id] for id in ids], dtype=np.int64)]

    def _score(self, snapshot: Snapshot, queries: FloatArray, keep: bool) -> list[_Scores]:
        """Return the similarities of each query (m, dim) to the rows; of one alone, estimates."""
        out = np.full((len(queries), len(snapshot)), np.nan, dtype=np.float32)
        error = 0.0
        for block in self._blocks_of(keep):
            positions, alive = block.locate(snapshot)
            codes = block.codes
            if codes is None or len(queries) > 1 or not self._codes_serve(block, queries):
                products = _multiply(queries, block.matrix)  # (m, r)
            else:
                estimates, missed = codes.estimate(queries[0], self._multiply_integers)
                products, error = estimates[None], max(error, missed)
            out[:, positions] = products if alive is None else products[:, alive]
        return [_Scores(row, error) for row in out]

    def _codes_serve(self, block: _Block, query: FloatArray) -> bool:
        """Return whether codes answer sooner than float32, as the first large block tells.

        They may not where a CPU needs them in another order (AMX): ONNX Runtime then rearranges
        them for each query.
        """
        codes = block.codes
        if self._serve is None and codes is not None and codes.nbytes >= LARGE:
            quick = partial(codes.estimate, query[0], self._multiply_integers)
            quick()  # opens what it needs
            seconds = measure(quick, partial(_multiply, query, block.matrix))
            self._serve = seconds[0] < seconds[1]
        return self._serve is not False

    def _rank(
        self, snapshot: Snapshot, query: FloatArray, scores: _Scores, k: int, mask: Mask | None
    ) -> VectorRanking:
        values = scores.values
        present = ~np.isnan(values)
        positions = np.flatnonzero(present)
        count, some = len(positions), _sample(positions)
        compare = partial(self._compare, snapshot, query)
        # Exact ones in any case: the statistics must not depend on whether codes serve.
        known = compare(some) if scores.error and count else values[some]
        mean = float(known.mean(dtype=np.float64)) if count else 0.0
        deviation = float(known.std(dtype=np.float64)) if count else 0.0
        if mask is not None:
            positions = np.flatnonzero(present & mask)
        own = values if len(positions) == len(values) else values[positions]
        if scores.error:
            ranking = rank_estimated(snapshot, positions, own, scores.error, k, compare)
        else:
            ranking = rank_documents(snapshot, positions, own, k)
        return VectorRanking(ranking.ids, ranking.rows, ranking.scores, mean, deviation, count)

    def _compare(
        self, snapshot: Snapshot, query: FloatArray, positions: NDArray[np.int64]
    ) -> FloatArray:
        """Return the exact similarities (m,) of (dim,) `query` to rows at ascending positions."""
        addresses, vectors = self._fetch(snapshot.addresses[positions])
        products: FloatArray = _multiply(query[None], vectors)[0]
        return products[np.argsort(addresses)]

    def _blocks_of(self, keep: bool) -> Iterator[_Block]:
        with self._lock:
            live = {f.fragment_id: f for f in self._table.dataset.get_fragments()}
            self._searches += 1
            blocks = {i: block for i, block in self._blocks.items() if i in live}
            missing = [fragment for i, fragment in live.items() if i not in blocks]
            if keep and self._searches > 1:
                blocks |= {fragment.fragment_id: self._load(fragment) for fragment in missing}
                missing = []
            self._blocks = blocks
        yield from blocks.values()
        if missing:
            for addresses, matrix in stream_vectors(self._table, self._name, self._dim, missing):
                yield _Block(addresses, matrix)

    def _load(self, fragment: Any) -> _Block:
        rows, filled = fragment.count_rows(), 0
        addresses = np.empty(rows, dtype=np.uint64)
        matrix = np.empty((rows, self._dim), dtype=np.float32)
        coded = rows >= CODED_ROWS and self._serve is not False
        codes = Int8Codes(rows, self._rotation) if coded else None
        with one_thread():
            for some, vectors in stream_vectors(self._table, self._name, self._dim, [fragment]):
                stop = filled + len(some)
                addresses[filled:stop], matrix[filled:stop] = some, vectors
                if codes is not None:
                    codes.fill(filled, vectors)
                filled = stop
        if codes is not None:
            codes.trim(filled)
        return _Block(addresses[:filled], matrix[:filled], codes)

    def _fetch(self, wanted: Addresses) -> tuple[Addresses, FloatArray]:
        """Return the vectors at some addresses, from memory where kept, else from disk."""
        blocks = self._blocks
        fragments = (wanted >> np.uint64(32)).astype(np.int64)
        pieces = [(np.empty(0, np.uint64), np.empty((0, self._dim), np.float32))]
        for fragment in np.unique(fragments).tolist():
            block = blocks.get(fragment)
            if block is None or not len(block.addresses):
                continue
            some = wanted[fragments == fragment]
            at = np.minimum(np.searchsorted(block.addresses, some), len(block.addresses) - 1)
            there = block.addresses[at] == some
            pieces.append((some[there], block.matrix[at[there]]))
        rest = wanted[~np.isin(fragments, list(blocks))]
        if len(rest):
            pieces += stream_vectors(self._table, self._name, self._dim, where=is_at(rest))
        addresses, vectors = zip(*pieces, strict=True)
        return np.concatenate(addresses), np.concatenate(vectors)


def stream_vectors(
    table: LanceTable,
    column: str,
    dim: int,
    fragments: list[Any] | None = None,
    where: str | None = None,
) -> Iterator[tuple[Addresses, FloatArray]]:
    """Stream a vector column as (addresses (r,), matrix (r, dim)); rows without one are left out.

    fragments: Which ones, all where None. where: SQL the rows must pass, checked before.
    """
    scanner = table.dataset.scanner(
        columns=[column],
        filter=where,
        fragments=fragments,
        with_row_address=True,
        batch_size=max(1, BATCH_VALUES // dim),
        batch_readahead=1,
        io_buffer_size=READ_BUFFER,
    )
    for batch in scanner.to_batches():
        vectors = batch.column(column)
        addresses = batch.column("_rowaddr").to_numpy()
        if vectors.null_count:
            addresses = addresses[np.asarray(vectors.is_valid())]
        yield addresses, vectors.flatten().to_numpy().reshape(-1, dim)  # flatten drops the nulls


def _multiply(queries: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return (m, r) inner products; one query is bound by memory and needs one thread."""
    if len(queries) > 1:
        return queries @ matrix.T
    with one_thread():
        return queries @ matrix.T


def _sample(positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions at even distances where there are many, else all."""
    if len(positions) <= _MANY:
        return positions
    return positions[np.linspace(0, len(positions) - 1, _SAMPLE).astype(np.int64)]


def _locate(snapshot: Snapshot, addresses: Addresses) -> _Located:
    positions = snapshot.positions(addresses)
    alive = positions >= 0
    if not alive.all():
        return positions[alive], alive
    if len(positions) and positions[-1] - positions[0] == len(positions) - 1:
        return slice(int(positions[0]), int(positions[-1]) + 1), None  # both ascend
    return positions, None
