"""Bring an index to the state of a folder: read what changed, forget what left.

A file is on the ledger before its first item is stored, without a size: "begun". Once all it holds
is stored its size and time of change are entered, and the next sync passes it over unread. Whatever
is interrupted is read again, and what is stored of it not encoded again. A file that gave nothing
is looked at again each time: the library it needs, or the right to read it, may have come since. So
is a file of which the store holds less than the ledger says: something removed it by its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._progress import progress
from sememe._types import Item, Skipped
from sememe.index.writing.items import has_text
from sememe.index.writing.metadata import Facts
from sememe.index.writing.writer import Writer
from sememe.search.table.file_ledger import SourceRecord
from sememe.search.table.item_catalogue import digests
from sememe.sources import SourceFile, find_files, read_file
from sememe.sources.files import EMPTY, UNLISTED

if TYPE_CHECKING:
    from sememe.search.store import Store

_FILES = 1024  # read between two entries in the ledger
_BEGUN = -1  # size of a file that was begun


class FolderSync:
    """One sync of some folders and files."""

    def __init__(self, store: Store, writer: Writer, roots: Mapping[Path, str]) -> None:
        """Begin; a root's prefix begins the sources of everything under it, and of nothing else.

        A file may have "" for a prefix: its source is its name.
        """
        self._store = store
        self._writer = writer
        self._roots = roots
        self._ledger = store.sources()
        self._stored = _stored_items(store)
        self._facts = Facts(store.metadata)
        self._seen: set[str] = set()  # every source met
        self._unlisted: list[str] = []  # folders whose files may be there still
        self._begun: list[SourceRecord] = []  # files being read, to be entered before a commit
        self._read: list[SourceRecord] = []  # files read, to be entered after the next flush
        self._reread: dict[str, tuple[SourceRecord, set[int]]] = {}  # ... that may have shrunk
        writer.before_commit = self._enter_begun

    def run(self, *, ignore: Sequence[str] = (), show_progress: bool = False) -> None:
        """Read, store, and remove what is gone; the writer's report has the account."""
        with progress("files", total=None, show=show_progress) as advance:
            found = (
                (prefix, entry)
                for root, prefix in self._roots.items()
                for entry in find_files(root, ignore=ignore)
            )
            for done, (prefix, entry) in enumerate(found, start=1):
                self._visit(prefix, entry)
                if len(self._read) >= _FILES:
                    self._enter()
                advance(done)
        self._enter()
        self.remove()

    def _visit(self, prefix: str, entry: SourceFile | Skipped) -> None:
        source = prefix + entry.source
        self._seen.add(source)
        if isinstance(entry, Skipped):
            self._writer.put(Skipped(source, entry.reason))
            if entry.reason.startswith(UNLISTED):
                self._unlisted.append(source if source == prefix else f"{source}/")
            return
        known = self._ledger.get(source)
        same = known and (known.size, known.mtime_ns) == (entry.size, entry.mtime_ns)
        if known and same and known.items and known.items == self._stored[source]:
            self._writer.report.unchanged += known.items
            if known.reason:
                self._writer.put(Skipped(source, known.reason))
            return
        self._read_file(replace(entry, source=source))

    def _read_file(self, file: SourceFile) -> None:
        ids: list[str] = []
        reason = None
        for thing in self._fitted(file):
            if isinstance(thing, Skipped):
                reason = reason or thing.reason
            else:
                if not ids:
                    self._begun.append(SourceRecord(file.source, _BEGUN, 0, 0))
                ids.append(thing.id)
            self._writer.put(thing)
        if reason and not ids and self._stored[file.source] and not reason.startswith(EMPTY):
            kept = "it cannot be read now; what was indexed of it before is kept"
            self._writer.put(Skipped(file.source, kept))
            return
        record = SourceRecord(file.source, file.size, file.mtime_ns, len(ids), reason)
        if file.source not in self._ledger:
            self._read.append(record)
        elif record != self._ledger[file.source] or len(ids) != self._stored[file.source]:
            self._reread[file.source] = (record, set(digests(ids).tolist()))

    def _fitted(self, file: SourceFile) -> Iterator[Item | Skipped]:
        """Read a file's items, with metadata that the index can hold."""
        for thing in read_file(file):
            if isinstance(thing, Skipped):
                yield thing
            elif has_text(thing):
                yield self._facts.fit(thing)
            else:
                yield Skipped(thing.source, f"{EMPTY}: no text in it")
        yield from self._facts.notes(file.source)

    def _enter_begun(self) -> None:
        begun, self._begun = self._begun, []
        self._store.record_sources(begun)

    def _enter(self) -> None:
        """Store what was read, then say so in the ledger."""
        self._writer.flush()
        self._begun = []
        failed = self._writer.failed
        self._store.record_sources(
            [
                replace(record, items=0, reason=failed[record.source])
                if record.source in failed
                else record
                for record in self._read
            ]
        )
        self._read = []
        for source in failed:  # what is stored of it is of the file as it was: it is read again
            self._reread.pop(source, None)

    def remove(self) -> None:
        """Delete the items that files no longer hold, and those of files that were not met."""
        missing = {source for source in set(self._ledger) - self._seen if self._is_ours(source)}
        gone = {source for source in missing if not source.startswith(tuple(self._unlisted))}
        stale = self._ids_gone(gone)
        self._store.delete(stale)
        self._writer.report.removed += len(stale)
        self._store.forget_sources(gone)
        self._store.record_sources([record for record, _ in self._reread.values()])

    def _is_ours(self, source: str) -> bool:
        return any(
            source.startswith(prefix) if prefix else source == root.name
            for root, prefix in self._roots.items()
        )

    def _ids_gone(self, gone: set[str]) -> list[str]:
        if not gone and not self._reread:
            return []
        stale: dict[str, None] = {}
        for batch in self._store.iterate(["id", "source"]):
            ids: list[Any] = batch.column("id").to_pylist()
            sources: list[Any] = batch.column("source").to_pylist()
            for id_, source in zip(ids, sources, strict=True):
                if source in gone:
                    stale[id_] = None
                elif source in self._reread:
                    (digest,) = digests([id_]).tolist()
                    if digest not in self._reread[source][1]:
                        stale[id_] = None
        return list(stale)


def _stored_items(store: Store) -> Counter[str]:
    """Count the items of each source, by their first parts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts: Counter[str] = Counter()
    for batch in store.iterate(["source", "part"], batch_size=65_536):
        first = batch.filter(pa.array(batch.column("part").to_numpy() == 0))
        found: Any = pc.value_counts(first.column("source"))
        for entry in found.to_pylist():
            counts[entry["values"]] += entry["counts"]
    return counts
