"""Maintenance of a table: few files, few versions, columns that come and widen.

Each batch is a fragment, a file of its own. Once there are more than `MANY_SMALL`, they are merged
into one, which is then large enough never to be merged again: every row is rewritten once, and n
rows are in at most n / LARGE_ROWS + MANY_SMALL files. Every step is a commit of its own, so it can
be interrupted at any moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sememe.search.table.lance_table import LanceTable
from sememe.search.table.metadata_columns import Evolution
from sememe.search.table.rows import WIDENING_PREFIX

LARGE_ROWS = 131_072
MANY_SMALL = 64
FEW_SMALL = 8
KEEP_SECONDS = 1.0  # how long a reader may keep a version that was replaced; then it rereads
_READ_AHEAD = ("LANCE_DEFAULT_IO_BUFFER_SIZE", "16000000")  # bytes, of one scan


@contextmanager
def limit_read_ahead() -> Iterator[None]:
    """Keep Lance from reading 2 GB ahead, which only the environment can limit.

    Merging and indexing then take memory that does not grow with the table. A value that the user
    has set is kept.
    """
    name, size = _READ_AHEAD
    ours = name not in os.environ
    if ours:
        os.environ[name] = size
    try:
        yield
    finally:
        if ours:
            os.environ.pop(name, None)


def merge_small(table: LanceTable, *, more_than: int = MANY_SMALL) -> bool:
    """Merge small fragments if there are more than so many; return whether it did."""
    sizes = [fragment.metadata.physical_rows for fragment in table.dataset.get_fragments()]
    if sum(size < LARGE_ROWS for size in sizes) <= more_than:
        return False
    table.refresh()
    compact = table.dataset.optimize.compact_files
    compact(target_rows_per_fragment=LARGE_ROWS, num_threads=1, batch_size=1024)
    table.refresh()
    return True


def drop_old_versions(table: LanceTable, *, keep_seconds: float = KEEP_SECONDS) -> None:
    """Delete replaced versions, and the files of interrupted writers.

    Only the holder of the writer lock may call it. What the newest version needs is flushed to
    disk first, so that a power cut cannot take both the old files and the new.
    """
    table.sync_all()
    table.dataset.cleanup_old_versions(
        older_than=timedelta(seconds=max(keep_seconds, 1e-6)),
        delete_unverified=True,
        error_if_tagged_old_versions=False,
    )


def evolve(table: LanceTable, change: Evolution) -> None:
    """Add metadata columns and widen int64 columns to double."""
    import pyarrow as pa

    if change.new:
        type_of: Any = pa.type_for_alias
        fields = [pa.field(name, type_of(kind)) for name, kind in change.new.items()]
        table.dataset.add_columns(pa.schema(fields))
        table.refresh()
    for name in change.widen:
        _widen(table, name)


def finish_widening(table: LanceTable) -> None:
    """Complete what an interrupted `evolve` left half done."""
    for half in [n for n in table.dataset.schema.names if n.startswith(WIDENING_PREFIX)]:
        name = half.removeprefix(WIDENING_PREFIX)
        if name in table.dataset.schema.names:
            table.dataset.drop_columns([half])
        else:
            table.dataset.alter_columns({"path": half, "name": name})
        table.refresh()


def _widen(table: LanceTable, name: str) -> None:
    """Copy, drop, rename, in three commits: Lance cannot cast int64 to double."""
    half = WIDENING_PREFIX + name
    table.dataset.add_columns({half: f"cast(`{name}` as double)"})
    table.refresh()
    table.sync_all()
    table.dataset.drop_columns([name])
    table.refresh()
    finish_widening(table)
