"""Chunk, the third step of writing: changes cut into rows, with terms, not yet encoded."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sememe._types import Item
from sememe.index.encoders import Encoders
from sememe.index.writing.audio_windows import correct_seconds, cut_audio
from sememe.index.writing.batch import Batch, Change, PendingRow, WriteLog
from sememe.search.store import Store
from sememe.search.table.item_catalogue import State
from sememe.sources.open_file import PACKED
from sememe.text.normalize import compose
from sememe.text.split import Span
from sememe.text.terms.analyze import Analyzer

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcriber

BATCH_ROWS = 2048  # chunks of one commit: a second of encoding, 4 MB of vectors
_MEDIA_ROWS = 8  # rows that an image, or a window of audio, counts for: it takes as long
_WORDS = re.compile(r"[^\s\d!-/:-@\[-`{-~]+")  # parted by spaces, digits, ASCII punctuation
TERM_ROWS = 32  # chunks whose terms are on the first of them: a document, mostly


@dataclass(slots=True)
class Chunker:
    """Cuts texts as their encoder reads them, and audio into windows."""

    store: Store
    encoders: Encoders
    analyzer: Analyzer
    load_transcriber: Callable[[], Transcriber] | None
    log: WriteLog

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
        """Cut changes; of one that is half stored, only what is missing, if it was cut alike."""
        self._cut_audio([one for one in changes if one.item.modality == "audio"])
        changes = [change for change in changes if not change.failed]
        spans = self._split_texts([one for one in changes if one.item.modality == "text"])
        for change in changes:
            self.log.count(change)
            rows = self._rows_of(change, spans)
            yield from self._resume(change, rows) if change.state == State.PARTIAL else rows

    def _resume(self, change: Change, rows: Iterable[PendingRow]) -> list[PendingRow]:
        """Return the rows that are not stored; all, to replace those of an encoder's older cuts."""
        cut = {(row.part, row.start, row.end): row for row in rows}
        stored = self.store.find_parts(change.item.id)
        change.replaces = not stored <= cut.keys()
        return [row for key, row in cut.items() if change.replaces or key not in stored]

    def _cut_audio(self, changes: Sequence[Change]) -> None:
        """Set the windows of audio; what cannot be read has failed."""
        cut = cut_audio([change.item for change in changes], self.load_transcriber)
        for change in changes:
            windows = cut[change.item.id]
            if isinstance(windows, str):
                self.log.fail_change(change, windows)
            else:
                change.windows = windows
                change.item = correct_seconds(change.item, windows)

    def _split_texts(self, changes: Sequence[Change]) -> dict[str, Sequence[Span]]:
        """Return id -> spans of the chunks of each text; the encoder is loaded if there is any."""
        if not changes:
            return {}
        contents = [change.item.content for change in changes]
        ((_, encoder),) = self.encoders.load_for_documents("text")
        spans = encoder.split(contents, headings=[find_heading(change.item) for change in changes])
        return {change.item.id: own for change, own in zip(changes, spans, strict=True)}

    def _rows_of(self, change: Change, spans: dict[str, Sequence[Span]]) -> Iterator[PendingRow]:
        """Cut one item.

        The title of a document (its metadata "title"), or else the words of its file's name, head
        every chunk, so that a query about the subject of a page finds a passage from its middle.
        An image is one row, with the name of its file as terms; audio is one for each window, with
        what is spoken in it as terms, too.
        """
        if change.item.modality == "text":
            yield from _cut_text(change, spans[change.item.id], self.analyzer)
        elif change.item.modality == "audio":
            yield from _cut_windows(change, self.analyzer)
        else:
            yield PendingRow(change, 0, 1, 0, 0, "", _analyze_name(change.item, self.analyzer))


def _cut_text(change: Change, spans: Sequence[Span], analyzer: Analyzer) -> Iterator[PendingRow]:
    text: str = change.item.content
    heading = find_heading(change.item)
    for part, span in enumerate(spans):
        terms = None
        if part % TERM_ROWS == 0:
            after = part + TERM_ROWS
            end = spans[after].start if after < len(spans) else len(text)
            words = analyzer.analyze(text[span.start : end])
            names = [] if part else _analyze_heading(change.item, analyzer, set(words))
            terms = " ".join(words + names)
        yield PendingRow(change, part, len(spans), span.start, span.end, heading, terms)


def _cut_windows(change: Change, analyzer: Analyzer) -> Iterator[PendingRow]:
    windows = change.windows
    for part, (start, end, spoken) in enumerate(windows):
        terms = None
        if part % TERM_ROWS == 0:
            words = " ".join(one.spoken for one in windows[part : part + TERM_ROWS])
            name = "" if part else _analyze_name(change.item, analyzer)
            terms = " ".join([name, *analyzer.analyze(words)]).strip()
        yield PendingRow(change, part, len(windows), start, end, "", terms, spoken)


def _analyze_name(item: Item, analyzer: Analyzer) -> str:
    """Return the terms of a file's name and of its title."""
    return " ".join([*analyzer.analyze(_find_title(item)), *_analyze_stem(item, analyzer)])


def _analyze_heading(item: Item, analyzer: Analyzer, known: Collection[str]) -> list[str]:
    """Return the terms of a text's title that are not `known` from it, and of its file's name."""
    terms = [term for term in analyzer.analyze(_find_title(item)) if term not in known]
    return terms + (_analyze_stem(item, analyzer) if _is_file(item) else [])


def _analyze_stem(item: Item, analyzer: Analyzer) -> list[str]:
    """Return the terms of a file's name, without folders and without its ending."""
    return analyzer.analyze(re.sub(r"[_.-]+", " ", _find_stem(item)))


def find_heading(item: Item) -> str:
    """Return the title of a text; of a file without one, the words of its name, if there are any.

    Numbers and single Latin letters are left out, as of "report 2024-03 v2".
    """
    title = _find_title(item)
    if title or not _is_file(item):
        return title
    words = _WORDS.findall(compose(_find_stem(item)))
    return " ".join(word for word in words if sum(map(str.isalpha, word)) > word.isascii())


def _is_file(item: Item) -> bool:
    """Return whether a text is all of a file, not a row of a table or a part of an archive."""
    return item.id == item.source


def _find_stem(item: Item) -> str:
    path = PurePosixPath(item.source or item.id)
    return PurePosixPath(path.stem).stem if path.suffix.lower() in PACKED else path.stem


def _find_title(item: Item) -> str:
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
