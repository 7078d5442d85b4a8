"""The weights of the Universal Sentence Encoder, in the format of its package.

One npz file, compressed: the embeddings of 128,010 pieces in 8 bits, in 17 blocks (piece i in row
i // 17 of block i % 17), each with a scale and an offset; everything else in float32. Inflating the
blocks would take most of the time of a first query, which needs about ten pieces, most of them
common ones, which come first: `embed_few` reads each block only as far as it must.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray

_READS = 8  # queries answered off the file, before the whole table is loaded


class UseWeights:
    """The network's arrays.

    Attributes:
        arrays: Everything but the embeddings, by name, float32.
    """

    def __init__(self, data: bytes, *, threads: int) -> None:
        self._data = data
        self._threads = threads
        self._reads = 0
        with self._open() as npz:
            self._blocks = sum(name.startswith("q") for name in npz.files)
            names = [name for name in npz.files if not name.startswith("q")]
        self.arrays: dict[str, FloatArray] = dict(zip(names, self._load(names), strict=True))

    @cached_property
    def table(self) -> NDArray[np.uint8]:
        """The embeddings, (pieces, 512), to be scaled; loaded when first needed."""
        blocks = self._load([f"q{i + 1}" for i in range(self._blocks)])
        table = np.empty((self._blocks * len(blocks[0]), blocks[0].shape[1]), np.uint8)
        for i, block in enumerate(blocks):
            table[i :: self._blocks] = block
        self._data = b""  # nothing is left to be read of it
        return table

    @property
    def eps(self) -> float:
        """Added to the variance by the layer norms."""
        return float(self.arrays["eps"])

    def embed(self, ids: NDArray[np.int64], out: FloatArray | None = None) -> FloatArray:
        """Return the embeddings of pieces: (n,) ids to (n, 512), in `out` where it is given."""
        return self._scale(ids, self.table[ids], out)

    def embed_few(self, ids: NDArray[np.int64]) -> FloatArray:
        """Return the same for a query; the first few queries do not wait for the table."""
        self._reads += 1
        if "table" in self.__dict__ or self._reads > _READS:
            return self.embed(ids)
        return self._scale(ids, self._read(ids))

    def _scale(
        self, ids: NDArray[np.int64], rows: NDArray[np.uint8], out: FloatArray | None = None
    ) -> FloatArray:
        block = ids % self._blocks
        out = np.multiply(rows, self.arrays["scale"][block, None], out=out)
        out += self.arrays["lo"][block, None]
        return out

    def _read(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read the rows of pieces off the compressed blocks, each up to its last row wanted."""
        blocks, rows = ids % self._blocks, ids // self._blocks
        with zipfile.ZipFile(io.BytesIO(self._data)) as archive:
            fronts = {
                block: _read_front(archive, f"q{block + 1}.npy", rows[blocks == block].max() + 1)
                for block in np.unique(blocks).tolist()
            }
        pairs = zip(blocks.tolist(), rows.tolist(), strict=True)
        return np.stack([fronts[block][row] for block, row in pairs])

    def _load(self, names: Sequence[str]) -> list[Any]:
        """Read arrays by name in parallel: decompression releases the GIL."""

        def read(mine: Sequence[str]) -> list[Any]:
            with self._open() as npz:
                return [npz[name] for name in mine]

        with ThreadPoolExecutor(self._threads) as pool:
            parts = list(pool.map(read, [names[i :: self._threads] for i in range(self._threads)]))
        arrays: list[Any] = [None] * len(names)
        for i, part in enumerate(parts):
            arrays[i :: self._threads] = part
        return arrays

    def _open(self) -> Any:
        return np.load(io.BytesIO(self._data), allow_pickle=False)


def _read_front(archive: zipfile.ZipFile, name: str, rows: int) -> NDArray[np.uint8]:
    """Return the first rows of a uint8 matrix in an npz file."""
    with archive.open(name) as file:
        np.lib.format.read_magic(file)
        (_, dim), _, _ = np.lib.format.read_array_header_1_0(file)
        return np.frombuffer(file.read(rows * dim), np.uint8).reshape(rows, dim)
