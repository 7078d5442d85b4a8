"""Keys and the row of each: in a dict, or in memory-mapped arrays that are not read to be opened.

`MappedKeys` holds the keys as one UTF-8 blob with offsets, and the sorted 64-bit hashes of all keys
with the row of each: a lookup is a binary search over the hashes, and the key of that row is
compared with the one asked for.
"""

from __future__ import annotations

import difflib
import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError

_SEED, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
_SUGGESTED = 50_000  # keys compared for suggestions: the most frequent
_RUN = 262_144  # keys hashed or decoded at once


class Keys(Sequence[str]):
    """A fixed sequence of distinct str with a fast lookup of their rows."""

    def find(self, key: object) -> int:
        """Return the row of a key, -1 if there is none."""
        raise NotImplementedError

    def __contains__(self, key: object) -> bool:
        return self.find(key) >= 0

    def close_to(self, key: str, n: int = 3) -> list[str]:
        """Return up to n keys spelled like `key`: other Unicode forms and cases of it first.

        >>> ListKeys(["king", "queen", "ring"]).close_to("King")
        ['king']
        >>> ListKeys(["king", "queen"]).close_to("quen")
        ['queen']
        """
        nfc, nfd = (unicodedata.normalize(form, key) for form in ("NFC", "NFD"))
        cases = (nfc, nfd, nfc.lower(), key.casefold(), key.upper(), key.capitalize())
        known = [case for case in dict.fromkeys(cases) if case != key and case in self]
        if known or len(key) > 40:
            return known[:n]
        sizes, ends = range(len(key) - 1, len(key) + 2), (key[:1], key[:1].lower())
        near = [
            other
            for other in self[:_SUGGESTED]
            if len(other) in sizes and (other[:1] in ends or other[-1:] == key[-1:])
        ]
        close = difflib.get_close_matches(key, near, n=n, cutoff=0.7)
        return close or difflib.get_close_matches(key.lower(), near, n=n, cutoff=0.7)


class ListKeys(Keys):
    """Keys in memory."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys in order; InvalidInputError unless all are str and distinct."""
        if isinstance(keys, str):
            raise InvalidInputError(f"keys={keys!r} is one str; give a list of keys: [{keys!r}].")
        self._list = list(keys.tolist() if hasattr(keys, "tolist") else keys)  # str, not np.str_
        if not all(map(str.__instancecheck__, self._list)):
            row = next(i for i, key in enumerate(self._list) if not isinstance(key, str))
            raise InvalidInputError(f"key {self._list[row]!r} in row {row} is no str; write str().")
        self._rows = {key: row for row, key in enumerate(self._list)}
        if len(self._rows) < len(self._list) and (repeat := find_repeat(self._list)):
            raise InvalidInputError(
                f"key {self._list[repeat[0]]!r} comes twice, in rows {repeat[0]} and {repeat[1]}; "
                "keys are distinct. Leave one out."
            )

    def find(self, key: object) -> int:
        """Return the row of a key, -1 if there is none."""
        return self._rows.get(key, -1) if isinstance(key, str) else -1

    def __len__(self) -> int:
        return len(self._list)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: Any) -> Any:
        return self._list[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._list)


def find_repeat(keys: Sequence[str]) -> tuple[int, int] | None:
    """Return the rows of the first key that occurs twice, None if all keys are distinct."""
    if len(set(keys)) == len(keys):  # much faster than the loop
        return None
    rows: dict[str, int] = {}
    for row, key in enumerate(keys):
        if (first := rows.setdefault(key, row)) != row:
            return first, row
    return None


@dataclass(frozen=True, eq=False, repr=False)
class MappedKeys(Keys):
    """Keys in arrays that may be memory-mapped.

    Attributes:
        blob: (bytes,) uint8, the concatenated UTF-8 of the keys.
        offsets: (n + 1,) int64, where each key begins.
        hashes: (n,) uint64, ascending.
        rows: (n,) int32, the row of each hash.
    """

    blob: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    rows: NDArray[np.int32]

    def find(self, key: object) -> int:
        """Return the row of a key, -1 if there is none."""
        if not isinstance(key, str):
            return -1
        data = key.encode("utf-8", "surrogatepass")
        wanted = self.hashes.dtype.type(hash64(data))
        at = int(self.hashes.searchsorted(wanted))
        while at < len(self.hashes) and self.hashes[at] == wanted:
            row = int(self.rows[at])
            if self._bytes(row) == data:
                return row
            at += 1
        return -1

    def _bytes(self, row: int) -> bytes:
        return self.blob[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            rows = range(len(self))[at]
            return self._run(rows.start, rows.stop) if rows.step == 1 else [self[i] for i in rows]
        row = range(len(self))[at]
        return self._bytes(row).decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _RUN):
            yield from self._run(start, min(start + _RUN, len(self)))

    def _run(self, start: int, end: int) -> list[str]:
        """Return the keys of a run of rows."""
        offsets = self.offsets[start : end + 1]
        if not len(offsets):
            return []
        data = self.blob[offsets[0] : offsets[-1]].tobytes()
        pairs = itertools.pairwise((offsets - offsets[0]).tolist())
        if data.isascii():
            text = data.decode("ascii")
            return [text[a:b] for a, b in pairs]
        return [data[a:b].decode("utf-8", "surrogatepass") for a, b in pairs]


def hash64(data: bytes) -> int:
    """Return the FNV-1a hash of 64 bits.

    >>> hex(hash64(b"a"))
    '0xaf63dc4c8601ec8c'
    """
    value = _SEED
    for byte in data:
        value = (value ^ byte) * _PRIME & _MASK
    return value


def make_mapped_arrays(keys: Sequence[str]) -> dict[str, Any]:
    """Return the four arrays that `MappedKeys` reads."""
    data = [key.encode("utf-8", "surrogatepass") for key in keys]
    offsets = np.zeros(len(data) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, data), np.int64, len(data)), out=offsets[1:])
    blob = np.frombuffer(b"".join(data), np.uint8)
    starts = range(0, len(data), _RUN)
    runs = [_hash_keys(blob, offsets[start : start + _RUN + 1]) for start in starts]
    hashes = np.concatenate(runs) if runs else np.empty(0, np.uint64)
    order = np.argsort(hashes, kind="stable")
    rows = order.astype(np.int32)
    return {"blob": blob, "offsets": offsets, "hashes": hashes[order], "rows": rows}


def _hash_keys(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return hash64 of each key of a run: one pass per byte of the longest key."""
    starts, sizes = offsets[:-1], np.diff(offsets)
    hashes = np.full(len(starts), _SEED, np.uint64)
    order = np.argsort(-sizes, kind="stable")  # longest first: a prefix of them has a byte i
    starts, sizes = starts[order], sizes[order]
    for i in range(int(sizes[0]) if len(sizes) else 0):
        n = int(np.searchsorted(-sizes, -i, side="left"))  # keys longer than i bytes
        head = hashes[:n]
        head ^= blob[starts[:n] + i]
        head *= np.uint64(_PRIME)
    back = np.empty_like(hashes)
    back[order] = hashes
    return back
