"""Approximate search, for tables too large to compare a query with every row.

Lance's IVF_RQ: the vectors are split into cells by k-means, a query looks into the `probes` nearest
cells, compares short codes (RaBitQ, Gao and Long 2024, arXiv:2405.12497), and compares the best
`refine * k` of those exactly. Measured on 100,000 clustered vectors of 512 dimensions, 2 cores,
recall@10 at p50 per query: IVF_RQ 0.992 at 6 ms, IVF_HNSW_SQ 0.983 at 14 ms, IVF_PQ 0.981 at 8 ms
(and 30 times the build time), IVF_SQ 0.992 at 57 ms. What a query costs grows little with the
table, and at 500,000 rows it is what exact search costs, too: the limit is one of memory.

The recall of an index on its own data is measured when it is built, against exact search, and
written to `ann.json`; where that is missing or damaged, search is exact. Rows that came later are
found all the same: Lance compares them one by one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sememe._atomic import write_atomically
from sememe._types import FloatArray
from sememe.search.ranking.documents import Ranking, rank_documents
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.filters import find_rows
from sememe.search.ranking.recall import draw_sample
from sememe.search.table.corruption import translate_errors
from sememe.search.table.lance_table import LanceTable
from sememe.search.table.rows import VECTOR_PREFIX, vector_dims
from sememe.search.table.snapshot import make_snapshot

EXACT_LIMIT = 250_000  # rows: 640 MB of 512 dimensions
RECALL_WANTED = 0.95
FORMAT = 3
_CELL_ROWS = 4096
REFINE = 10  # rows compared exactly for each row wanted ...
REFINED_ROWS = 400  # ... and how many in all are enough: each is a read from disk
_PROBES = (8, 16, 32, 64, 128)
_STALE_FRACTION = 0.1  # of the rows may be uncovered before the index is extended


@dataclass(frozen=True, slots=True)
class Notes:
    """Measurements of an index.

    Attributes:
        probes: Cells to search.
        mean: (dim,) float32, the mean of the column.
        rows: (n, dim) float32, some hundred of its rows.
    """

    probes: int
    mean: FloatArray
    rows: FloatArray


def find_usable_notes(table: LanceTable, folder: Path, column: str, limit: int) -> Notes | None:
    """Return the notes of the index to be searched; None if the table is small or has none."""
    return _read_notes(table, folder, column) if table.dataset.count_rows() > limit else None


def refresh(table: LanceTable, folder: Path, column: str, limit: int) -> None:
    """Build the index once the table is larger than `limit`; extend it as rows are added."""
    rows = int(table.dataset.count_rows())
    if rows <= limit or table.dataset.count_rows(f"{column} IS NOT NULL") <= limit:
        return
    covered = _count_covered(table).get(column, 0)
    if 2 * covered < rows:
        build(table, folder, column)  # also where cells were drawn for less than half of the rows
    elif rows - covered > _STALE_FRACTION * rows:
        table.dataset.optimize.optimize_indices(index_names=[f"{column}_idx"])
        table.refresh()
        measure(table, folder, column)
    elif _read_notes(table, folder, column) is None:
        measure(table, folder, column)


def build(table: LanceTable, folder: Path, column: str) -> None:
    """Build the index over every row, whatever was there, and measure it."""
    cells = max(1, table.dataset.count_rows() // _CELL_ROWS)
    table.dataset.create_index(
        column, "IVF_RQ", name=f"{column}_idx", metric="dot", num_partitions=cells, replace=True
    )
    table.refresh()
    measure(table, folder, column)


def measure(table: LanceTable, folder: Path, column: str) -> None:
    """Find the fewest probes that reach `RECALL_WANTED`, and store their recall."""
    sample = draw_sample(table, column)
    entry: dict[str, Any] = {"kind": "IVF_RQ", "refine": REFINE, "queries": len(sample.queries)}
    for probes in _PROBES:
        nearest = [_find_nearest(table, column, query, 10, probes) for query in sample.queries]
        recall = sample.measure_recall([rows["_rowaddr"].to_numpy() for rows in nearest])
        entry |= {"probes": probes, "recall_at_10": round(recall, 4)}
        if recall >= RECALL_WANTED:
            break
    with write_atomically(folder / f"ann_{column}.npy") as file:
        np.save(file, np.vstack([sample.mean, sample.rows]), allow_pickle=False)
    document = {"format": FORMAT, "columns": _read_entries(folder) | {column: entry}}
    with write_atomically(folder / "ann.json") as file:
        file.write(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


def search(
    table: LanceTable, notes: Notes, column: str, queries: FloatArray, k: int, where: str | None
) -> list[VectorRanking]:
    """Rank documents approximately; scores are exact.

    The mean is over the rows that the index was measured with, the deviation over a sample of them.

    Raises:
        FilterError: If `where` cannot be run.
    """
    rankings, n = [], table.dataset.count_rows()
    for query in queries:
        own = _rank_documents(table, column, query, k, notes.probes, where)
        mean = float(notes.mean @ query)
        deviation = float((notes.rows @ query).std(dtype=np.float64))
        rankings.append(VectorRanking(own.ids, own.rows, own.scores, mean, deviation, n))
    return rankings


def find_faults(table: LanceTable, folder: Path) -> list[str]:
    """Return what is wrong with the indices: notes that cannot be read, or no answer."""
    faults = []
    for column in _count_covered(table):
        notes = _read_notes(table, folder, column)
        if notes is None:
            faults.append(f"ann.json or ann_{column}.npy cannot be read; search is exact without")
            continue
        with translate_errors(folder):
            probe = np.ones(len(notes.mean), np.float32)
            if not _find_nearest(table, column, probe, 1, notes.probes).num_rows:
                faults.append(f"the approximate index of {column} finds nothing")
    return faults


def report_indices(table: LanceTable, folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return, for each column that has an index, its parameters, recall and coverage."""
    rows, covered = table.dataset.count_rows(), _count_covered(table)
    return {
        column: entry | {"coverage": min(1.0, covered[column] / max(1, rows))}
        for column, entry in _read_entries(folder).items()
        if column in covered
    }


