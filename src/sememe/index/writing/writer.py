"""From items to commits: read, plan, chunk and encode, each a generator over batches; commit.

While one batch is encoded in the background, the next is read, planned and chunked. An item is
acknowledged when the commit that holds its last chunk returns. A document longer than a batch takes
several; if the process dies between them, the next writer finds it half stored and encodes only
what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sememe._types import Item, Skipped
from sememe.index.encoders import Encoders
from sememe.index.report import Report
from sememe.index.writing.batch import WriteLog
from sememe.index.writing.chunks import Chunker
from sememe.index.writing.commit import Committer
from sememe.index.writing.encode import RowEncoder
from sememe.index.writing.plan import OnChange, Planner
from sememe.index.writing.read import read_batches
from sememe.index.writing.source_ledger import SourceLedger
from sememe.search.store import Store
from sememe.sources.media.sequential_audio import SequentialReader
from sememe.text.terms.analyze import Analyzer

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber


@dataclass(slots=True)
class Writer:
    """Stores items in one index; the writer lock is held by the caller.

    Attributes:
        store: Where rows go.
        encoders: Which fill the store's vector columns.
        analyzer: Makes the keyword terms.
        report: Counts what is done.
        thumbnails: Longer side of the thumbnails kept of images; 0: none.
        load_transcriber: Loads the recogniser that transcribes audio; None: none does.
    """

    store: Store
    encoders: Encoders
    analyzer: Analyzer
    report: Report
    thumbnails: int
    load_transcriber: Callable[[], Transcriber] | None

    def write(
        self,
        things: Iterable[Item | Skipped],
        *,
        on_change: OnChange,
        ledger: SourceLedger | None = None,
    ) -> dict[str, str]:
        """Store items, in memory bounded by the batch; return id -> why it could not be read.

        Args:
            things: Items, or the reasons why there are none; read once.
            on_change: What happens to an id that is stored with other content.
            ledger: Collects the files that `things` are read from; they are entered as their rows
                are stored. None for items that come from no file.

        Raises:
            DuplicateIdError: If `on_change` is "refuse" and an id is stored with other content; the
                items before it are stored.
            InvalidInputError: As `things` raises it; the items before it are stored.
        """
        log, ledger = WriteLog(self.report), ledger or SourceLedger(self.store)
        planner = Planner(self.store, self.encoders, log, on_change)
        chunker = Chunker(self.store, self.encoders, self.analyzer, self.load_transcriber, log)
        committer = Committer(self.store, ledger, self.analyzer, log, self.thumbnails)
        with (
            closing(SequentialReader()) as reader,
            ThreadPoolExecutor(1, thread_name_prefix="sememe-encode") as background,
        ):
            encoder = RowEncoder(self.encoders, reader, log)
            batches = read_batches(things, ledger)
            batches = planner.plan(batches)
            batches = chunker.chunk(batches)
            batches = encoder.encode(batches, background)
            committer.commit(batches)
        return log.failed
