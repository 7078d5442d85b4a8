"""Bring an index to the state of a folder: read what changed, remove what is gone.

A file whose size and time of change are in the ledger is not read; what is interrupted is
read again, and what is stored of it not encoded again. A file that gave nothing is read each time:
the library it needs, or the permission to read it, may have come since. So is a file of which the
store holds less than the ledger has: something removed it by its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from sememe._progress import progress
from sememe._types import Item, Skipped
from sememe.index.writing.items import has_text
from sememe.index.writing.metadata import MetadataSchema
from sememe.index.writing.source_ledger import SourceLedger
from sememe.index.writing.writer import Writer
from sememe.search.store import Store
from sememe.search.table.file_ledger import SourceRecord
from sememe.search.table.item_catalogue import digests
from sememe.sources import SourceFile, find_files, read_file
from sememe.sources.files import EMPTY, UNLISTED


class FolderSync:
    """One sync of some folders and files."""

    def __init__(self, store: Store, roots: Mapping[Path, str]) -> None:
        """Take the folders and files, each with the prefix of its sources and of no others.

        A file may have the prefix "": its source is its name.
        """
        self._store = store
        self._roots = roots
        self._ledger = SourceLedger(store)
        self._known = store.sources()
        self._stored = _count_items(store)
        self._schema = MetadataSchema(store.metadata)
        self._met: set[str] = set()  # every source of this sync
        self._unlisted: list[str] = []  # folders whose files may still be there
        self._unchanged = 0
        self._reread: dict[str, tuple[SourceRecord, set[int]]] = {}  # files that may have shrunk

    def run(self, writer: Writer, *, ignore: Sequence[str], show_progress: bool) -> None:
        """Read, store, and remove what is gone; the writer's report counts it."""
        with progress("files", total=None, show=show_progress) as advance:
            things = self._read(ignore, advance)
            failed = writer.write(things, on_change="replace", ledger=self._ledger)
        for source in failed:  # what is stored of it is of the file as it was: it is read again
            self._reread.pop(source, None)
        writer.report.unchanged += self._unchanged
        writer.report.removed += self.remove_missing()

    def remove_missing(self) -> int:
        """Remove items that files no longer hold, and those of missing files; return how many."""
        missing = filter(self._is_ours, set(self._known) - self._met)
        gone = {source for source in missing if not source.startswith(tuple(self._unlisted))}
        stale = self._find_stale(gone)
        self._store.delete(stale)
        self._store.forget_sources(gone)
        self._store.record_sources([record for record, _ in self._reread.values()])
        return len(stale)

    def _read(
        self, ignore: Sequence[str], advance: Callable[[int], None]
    ) -> Iterator[Item | Skipped]:
        """Read the items of every file that is new or changed."""
        done = count(1)
        for root, prefix in self._roots.items():
            for entry in find_files(root, ignore=ignore):
                yield from self._visit(prefix, entry)
                advance(next(done))

    def _visit(self, prefix: str, entry: SourceFile | Skipped) -> Iterator[Item | Skipped]:
        source = prefix + entry.source
        self._met.add(source)
        if isinstance(entry, Skipped):
            if entry.reason.startswith(UNLISTED):
                self._unlisted.append(source if source == prefix else f"{source}/")
            yield Skipped(source, entry.reason)
            return
        known = self._known.get(source)
        same = known and (known.size, known.mtime_ns) == (entry.size, entry.mtime_ns)
        if known and same and known.items and known.items == self._stored[source]:
            self._unchanged += known.items
            if known.reason:
                yield Skipped(source, known.reason)
        else:
            yield from self._read_file(replace(entry, source=source))

    def _read_file(self, file: SourceFile) -> Iterator[Item | Skipped]:
        ids: list[str] = []
        reason = None
        things = map(_refuse_empty, read_file(file))
        for thing in self._schema.fit_all(things, file.source):
            if isinstance(thing, Skipped):
                reason = reason or thing.reason
            else:
                if not ids:
                    self._ledger.begin(file.source)
                ids.append(thing.id)
            yield thing
        known, stored = self._known.get(file.source), self._stored[file.source]
        record = SourceRecord(file.source, file.size, file.mtime_ns, len(ids), reason)
        if reason and not ids and stored and not reason.startswith(EMPTY):
            kept = "it cannot be read now; what was indexed of it before is kept"
            yield Skipped(file.source, kept)
        elif known is None:
            self._ledger.finish(record)
            return
        elif record != known or len(ids) != stored:
            self._reread[file.source] = (record, set(digests(ids).tolist()))
        self._ledger.finish(None)

    def _is_ours(self, source: str) -> bool:
        return any(
            source.startswith(prefix) if prefix else source == root.name
            for root, prefix in self._roots.items()
        )

    def _find_stale(self, gone: set[str]) -> list[str]:
        """Return the ids of items whose file is gone, or was read and no longer holds them."""
        if not gone and not self._reread:
            return []
        stale: dict[str, None] = {}
        for batch in self._store.iterate(["id", "source"]):
            ids: list[Any] = batch.column("id").to_pylist()
            sources: list[Any] = batch.column("source").to_pylist()
            for id_, source in zip(ids, sources, strict=True):
                _, kept = self._reread.get(source, (None, None))
                if source in gone or (kept is not None and digests([id_]).item() not in kept):
                    stale[id_] = None
        return list(stale)


def _refuse_empty(thing: Item | Skipped) -> Item | Skipped:
    if isinstance(thing, Skipped) or has_text(thing):
        return thing
    return Skipped(thing.source, f"{EMPTY}: no text in it")


def _count_items(store: Store) -> Counter[str]:
    """Count the items of each source, by their first parts."""
    import pyarrow as pa

    counts: Counter[str] = Counter()
    for batch in store.iterate(["source", "part"], batch_size=65_536):
        first = batch.filter(pa.array(batch.column("part").to_numpy() == 0))
        sources: list[Any] = first.column("source").to_pylist()
        counts.update(sources)
    return counts
