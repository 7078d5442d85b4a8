"""Word counts as Arrow columns: summed in memory, and spilled to disk if there are too many.

`Spill` distributes words over 64 files by the sum of their bytes, so that equal words are in the
same file and each file can be summed alone, in a sixty-fourth of the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILES = 64
ROWS = 50_000  # rows collected before they are summed

Counts = tuple[Any, Any]  # Arrow arrays of equal length: words (binary), how often each (int64)


def add_up(rows: Sequence[Counts]) -> Counts:
    """Return each word once with the sum of its counts; takes at least one pair of arrays."""
    import pyarrow as pa

    columns: list[Any] = [pa.chunked_array(list(column)) for column in zip(*rows, strict=True)]
    table = pa.table(columns, names=["word", "n"])
    table = table.group_by("word", use_threads=False).aggregate([("n", "sum")])
    return table["word"].combine_chunks(), table["n_sum"].combine_chunks()


class Spill:
    """Counts on disk, in a folder that the caller deletes; `add` is thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Write nothing until something is added."""
        self._folder = folder
        self._writers: list[Any] = []
        self._files: list[Any] = []
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._writers)

    def add(self, counts: Counts) -> None:
        """Write counts of non-empty words; a word may be added repeatedly."""
        import numpy as np
        import pyarrow as pa

        words, numbers = counts
        if not len(words):
            return
        number = _assign_files(words)
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(FILES + 1))
        batch = pa.record_batch([words, numbers], names=["word", "n"]).take(order)
        with self._lock:
            if not self._writers:
                self._open(batch.schema)
            for i, writer in enumerate(self._writers):
                writer.write_batch(batch.slice(bounds[i], bounds[i + 1] - bounds[i]))

    def read(self) -> Iterator[Counts]:
        """Close the files and yield their counts in turn, each word once."""
        import pyarrow as pa

        for file in (*self._writers, *self._files):
            file.close()
        for number in range(FILES):
            rows: list[Counts] = []
            waiting = 0
            path = str(self._path(number))
            with pa.OSFile(path, "rb") as file, pa.ipc.open_stream(file) as batches:
                for batch in batches:
                    rows.append((batch.column(0), batch.column(1)))
                    waiting += len(batch)
                    if waiting > ROWS:
                        rows, waiting = [add_up(rows)], 0
            yield add_up(rows)

    def _open(self, schema: Any) -> None:
        import pyarrow as pa

        self._files = [pa.OSFile(str(self._path(i)), "wb") for i in range(FILES)]
        self._writers = [pa.ipc.new_stream(file, schema) for file in self._files]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.arrows"


def _assign_files(words: Any) -> NDArray[np.int64]:
    """Return (n,) the file number of each word: the sum of its bytes, which is vectorised."""
    import numpy as np

    _, offsets, data = words.buffers()
    bounds = np.frombuffer(offsets, np.int32)[words.offset : words.offset + len(words) + 1]
    sums = np.add.reduceat(np.frombuffer(data, np.uint8), bounds[:-1], dtype=np.int64)
    return sums % FILES
