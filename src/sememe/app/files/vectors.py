"""Files of vectors, written batch by batch: .npy, .jsonl and .parquet."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sememe._atomic import write_atomically
from sememe.app.files.arguments import check_output_file

if TYPE_CHECKING:
    from sememe._types import FloatArray, Item


class VectorFile(ABC):
    """Takes batches of items with their vectors, in order, and counts the `rows`."""

    def __init__(self, file: IO[bytes], dim: int) -> None:
        self._file = file
        self._dim = dim
        self.rows = 0

    def write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        """Append items and their vectors, (n, dim)."""
        self._write(items, vectors)
        self.rows += len(items)

    @abstractmethod
    def _write(self, items: Sequence[Item], vectors: FloatArray) -> None: ...

    def close(self) -> None:  # noqa: B027, nothing follows the lines of .jsonl
        """Write what follows the rows."""


@contextmanager
def open_vector_file(path: Path, dim: int) -> Iterator[VectorFile]:
    """Open a file for vectors in the format of its ending; it is written whole or not at all."""
    check_output_file(path, tuple(_KINDS))
    with write_atomically(path) as file, closing(_KINDS[path.suffix](file, dim)) as vectors:
        yield vectors


def format_line(item: Item, vector: FloatArray) -> str:
    """Return the line of a .jsonl file for an item: its id and vector."""
    return json.dumps({"id": item.id, "vector": vector.tolist()}, ensure_ascii=False)


class _Npy(VectorFile):
    """NumPy's format: a header, whose size does not depend on the number of rows, then the rows."""

    def __init__(self, file: IO[bytes], dim: int) -> None:
        super().__init__(file, dim)
        self.close()  # a header to be replaced

    def _write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        self._file.write(vectors.tobytes())

    def close(self) -> None:
        from numpy.lib import format as npy

        shape = (self.rows, self._dim)
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)


class _JsonLines(VectorFile):
    """One JSON object per line: id and vector."""

    def _write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        lines = map(format_line, items, vectors)
        self._file.writelines(f"{line}\n".encode() for line in lines)


class _Parquet(VectorFile):
    """Columns id, text and vector."""

    def __init__(self, file: IO[bytes], dim: int) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        super().__init__(file, dim)
        vector = pa.list_(pa.float32(), dim)
        self._schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("vector", vector)])
        self._writer = parquet.ParquetWriter(file, self._schema)

    def _write(self, items: Sequence[Item], vectors: FloatArray) -> None:
        import pyarrow as pa

        columns: list[Any] = [
            pa.array([item.id for item in items]),
            pa.array([item.content if item.modality == "text" else "" for item in items]),
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), self._dim),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


_KINDS: dict[str, type[VectorFile]] = {".npy": _Npy, ".parquet": _Parquet, ".jsonl": _JsonLines}
