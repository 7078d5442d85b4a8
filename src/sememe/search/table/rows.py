"""Rows of the table, and their Arrow columns.

A row is one chunk of one item. After the columns that every index has there is one vector column
for each space (`vector_<8 hex>`, null where the row has no vector of that space) and one column for
each metadata name, typed by its first value.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import FloatArray, Metadata

if TYPE_CHECKING:
    import pyarrow as pa

CHECKSUM_BYTES = 8
VECTOR_PREFIX = "vector_"
WIDENING_PREFIX = "widening__"  # of a metadata column on its way from int64 to double
FIXED_COLUMNS = tuple("id part parts modality source text start end hash terms checksum".split())


@dataclass(frozen=True, slots=True)
class Row:
    """One chunk of one item.

    Attributes:
        id: The item it is a chunk of.
        part: Which chunk, from 0.
        parts: How many chunks the whole item has.
        modality: "text", "image" or "audio".
        source: Where the item came from.
        text: The chunk's text; of audio, what is spoken in it; of an image, what is seen in it; ""
            where there is none.
        start: First character of the chunk within the item.
        end: One past its last character.
        hash: Content hash of the whole item; equal on all its rows.
        vectors: Vector column -> (dim,) float32, finite.
        terms: Keyword terms joined by spaces, or None where another row of the item carries them.
        metadata: Values to filter by; None is left out.
    """

    id: str
    part: int
    parts: int
    modality: str
    source: str
    text: str
    start: int
    end: int
    hash: str
    vectors: Mapping[str, FloatArray]
    terms: str | None = None
    metadata: Metadata = field(default_factory=dict)


def base_schema(dims: Mapping[str, int]) -> pa.Schema:
    """Return the Arrow schema of a new table; `dims` maps vector columns to their width."""
    import pyarrow as pa

    for name, dim in dims.items():
        if not name.startswith(VECTOR_PREFIX) or dim < 1:
            raise InvalidInputError(
                f"dims[{name!r}]={dim} is not a vector column. Give names that begin with "
                f"{VECTOR_PREFIX!r} and widths of at least 1."
            )
    types = {
        "part": pa.int32(),
        "parts": pa.int32(),
        "text": pa.large_string(),
        "start": pa.int64(),
        "end": pa.int64(),
        "terms": pa.large_string(),
        "checksum": pa.binary(CHECKSUM_BYTES),
    }
    fixed = [pa.field(n, types.get(n, pa.string()), n == "terms") for n in FIXED_COLUMNS]
    vectors = [pa.field(name, pa.list_(pa.float32(), dim)) for name, dim in dims.items()]
    return pa.schema(fixed + vectors)


def vector_dims(schema: pa.Schema) -> dict[str, int]:
    """Return the vector columns of a table and their widths."""
    return {
        f.name: f.type.list_size
        for f in schema
        if f.name.startswith(VECTOR_PREFIX) and hasattr(f.type, "list_size")
    }


def to_table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Turn rows into a table of `schema`; columns that a row has no value for are null.

    Raises:
        InvalidInputError: If a vector has the wrong column or width, or holds NaN, a part is out of
            range, or a text cannot be UTF-8.
    """
    import pyarrow as pa

    dims = vector_dims(schema)
    keys: set[tuple[str, int]] = set()
    for row in rows:
        _check_row(row, dims)
        if (row.id, row.part) in keys:
            raise InvalidInputError(f"id={row.id!r} part={row.part} occurs twice in one batch.")
        keys.add((row.id, row.part))
    columns: dict[str, Any] = {
        name: [getattr(row, name) for row in rows] for name in FIXED_COLUMNS if name != "checksum"
    }
    metadata = map_metadata_columns(schema.names)
    for name, dim in dims.items():
        columns[name] = _make_vectors(rows, name, dim)
    for name, column in metadata.items():
        columns[column] = [row.metadata.get(name) for row in rows]
    absent = [None] * len(rows)
    arrays = {
        f.name: _make_array(columns.get(f.name, absent), f.type, f.name)
        for f in schema
        if f.name != "checksum"
    }
    sums = [_sum_row(row, metadata, sorted(dims)) for row in rows]
    arrays["checksum"] = pa.array(sums, pa.binary(CHECKSUM_BYTES))
    return pa.Table.from_arrays([arrays[name] for name in schema.names], schema=schema)


def _sum_row(row: Row, names: Iterable[str], columns: Sequence[str]) -> bytes:
    metadata = {name: row.metadata.get(name) for name in names}
    vectors = [(name, row.vectors[name].tobytes()) for name in columns if name in row.vectors]
    return compute_checksum(row, metadata, vectors)


