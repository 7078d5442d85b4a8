"""From items to commits: read, plan, chunk, encode, commit, each a generator over batches.

While one batch is encoded in the background, the next is read, planned and chunked. An item is
acknowledged when the commit that holds its last chunk returns. A document longer than a batch takes
several; if the process dies between them, the next writer finds it half stored and encodes only
what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

from sememe._types import Item, Skipped
from sememe.index.encoders import Encoders
from sememe.index.writing.audio_windows import AudioCutter, WindowEncoder
from sememe.index.writing.batch import WriteLog
from sememe.index.writing.chunks import Analyzer, Chunker
from sememe.index.writing.commit import Committer
from sememe.index.writing.encode import RowEncoder
from sememe.index.writing.plan import OnChange, Planner
from sememe.index.writing.read import read_batches
from sememe.index.writing.source_ledger import SourceLedger
from sememe.search.store import Store

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber


class Writer:
    """Stores items in one index; the writer lock is held by the caller."""

    def __init__(
        self,
        store: Store,
        encoders: Encoders,
        analyzer: Analyzer,
        *,
        thumbnails: int = 0,
        load_transcriber: Callable[[], Transcriber] | None = None,
    ) -> None:
        """Take what items are stored with.

        Args:
            store: Where rows go.
            encoders: Which fill the store's vector columns.
            analyzer: Makes the keyword terms.
            thumbnails: Longer side of the thumbnails kept of images; 0: none.
            load_transcriber: Loads the recogniser that transcribes audio; None: none does.
        """
        self._store = store
        self._encoders = encoders
        self._analyzer = analyzer
        self._thumbnails = thumbnails
        self._load_transcriber = load_transcriber

    def write(
        self,
        things: Iterable[Item | Skipped],
        *,
        on_change: OnChange,
        ledger: SourceLedger | None = None,
    ) -> WriteLog:
        """Store items, in memory bounded by the batch.

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
        log, ledger = WriteLog(), ledger or SourceLedger(self._store)
        planner = Planner(self._store, self._encoders, log, on_change)
        audio = AudioCutter(self._load_transcriber)
        chunker = Chunker(self._store, self._encoders, self._analyzer, audio, log)
        committer = Committer(self._store, ledger, log, thumbnails=self._thumbnails)
        with (
            closing(WindowEncoder()) as windows,
            ThreadPoolExecutor(1, thread_name_prefix="sememe-encode") as background,
        ):
            encoder = RowEncoder(self._encoders, windows, log)
            batches = read_batches(things, ledger)
            batches = planner.plan(batches)
            batches = chunker.chunk(batches)
            batches = encoder.encode(batches, background)
            for _ in committer.commit(batches):
                pass
        return log
