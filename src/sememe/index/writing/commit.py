"""Commit, the last step of writing: a batch's rows in the store, in one commit."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from sememe._errors import CorruptFileError
from sememe._types import FloatArray, Item, Metadata
from sememe.encoders.audio.everyday_sounds import GUESS
from sememe.index.writing.batch import Batch, PendingRow, WriteLog
from sememe.index.writing.source_ledger import SourceLedger
from sememe.search.store import Store
from sememe.search.table.rows import Row
from sememe.sources.media.image_decoding import make_thumbnail
from sememe.text.terms.analyze import Analyzer


@dataclass(frozen=True, slots=True)
class Committer:
    """Stores rows, and enters the files that they are from."""

    store: Store
    ledger: SourceLedger
    analyzer: Analyzer
    log: WriteLog
    thumbnails: int

    def commit(self, batches: Iterable[Batch]) -> None:
        """Store each batch."""
        for batch in batches:
            self._withdraw_failed(batch)
            rows = [
                self._to_row(row, vectors, name)
                for row, vectors, name in zip(batch.rows, batch.vectors, batch.names, strict=True)
                if not isinstance(vectors, str) and not row.change.failed
            ]
            if rows:
                self.ledger.enter_begun()
                self._replace(batch, rows)
            if batch.flush:
                self.ledger.enter_finished(self.log.failed)

    def _withdraw_failed(self, batch: Batch) -> None:
        """Report what could not be encoded; audio of which one window failed is left out whole."""
        for row, vectors in zip(batch.rows, batch.vectors, strict=True):
            if isinstance(vectors, str) and not row.change.failed:
                self.log.count(row.change, -1)
                self.log.fail_change(row.change, vectors)

    def _replace(self, batch: Batch, rows: list[Row]) -> None:
        """Store rows, replacing those of other content under their ids."""
        changes = {row.item.id: row.change for row in batch.rows if not row.change.failed}
        stale = sorted(id_ for id_, change in changes.items() if change.replaces)
        self.store.replace(rows, stale)
        for change in changes.values():
            change.replaces = False
        self.log.report.chunks += len(rows)

    def _to_row(self, row: PendingRow, vectors: dict[str, FloatArray], name: str) -> Row:
        """Return a row to store.

        What is seen in an image is its text and adds to its terms; so does what is heard in audio
        where nothing is spoken.
        """
        terms, end = row.terms, row.end
        if name and not row.text:
            named = self.analyzer.analyze(name.removesuffix(GUESS))
            terms = " ".join([terms or "", *named]).strip()
            end = len(name) if row.item.modality == "image" else end
        return Row(
            id=row.item.id,
            part=row.part,
            parts=row.parts,
            modality=row.item.modality,
            source=row.item.source,
            text=row.text or name,
            start=row.start,
            end=end,
            hash=row.change.hash,
            vectors=vectors,
            terms=terms,
            metadata=self._add_thumbnail(row.item),
        )

    def _add_thumbnail(self, item: Item) -> Metadata:
        """Return an item's metadata, with its thumbnail where the index keeps them."""
        if item.modality == "image" and self.thumbnails:
            with suppress(CorruptFileError):  # the file was removed just now, after it was encoded
                return {**item.metadata, "thumbnail": make_thumbnail(item.content, self.thumbnails)}
        return item.metadata
