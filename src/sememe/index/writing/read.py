"""Read, the first step of writing: items gathered into batches that bound memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sememe._errors import InvalidInputError
from sememe._types import Item, Skipped
from sememe.index.writing.audio_windows import SECONDS
from sememe.index.writing.batch import Batch
from sememe.index.writing.source_ledger import SourceLedger

BATCH_ITEMS = 1024  # items looked up and chunked together ...
_BATCH_CHARS = 4_000_000  # ... or fewer, if they are long
_BATCH_SECONDS = 600.0  # of audio decoded before any of it is stored


def read_batches(things: Iterable[Item | Skipped], ledger: SourceLedger) -> Iterator[Batch]:
    """Gather items into batches, in order, with the reasons why there are none.

    A batch is a flush where an id comes again, where the ledger has enough files to enter, and at
    the end. If the items end with an `InvalidInputError`, what came before it is stored.
    """
    batch, size = Batch(), _Size()
    unstored: set[str] = set()
    try:
        for thing in things:
            if ledger.is_full or (isinstance(thing, Item) and thing.id in unstored):
                batch.flush = True
                yield batch
                batch, size = Batch(), _Size()
                unstored.clear()
            batch.things.append(thing)
            if isinstance(thing, Skipped):
                continue
            unstored.add(thing.id)
            size.add(thing)
            if size.is_full:
                yield batch
                if batch.flush:  # asked for by a later step
                    unstored.clear()
                batch, size = Batch(), _Size()
    except InvalidInputError:
        batch.flush = True
        yield batch
        raise
    batch.flush = True
    yield batch


class _Size:
    """Size of the items of a batch."""

    def __init__(self) -> None:
        self._items = self._chars = 0
        self._seconds = 0.0

    def add(self, item: Item) -> None:
        self._items += 1
        if item.modality == "text":
            self._chars += len(item.content)
        elif item.modality == "audio":
            seconds = item.metadata.get("seconds", SECONDS)  # as its header has it
            self._seconds += seconds if isinstance(seconds, int | float) else SECONDS

    @property
    def is_full(self) -> bool:
        return (
            self._items >= BATCH_ITEMS
            or self._chars >= _BATCH_CHARS
            or self._seconds >= _BATCH_SECONDS
        )
