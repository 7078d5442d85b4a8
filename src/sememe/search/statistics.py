"""Figures of a store: its rows and its files on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe.search.ranking import approximate, keyword
from sememe.search.table.lance_table import LanceTable


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """Figures of a store.

    Attributes:
        rows: Rows (chunks).
        items: Distinct ids.
        modalities: Modality -> rows.
        bytes: Size of the folder on disk.
        version: Newest table version.
        versions: Versions still readable.
        fragments: Files of rows.
        deleted_rows: Removed rows that still take space.
        keyword_coverage: Fraction of the rows that the keyword index covers.
        ann: Vector column -> report of its approximate index: parameters, measured recall@10,
            fraction of the rows it covers.
    """

    rows: int
    items: int
    modalities: dict[str, int]
    bytes: int
    version: int
    versions: int
    fragments: int
    deleted_rows: int
    keyword_coverage: float
    ann: Mapping[str, Mapping[str, Any]]


def read_statistics(table: LanceTable, folder: Path) -> StoreStatistics:
    """Read the figures; scans two narrow columns of every row."""
    import pyarrow.compute as pc

    scanned = table.scan(["id", "modality"])
    counts: Any = pc.value_counts(scanned["modality"])
    fragments = table.dataset.get_fragments()
    return StoreStatistics(
        rows=scanned.num_rows,
        items=pc.count_distinct(scanned["id"]).as_py(),
        modalities=dict(sorted((one["values"], one["counts"]) for one in counts.to_pylist())),
        bytes=sum(_file_size(file) for file in folder.rglob("*")),
        version=table.version,
        versions=sum(1 for _ in (table.path / "_versions").glob("*.manifest")),
        fragments=len(fragments),
        deleted_rows=sum(f.num_deletions for f in fragments),
        keyword_coverage=keyword.keyword_coverage(table),
        ann=approximate.report_indices(table, folder),
    )


def _file_size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:  # a writer is tidying up
        return 0
