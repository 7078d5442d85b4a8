"""Receipts: what an encode did with every item and token it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sememe._types import FloatArray


@dataclass(frozen=True, slots=True)
class ChunkNote:
    """One chunk that was encoded: characters start to end of an item, and its tokens."""

    item: int
    start: int
    end: int
    tokens: int


@dataclass(slots=True)
class Receipt:
    """An account of one encode. `tokens == encoded + dropped`, always.

    Attributes:
        items: Number of items.
        tokens: Tokens of all texts, begin and end marks excluded.
        encoded: Tokens that shaped a vector, each counted once.
        repeated: Tokens read a second time where chunks overlap.
        dropped: Tokens that shaped no vector (overflow="truncate").
        unknown: Encoded tokens that are not in the vocabulary.
        chunks: What was encoded, in order.
        empty: Indices of texts without content.
        duplicates: Index of a repeated text -> index of its first appearance.
        failed: Index of an item that cannot be read -> reason. Its vector is NaN.
    """

    items: int = 0
    tokens: int = 0
    encoded: int = 0
    repeated: int = 0
    dropped: int = 0
    unknown: int = 0
    chunks: list[ChunkNote] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    duplicates: dict[int, int] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the counts in one line.

        >>> Receipt(items=1, tokens=9, encoded=9, chunks=[ChunkNote(0, 0, 40, 9)]).summary()
        '1 items, 9 tokens in 1 chunks: 9 encoded, 0 dropped, 0 unknown; 0 empty, 0 repeated items'
        """
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return (
            f"{self.items} items, {self.tokens} tokens in {len(self.chunks)} chunks: "
            f"{self.encoded} encoded, {self.dropped} dropped, {self.unknown} unknown; "
            f"{len(self.empty)} empty, {len(self.duplicates)} repeated items{failed}"
        )


@dataclass(frozen=True, slots=True)
class Encoded:
    """The (n, dim) vectors of n items, and the receipt."""

    vectors: FloatArray
    receipt: Receipt


def find_duplicates(texts: Sequence[str]) -> dict[int, int]:
    """Map the index of each repeated text to that of its first appearance.

    >>> find_duplicates(["a", "b", "a"])
    {2: 0}
    """
    first: dict[str, int] = {}
    return {i: first[text] for i, text in enumerate(texts) if first.setdefault(text, i) != i}