def compute_checksum(
    row: Any, metadata: Mapping[str, Any], vectors: Sequence[tuple[str, bytes]]
) -> bytes:
    """Return the 8-byte checksum (BLAKE2b) over all columns of a row, whose texts may be UTF-8.

    Metadata that is None counts as absent, so a column added later changes no checksum; and a whole
    number counts as the float it would become, so a column that is widened does not either.

    vectors: (column, float32 bytes) of the vectors the row has, sorted by column.
    """
    digest = blake2b(digest_size=CHECKSUM_BYTES)
    for text in (row.id, row.modality, row.source, row.text, row.hash, row.terms):
        _add(digest, b"0" if text is None else b"s", b"" if text is None else _utf8(text))
    numbers = (row.part, row.parts, row.start, row.end)
    digest.update(struct.pack("<qqqq", *(-1 if n is None else n for n in numbers)))
    for name, value in sorted(metadata.items()):
        if value is None:
            continue
        _add(digest, b"n", name.encode())
        if isinstance(value, str | bytes):
            _add(digest, b"s", _utf8(value))
        else:
            _add(digest, b"b" if isinstance(value, bool) else b"f", struct.pack("<d", value))
    for name, data in vectors:
        _add(digest, b"v", name.encode())
        _add(digest, b"d", data)
    return digest.digest()


def _add(digest: Any, kind: bytes, data: bytes) -> None:
    digest.update(kind + struct.pack("<q", len(data)))
    digest.update(data)


def _utf8(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def map_metadata_columns(names: Sequence[str]) -> dict[str, str]:
    """Return metadata name -> the column that holds it, given a table's columns.

    The two differ while a column is being widened, which may have been interrupted.
    """
    columns = {
        name.removeprefix(WIDENING_PREFIX): name
        for name in names
        if name not in FIXED_COLUMNS and not name.startswith(VECTOR_PREFIX)
    }
    return {name: name if name in names else column for name, column in columns.items()}


def recompute_checksums(batch: pa.RecordBatch) -> list[bytes]:
    """Recompute the checksum of every row of a batch that holds all of a table's columns."""
    vectors = [
        (name, _vector_bytes(batch.column(name), dim))
        for name, dim in sorted(vector_dims(batch.schema).items())
    ]
    metadata = {
        name: _read_values(batch.column(column))
        for name, column in map_metadata_columns(batch.schema.names).items()
    }
    fixed = {n: _read_values(batch.column(n)) for n in FIXED_COLUMNS if n != "checksum"}
    sums = []
    for i in range(batch.num_rows):
        has = [(name, data) for name, column in vectors if (data := column[i]) is not None]
        own = {name: column[i] for name, column in metadata.items()}
        row = SimpleNamespace(**{name: column[i] for name, column in fixed.items()})
        sums.append(compute_checksum(row, own, has))
    return sums


def _read_values(column: Any) -> list[Any]:
    """Return a column's values, texts as bytes: damage may have left invalid UTF-8."""
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    return list(column.to_pylist())


def _vector_bytes(column: Any, dim: int) -> list[bytes | None]:
    filled = iter(column.flatten().to_numpy().reshape(-1, dim))  # flatten drops the nulls
    return [next(filled).tobytes() if ok else None for ok in column.is_valid().to_pylist()]


def _check_row(row: Row, dims: Mapping[str, int]) -> None:
    if not 0 <= row.part < row.parts:
        raise InvalidInputError(
            f"id={row.id!r}: part={row.part} of parts={row.parts}; parts count from 0."
        )
    for name, vector in row.vectors.items():
        if name not in dims:
            allowed = ", ".join(dims) or "none"
            raise InvalidInputError(f"{name!r} is not a vector column of this index: {allowed}.")
        if vector.dtype != np.float32 or vector.shape != (dims[name],):
            raise InvalidInputError(
                f"id={row.id!r}: {name} got {vector.dtype} of shape {vector.shape}; "
                f"it holds float32 of shape ({dims[name]},)."
            )
        if not np.isfinite(vector).all():
            raise InvalidInputError(
                f"id={row.id!r}: {name} holds NaN or infinity. Leave the vector out, "
                "or find out why the encoder returned it."
            )


def _make_vectors(rows: Sequence[Row], name: str, dim: int) -> pa.Array[Any]:
    import pyarrow as pa

    matrix = np.zeros((len(rows), dim), dtype=np.float32)
    absent = np.ones(len(rows), dtype=bool)
    for i, row in enumerate(rows):
        if name in row.vectors:
            matrix[i] = row.vectors[name]
            absent[i] = False
    flat = pa.array(matrix.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, dim, mask=pa.array(absent))


def _make_array(values: Any, kind: pa.DataType, name: str) -> pa.Array[Any]:
    import pyarrow as pa

    if isinstance(values, pa.Array):
        return values
    try:
        return pa.array(values, type=kind)
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"Column {name!r} got text with a lone surrogate ({error.reason}), which no file can "
            "hold as UTF-8. Replace it first: text.encode('utf-8', 'replace').decode()."
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise InvalidInputError(f"Column {name!r} holds {kind}; got {error}.") from None
