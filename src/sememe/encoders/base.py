"""One item, and any number of them: what follows from `encode` alone, for every encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe._types import FloatArray


class Streams:
    """Gives an encoder `encode_one` and `encode_batches`.

    Attributes:
        encode: What the encoder itself has.
        items_at_once: How many items make a batch of a stream, unless told.
    """

    encode: Callable[..., FloatArray]
    items_at_once = 1024

    def encode_one(self, item: Any) -> FloatArray:
        """Return the (dim,) vector of one item."""
        row: FloatArray = self.encode([item])[0]
        return row

    def encode_batches(
        self, items: Iterable[Any], *, batch_size: int | None = None
    ) -> Iterator[FloatArray]:
        """Yield (batch_size, dim) arrays for a stream of items, in memory bounded by the batch."""
        check_batch_size(batch_size)
        stream = iter(items)
        while batch := list(islice(stream, batch_size or self.items_at_once)):
            yield self.encode(batch)


def check_batch_size(batch_size: int | None) -> None:
    """Refuse a batch of none."""
    if batch_size is not None and batch_size < 1:
        raise InvalidInputError(f"batch_size={batch_size}; give a whole number of at least 1.")


def check_threads(threads: int | None) -> None:
    """Refuse threads that are none."""
    if threads is not None and threads < 1:
        raise InvalidInputError(f"threads={threads}; give a whole number of at least 1, or None.")
