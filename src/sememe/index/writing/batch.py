"""Data of the five steps of writing: items, the changes they make, rows, vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sememe._types import FloatArray, Item, Skipped
from sememe.index.report import Report
from sememe.index.writing.audio_windows import PER_SECOND, Window
from sememe.search.table.item_catalogue import State
from sememe.sources.media.audio_decoding import Clip

# of each row: its vector in each column, (dim,), or why it could not be encoded
Vectors = list["dict[str, FloatArray] | str"]


@dataclass(slots=True)
class Change:
    """An item that has to be stored.

    Attributes:
        item: The item.
        hash: Its content hash.
        state: What the store held of it: nothing, other content, or a part.
        replaces: Whether rows of other content are still stored; they leave with the first commit
            of new ones.
        previous: The content hash that this write stored under the id before, if it did.
        windows: Of audio, what it is cut into.
        failed: Whether its content could not be read.
    """

    item: Item
    hash: str
    state: State
    replaces: bool
    previous: str | None = None
    windows: Sequence[Window] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class PendingRow:
    """One chunk of an item: a row without its vectors.

    Attributes:
        change: The item it is a chunk of.
        part, parts: Which chunk of how many.
        start, end: Its characters in the item's text; its milliseconds in audio.
        heading: What is encoded before the chunk, so that it is read in context; "" for none.
        terms: Keyword terms of this row and those after it, joined by spaces, or None.
        spoken: The words of a window of audio.
    """

    change: Change
    part: int
    parts: int
    start: int
    end: int
    heading: str
    terms: str | None
    spoken: str = ""

    @property
    def item(self) -> Item:
        """The item it is a chunk of."""
        return self.change.item

    @property
    def content(self) -> Any:
        """What an encoder of its modality is given; of a text, the chunk under its heading."""
        if self.item.modality == "text":
            is_headed = self.text.startswith(self.heading)
            return self.text if is_headed else f"{self.heading}\n{self.text}"
        if self.parts == 1:
            return self.item.content
        return Clip(self.item.content, self.start / PER_SECOND, self.end / PER_SECOND)

    @property
    def text(self) -> str:
        """The chunk; of audio, the words spoken in it; "" of an image."""
        if self.item.modality == "audio":
            return self.spoken
        return str(self.item.content[self.start : self.end]) if self.end else ""


@dataclass(slots=True)
class Batch:
    """Data passed from one step to the next.

    Attributes:
        things: Items as read, and the reasons why there are none; each id at most once between two
            flushes.
        changes: Those to store.
        rows: Chunks of changes, at most one commit's.
        vectors: Of each row.
        names: Of each row, what is seen in an image or heard in audio; "" where nothing is
            recognised.
        flush: Whether everything up to here is stored before anything more is read.
    """

    things: list[Item | Skipped] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rows: list[PendingRow] = field(default_factory=list)
    vectors: Vectors = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    flush: bool = False


@dataclass(slots=True)
class WriteLog:
    """Log of one write.

    Attributes:
        report: The counts, and what was skipped.
        failed: Id -> why its content could not be read.
        withdrawn: Id -> what is stored of it instead, of changes that failed; see `Planner`.
    """

    report: Report
    failed: dict[str, str] = field(default_factory=dict)
    withdrawn: dict[str, str | None] = field(default_factory=dict)

    def skip(self, item: Item, reason: str) -> None:
        """Report an item that cannot be stored."""
        self.report.skipped.append(Skipped(item.source or item.id, reason))

    def fail(self, item: Item, reason: str) -> None:
        """Report an item whose content cannot be read."""
        self.failed[item.id] = reason
        self.skip(item, reason)

    def fail_change(self, change: Change, reason: str) -> None:
        """Report a change whose content cannot be read; what is stored of the item stays."""
        if change.replaces:
            reason += "; what was indexed of it before is kept"
        change.failed = True
        self.withdrawn[change.item.id] = change.previous
        self.fail(change.item, reason)

    def count(self, change: Change, by: int = 1) -> None:
        """Count a change as an update or an addition; `by` is -1 to take it back."""
        if change.state == State.CHANGED:
            self.report.updated += by
        else:
            self.report.added += by
