"""Files of vectors, written batch by batch: .npy, .jsonl and .parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from sememe._errors import InvalidInputError, UnknownNameError

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
def vector_file(path: Path, dim: int) -> Iterator[VectorFile]:
    """Open a file for vectors by its ending; it is there whole at the end, or not at all.

    Raises:
        UnknownNameError: The ending is not .npy, .parquet or .jsonl.
        InvalidInputError: There is no such folder.
    """
    if path.suffix not in _KINDS:
        raise UnknownNameError.of("the output's ending", path.suffix, _KINDS)
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path.parent} is no folder; make it first, or write elsewhere.")
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


def json_line(item: Item, vector: FloatArray) -> str:
    """Return the line that stands for an item in a .jsonl file."""
    return json.dumps({"id": item.id, "vector": vector.tolist()}, ensure_ascii=False)


class _Npy:
    """NumPy's format: a header, then the rows. Its size does not depend on how many there are."""

    def __init__(self, path: Path, dim: int) -> None:
        self._file: BinaryIO = path.open("wb")
        self._dim = dim
        self._rows = 0
        self._head()

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        self._file.write(vectors.tobytes())
        self._rows += len(vectors)

    def close(self) -> None:
        self._file.seek(0)
        self._head()
        self._file.close()

    def _head(self) -> None:
        from numpy.lib import format as npy

        shape = (self._rows, self._dim)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)


class _JsonLines:
    """One JSON object a line: id and vector."""

    def __init__(self, path: Path, dim: int) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        self._file.writelines(
            json_line(item, vector) + "\n" for item, vector in zip(items, vectors, strict=True)
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
