"""A compact set of the ids of a file."""

from __future__ import annotations

from array import array
from hashlib import blake2b

MIN_ROWS = 100
MAX_REPEATED = 0.1


class IdSet:
    """A set of strings stored as 64-bit hashes: 16 to 32 bytes each, whatever their length.

    Two different ids collide with probability n**2 / 2**65: 3e-8 for a million ids.

    >>> ids = IdSet()
    >>> [ids.add(name) for name in ["a", "b", "a"]]
    [True, True, False]
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))  # open addressing; 0 is an empty slot
        self._used = 0
        self._repeated = 0

    def __contains__(self, name: str) -> bool:
        key = self._key(name)
        return self._slots[self._find_slot(self._slots, key)] == key

    def add(self, name: str) -> bool:
        """Add a name and return whether it is new."""
        key = self._key(name)
        slot = self._find_slot(self._slots, key)
        if self._slots[slot] == key:
            self._repeated += 1
            return False
        self._slots[slot] = key
        self._used += 1
        if 2 * self._used > len(self._slots):
            larger = array("Q", bytes(8 * 2 * len(self._slots)))
            for key in filter(None, self._slots):
                larger[self._find_slot(larger, key)] = key
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
    def _find_slot(slots: array[int], key: int) -> int:
        """Return the slot of a key, or the empty one where it belongs."""
        slot = key % len(slots)
        while slots[slot] and slots[slot] != key:
            slot = (slot + 1) % len(slots)
        return slot
