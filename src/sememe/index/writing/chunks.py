"""Chunk, the third step of writing: changes cut into rows, with terms, not yet encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

from sememe._types import Item
from sememe.index.encoders import Encoders
from sememe.index.writing.audio_windows import AudioCutter, correct_seconds
from sememe.index.writing.batch import Batch, Change, PendingRow, WriteLog
from sememe.search.store import Store
from sememe.search.table.item_catalogue import State
from sememe.text.split import Span

BATCH_ROWS = 2048  # chunks of one commit: a second of encoding, 4 MB of vectors
_MEDIA_ROWS = 8  # rows that an image, or a window of audio, counts for: they take as long
TERM_ROWS = 32  # chunks whose terms are on the first of them: a document, mostly


class Analyzer(Protocol):
    """Text to the terms that keyword search counts."""

    def analyze(self, text: str) -> list[str]:
        """Return the terms in order, repeated as often as they occur."""
        ...


class Chunker:
    """Cuts texts as their encoder reads them, and audio into windows."""

    def __init__(
        self,
        store: Store,
        encoders: Encoders,
        analyzer: Analyzer,
        audio: AudioCutter,
        log: WriteLog,
    ) -> None:
        self._store = store
        self._encoders = encoders
        self._analyzer = analyzer
        self._audio = audio
        self._log = log

    def chunk(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Turn batches of changes into batches of rows, each for one commit."""
        rows: list[PendingRow] = []
        for batch in batches:
            rows += self._cut(batch.changes)
            while count := _count_full(rows):
                yield Batch(rows=rows[:count])
                rows = rows[count:]
            if batch.flush:
                yield Batch(rows=rows, flush=True)
                rows = []

    def _cut(self, changes: Sequence[Change]) -> Iterator[PendingRow]:
        """Cut changes; of one that is half stored, only what is missing."""
        changes = self._cut_audio(changes)
        spans = self._split_texts([one for one in changes if one.item.modality == "text"])
        for change in changes:
            self._log.count(change)
            rows = self._rows_of(change, spans)
            if change.state == State.PARTIAL:
                stored = self._store.present_parts(change.item.id)
                rows = (row for row in rows if row.part not in stored)
            yield from rows

    def _cut_audio(self, changes: Sequence[Change]) -> list[Change]:
        """Set the windows of audio; return the changes without audio that cannot be read."""
        cut = self._audio.cut([one.item for one in changes if one.item.modality == "audio"])
        readable = []
        for change in changes:
            windows = cut.get(change.item.id, ())
            if isinstance(windows, str):
                self._log.fail_change(change, windows)
                continue
            if windows:
                change.windows = windows
                change.item = correct_seconds(change.item, windows)
            readable.append(change)
        return readable

    def _split_texts(self, changes: Sequence[Change]) -> dict[str, Sequence[Span]]:
        """Return id -> spans of the chunks of each text; the encoder is loaded if there is any."""
        if not changes:
            return {}
        contents = [change.item.content for change in changes]
        ((_, encoder),) = self._encoders.load_for_documents("text")
        spans = encoder.split(contents, headings=[_heading(change.item) for change in changes])
        return {change.item.id: own for change, own in zip(changes, spans, strict=True)}

    def _rows_of(self, change: Change, spans: dict[str, Sequence[Span]]) -> Iterator[PendingRow]:
        """Cut one item.

        The title of a document (its metadata "title") heads every chunk: a passage from the middle
        of a page is found by what the page is about. An image is one row, which words find by the
        name of its file; audio is one for each window, which words also find by what is spoken.
        """
        if change.item.modality == "text":
            yield from _text_rows(change, spans[change.item.id], self._analyzer)
        elif change.item.modality == "audio":
            yield from _audio_rows(change, self._analyzer)
        else:
            terms = _name_terms(change.item, self._analyzer)
            yield PendingRow(change, 0, 1, 0, 0, "", terms)


def _text_rows(change: Change, spans: Sequence[Span], analyzer: Analyzer) -> Iterator[PendingRow]:
    text: str = change.item.content
    heading = _heading(change.item)
    for part, span in enumerate(spans):
        terms = None
        if part % TERM_ROWS == 0:
            after = part + TERM_ROWS
            end = spans[after].start if after < len(spans) else len(text)
            terms = " ".join(analyzer.analyze(text[span.start : end]))
        yield PendingRow(change, part, len(spans), span.start, span.end, heading, terms)


def _audio_rows(change: Change, analyzer: Analyzer) -> Iterator[PendingRow]:
    windows = change.windows
    for part, (start, end, spoken) in enumerate(windows):
        terms = None
        if part % TERM_ROWS == 0:
            words = " ".join(one.spoken for one in windows[part : part + TERM_ROWS])
            name = "" if part else _name_terms(change.item, analyzer)
            terms = " ".join([name, *analyzer.analyze(words)]).strip()
        yield PendingRow(change, part, len(windows), start, end, "", terms, spoken)


def _name_terms(item: Item, analyzer: Analyzer) -> str:
    """Return the terms of a file's name, without folders and without its ending, and its title."""
    name = PurePosixPath(item.source or item.id).stem
    return " ".join(analyzer.analyze(f"{_heading(item)} {re.sub(r'[_.-]+', ' ', name)}"))


def _heading(item: Item) -> str:
    title: Any = item.metadata.get("title")
    return title.strip() if isinstance(title, str) else ""


def _count_full(rows: Sequence[PendingRow]) -> int:
    """Return how many rows, from the first, make a batch; 0 where there are too few."""
    weight = 0
    for count, row in enumerate(rows, start=1):
        weight += 1 if row.item.modality == "text" else _MEDIA_ROWS
        if weight >= BATCH_ROWS:
            return count
    return 0
