"""Files of vectors, written batch by batch: .npy, .jsonl and .parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from sememe.app.files.arguments import check_output_file

if TYPE_CHECKING:
    from sememe._types import FloatArray, Item


class VectorFile(Protocol):
    """Takes batches of items with their vectors, in order."""

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        """Append items and their vectors, (n, dim)."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


@contextmanager
def open_vector_file(path: Path, dim: int) -> Iterator[VectorFile]:
    """Open a file for vectors in the format of its ending; it is written whole or not at all.

    Raises:
        UnknownNameError: The ending is not .npy, .parquet or .jsonl.
        InvalidInputError: There is no such folder.
    """
    check_output_file(path, tuple(_KINDS))
    fresh = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        file = _KINDS[path.suffix](fresh, dim)
        try:
            yield file
        finally:
            file.close()
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise


def format_line(item: Item, vector: FloatArray) -> str:
    """Return the line of a .jsonl file for an item: its id and vector."""
    return json.dumps({"id": item.id, "vector": vector.tolist()}, ensure_ascii=False)


class _Npy:
    """NumPy's format: a header, whose size does not depend on the number of rows, then the rows."""

    def __init__(self, path: Path, dim: int) -> None:
        self._file: BinaryIO = path.open("wb")
        self._dim = dim
        self._rows = 0
        self._write_header()

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        self._file.write(vectors.tobytes())
        self._rows += len(vectors)

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        from numpy.lib import format as npy

        shape = (self._rows, self._dim)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)


class _JsonLines:
    """One JSON object per line: id and vector."""

    def __init__(self, path: Path, dim: int) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        self._file.writelines(
            format_line(item, vector) + "\n" for item, vector in zip(items, vectors, strict=True)
        )

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """Columns id, text and vector."""

    def __init__(self, path: Path, dim: int) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        vector = pa.list_(pa.float32(), dim)
        self._schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("vector", vector)])
        self._writer = parquet.ParquetWriter(path, self._schema)

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        import pyarrow as pa

        columns: list[Any] = [
            pa.array([item.id for item in items]),
            pa.array([item.content if item.modality == "text" else "" for item in items]),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


_KINDS: dict[str, Any] = {".npy": _Npy, ".parquet": _Parquet, ".jsonl": _JsonLines}
