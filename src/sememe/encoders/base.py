"""One item, and any number of them: what follows from `encode` alone, for every encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError

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


def refuse(items: Sequence[Any], reasons: dict[int, str]) -> None:
    """Raise the first reason why pictures could not be read, if there is one."""
    if reasons:
        place = min(reasons)
        item = items[place]
        name = f" ({item})" if isinstance(item, str | PathLike) else ""
        more = f"; {len(reasons) - 1} others cannot be read either" if len(reasons) > 1 else ""
        raise CorruptFileError(
            f"item {place}{name}: {reasons[place]}{more}. Leave it out, or use encode_readable"
        )


def unit_rows(rows: FloatArray, dim: int) -> FloatArray:
    """Return the rows at unit length; one of zeros, which has no direction, becomes even."""
    import numpy as np

    if not len(rows):
        return np.empty((0, dim), np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    even = np.full_like(rows, dim**-0.5)
    found: FloatArray = np.where(norms == 0, even, rows / np.where(norms == 0, 1, norms))
    return found
