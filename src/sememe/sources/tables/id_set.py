"""A compact set of the ids of a file."""

from __future__ import annotations

from array import array
from hashlib import blake2b

MIN_ROWS = 100
MAX_REPEATED = 0.1


class IdSet:
    """A set of strings stored as 64-bit hashes: 16 to 32 bytes each, whatever their length.

    Two different ids collide with probability n**2 / 2**65: 3e-8 for a million ids.

    >>> seen = IdSet()
    >>> [seen.add(name) for name in ["a", "b", "a"]]
    [True, True, False]
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))  # open addressing; 0 is an empty slot
        self._used = 0
        self._repeated = 0

    def __contains__(self, name: str) -> bool:
        slots, key = self._slots, self._key(name)
        at = key % len(slots)
        while slots[at] and slots[at] != key:
            at = (at + 1) % len(slots)
        return slots[at] == key

    def add(self, name: str) -> bool:
        """Add a name and return whether it is new."""
        if not self._insert(self._slots, self._key(name)):
            self._repeated += 1
            return False
        self._used += 1
        if 2 * self._used > len(self._slots):
            larger = array("Q", bytes(8 * 2 * len(self._slots)))
            for key in self._slots:
                if key:
                    self._insert(larger, key)
            self._slots = larger
        return True

    def has_distinct_ids(self) -> bool:
        """Return whether these can be ids: in a large table few of them may repeat another."""
        rows = self._used + self._repeated
        return rows < MIN_ROWS or self._repeated <= MAX_REPEATED * rows

    @staticmethod
    def _key(name: str) -> int:
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "little") or 1

    @staticmethod
    def _insert(slots: array[int], key: int) -> bool:
        at, last = key % len(slots), len(slots) - 1
        while slots[at]:
            if slots[at] == key:
                return False
            at = at + 1 if at < last else 0
        slots[at] = key
        return True
