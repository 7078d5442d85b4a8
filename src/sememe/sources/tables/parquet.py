"""Parquet: one item per row, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sememe._errors import CorruptFileError
from sememe._types import Item, Skipped
from sememe.sources.files import SourceFile
from sememe.sources.open_file import open_seekable, reason
from sememe.sources.tables.column_names import ID_NAMES, find_name
from sememe.sources.tables.id_set import IdSet
from sememe.sources.tables.records import NO_IDS, Records

BATCH_ROWS = 512


def read(file: SourceFile) -> Iterator[Item | Skipped]:
    """Read the rows of a file; see `Records` for the columns. Nested columns are left out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number, records = 0, Records(file.source)
    with open_seekable(file.path) as stream:
        try:
            table = pq.ParquetFile(stream)
            names = [column.name for column in table.schema_arrow if _is_flat(column.type)]
            has_ids = _has_ids(table, names)
            records = Records(file.source, has_ids=has_ids)
            batches = table.iter_batches(BATCH_ROWS, columns=names)
            while (batch := next(batches, None)) is not None:
                for row in _rows(batch):
                    number += 1
                    yield records.read(row, number, f"row {number}")
        except (pa.ArrowException, OSError, ValueError) as error:
            if number == 0:
                message = f"truncated or broken Parquet file ({reason(error)})"
                raise CorruptFileError(message) from None
            yield Skipped(file.source, f"rows after {number} are unreadable ({reason(error)})")
    if number == 0:
        yield Skipped(file.source, "empty: it holds no rows")
    elif not has_ids:
        yield Skipped(file.source, NO_IDS)
    yield from records.notes()


def _has_ids(table: Any, names: list[str]) -> bool:
    """Return whether the column `id`, if there is one, identifies the rows."""
    id_name, ids = find_name(names, ID_NAMES), IdSet()
    if id_name is not None:
        for batch in table.iter_batches(BATCH_ROWS, columns=[id_name]):
            for value in _values(batch.column(id_name)):
                ids.add(str(value))
    return ids.has_distinct_ids()


def _rows(batch: Any) -> list[dict[str, Any]]:
    """Return the rows of an Arrow batch; strings that are not UTF-8 are decoded like other text."""
    columns = {name: _values(batch.column(name)) for name in batch.schema.names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: Any) -> list[Any]:
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        import pyarrow as pa

        from sememe.sources.encoding import decode

        raw = column.cast(pa.large_binary()).to_pylist()
        return [None if value is None else decode(value).text for value in raw]


def _is_flat(column: Any) -> bool:
    """Return whether `Records` can use a column: scalars, and lists of strings as text."""
    from pyarrow import types

    if types.is_list(column) or types.is_large_list(column):
        return types.is_string(column.value_type) or types.is_large_string(column.value_type)
    if types.is_dictionary(column):
        return _is_flat(column.value_type)
    return not (types.is_nested(column) or types.is_binary(column) or types.is_null(column))