def _count_covered(table: LanceTable) -> dict[str, int]:
    """Return vector column -> rows its index covers, for those that have one."""
    return {
        index.name.removesuffix("_idx"): int(index.num_rows_indexed)
        for index in table.dataset.describe_indices()
        if index.name.startswith(VECTOR_PREFIX)
    }


def _rank_documents(
    table: LanceTable, column: str, query: FloatArray, k: int, probes: int, where: str | None
) -> Ranking:
    """Fetch rows until k documents are in."""
    fetch = 2 * k
    while True:
        hits = _find_nearest(table, column, query, fetch, probes, where, ["id", "part"])
        scores = 1.0 - hits["_distance"].to_numpy()  # Lance's dot distance
        rows = make_snapshot(table.version, hits)
        ranking = rank_documents(rows, np.arange(len(rows)), scores, k)
        if len(ranking.ids) == k or hits.num_rows < fetch:
            return ranking
        fetch *= 4


def _find_nearest(
    table: LanceTable,
    column: str,
    query: FloatArray,
    k: int,
    probes: int,
    where: str | None = None,
    columns: Sequence[str] = (),
) -> Any:
    refine = min(REFINE, max(2, REFINED_ROWS // k))
    depth = {"k": k, "minimum_nprobes": probes, "refine_factor": refine}
    nearest = {"column": column, "q": query, "metric": "dot", **depth}
    prefilter = where is not None
    try:
        return table.scan(
            [*columns, "_distance"], nearest=nearest, filter=where, prefilter=prefilter
        )
    except (ValueError, OSError, RuntimeError):
        if where is not None:
            find_rows(table.dataset, where)  # raises FilterError if the filter is to blame
        raise


def _read_entries(folder: Path) -> dict[str, Any]:
    try:
        stored = json.loads((folder / "ann.json").read_text(encoding="utf-8"))
        columns = dict(stored["columns"]) if stored["format"] == FORMAT else {}
        return {column: dict(entry) for column, entry in columns.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _read_notes(table: LanceTable, folder: Path, column: str) -> Notes | None:
    """Read the notes of a column's index; None where they are missing or damaged."""
    try:
        probes = int(_read_entries(folder)[column]["probes"])
        stored: FloatArray = np.load(folder / f"ann_{column}.npy", allow_pickle=False)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    dim = vector_dims(table.dataset.schema)[column]
    fits = probes > 0 and stored.dtype == np.float32 and stored.ndim == 2
    fits = fits and len(stored) > 1 and stored.shape[1] == dim and bool(np.isfinite(stored).all())
    return Notes(probes, stored[0], stored[1:]) if fits else None
