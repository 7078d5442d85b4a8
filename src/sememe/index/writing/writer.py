"""From items to commits: what is new is cut, encoded in batches and stored, one commit a batch.

While one batch is encoded in the background, the next is read and cut; it is not encoded before the
first is stored, so that an interruption costs one batch at most. An item is acknowledged when the
commit that holds its last chunk returns. A document longer than a
batch takes several; if the process dies between them, the next writer finds it half written and
encodes only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from sememe._errors import CorruptFileError, DuplicateIdError
from sememe._types import Encoder, Item, Metadata, Skipped
from sememe.encoders.image.shared_pass import encode_together
from sememe.index.encoders import NO_IMAGES, NO_SOUNDS, Encoders
from sememe.index.report import Report
from sememe.index.writing.audio_windows import SECONDS, Recordings, Window, with_seconds
from sememe.index.writing.chunks import Analyzer, Draft, draft
from sememe.index.writing.items import content_hash, has_text
from sememe.search.table.item_catalogue import State
from sememe.search.table.rows import Row
from sememe.sources.media.image_decoding import make_thumbnail
from sememe.sources.open_file import reason

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.encoders.audio.transcriber import Transcriber
    from sememe.search.store import Store

BATCH_ROWS = 2048  # chunks of one commit: a second of encoding, 4 MB of vectors
_BATCH_ITEMS = 1024  # items looked up and cut together
_BATCH_CHARS = 4_000_000  # or fewer, if they are long
_OTHER_ROWS = 8  # rows that a picture, or a window of sound, counts for: they take as long
_BATCH_SECONDS = 600.0  # of sound heard before any of it is stored
_RECENT = 65_536  # items of this run remembered by id, before the catalogue is read again

OnChange = Literal["refuse", "replace"]
_Vectors = list["dict[str, FloatArray] | str"]  # of each row: by column, or why there is none


class Writer:
    """Takes items one by one; the report is final after `flush`."""

    def __init__(
        self,
        store: Store,
        encoders: Encoders,
        analyzer: Analyzer,
        *,
        on_change: OnChange,
        thumbnails: int = 0,
        transcriber: Callable[[], Transcriber] | None = None,
    ) -> None:
        """Begin a run.

        Args:
            store: Where rows go.
            encoders: Which fill the store's vector columns.
            analyzer: Makes the keyword terms.
            on_change: What happens to an id that is stored with other content.
            thumbnails: Longer side of the small pictures kept of images; 0: none.
            transcriber: Loads what writes down what is said in sounds; None: nothing does.
        """
        self.report = Report()
        self.failed: dict[str, str] = {}  # ids whose content could not be read, and why
        self._store = store
        self._encoders = encoders
        self._analyzer = analyzer
        self._on_change = on_change
        self._thumbnails = thumbnails
        self._recordings = Recordings(transcriber)
        self.before_commit: Callable[[], None] = lambda: None
        self._known = store.known()
        self._recent: dict[str, str] = {}  # id -> hash of items met since the catalogue was read
        self._items: list[Item] = []  # taken, not yet cut
        self._chars = 0
        self._seconds = 0.0  # of sound
        self._drafts: list[Draft] = []  # cut, not yet stored
        self._pending: set[str] = set()  # ids of both
        self._stale: set[str] = set()  # ids whose old rows leave with the next commit
        self._background = ThreadPoolExecutor(1, thread_name_prefix="sememe-encode")
        self._underway: tuple[list[Draft], Future[_Vectors]] | None = None

    def put(self, thing: Item | Skipped) -> None:
        """Take one item, or the reason why there is none.

        Raises:
            DuplicateIdError: on_change="refuse" and the id is stored with other content. What was
                taken before it is stored all the same.
        """
        if isinstance(thing, Skipped):
            self.report.skipped.append(thing)
            return
        if not self._encoders.stores(thing.modality):
            why = _no_encoder(thing.modality)
            self.report.skipped.append(Skipped(thing.source or thing.id, why))
            return
        if not has_text(thing):
            self.report.skipped.append(Skipped(thing.source or thing.id, self._no_text(thing.id)))
            return
        if thing.id in self._pending:
            self.flush()
        self._items.append(thing)
        self._pending.add(thing.id)
        self._chars += len(thing.content) if thing.modality == "text" else 0
        self._seconds += _seconds(thing)
        if (
            len(self._items) >= _BATCH_ITEMS
            or self._chars >= _BATCH_CHARS
            or self._seconds >= _BATCH_SECONDS
        ):
            self._cut()
        if len(self._recent) > _RECENT:
            self.flush()
            self._known, self._recent = self._store.known(), {}

    def flush(self) -> None:
        """Encode and store everything taken so far."""
        self._cut()
        self._begin(len(self._drafts))
        self._finish()
        self._recordings.close()
        self._pending.clear()

    def _cut(self) -> None:
        """Cut the items that have to be encoded, and commit as batches fill."""
        items, self._items, self._chars, self._seconds = self._items, [], 0, 0.0
        chosen, refusal = self._choose(items)
        chosen, recordings = self._hear(chosen)
        cut = draft(
            [item for item, _, _ in chosen],
            [hash_ for _, hash_, _ in chosen],
            self._encoders.storing("text")[0][1],
            self._analyzer,
            recordings,
        )
        for (item, _, state), drafts in zip(chosen, cut, strict=True):
            if state == State.PARTIAL:
                stored = self._store.present_parts(item.id)
                drafts = [one for one in drafts if one.part not in stored]
            self._drafts.extend(drafts)
            self._count(state)
        while count := _full(self._drafts):
            self._begin(count)
        if refusal is not None:
            raise refusal

    def _no_text(self, id_: str) -> str:
        stored = id_ in self._recent or self._known.states([id_], [""])[0] != State.NEW
        return "no text in it" + ("; what is stored under its id stays" if stored else "")

    def _choose(
        self, items: Sequence[Item]
    ) -> tuple[list[tuple[Item, str, State]], DuplicateIdError | None]:
        """Return the items to encode, each with its hash and what the store knows of it.

        If one has to be refused, those before it are returned, and the refusal.
        """
        items, hashes = self._hashed(items)
        states = self._known.states([item.id for item in items], hashes)
        chosen: list[tuple[Item, str, State]] = []
        for item, hash_, code in zip(items, hashes, states.tolist(), strict=True):
            state = State(code)
            if item.id in self._recent:
                state = State.SAME if self._recent[item.id] == hash_ else State.CHANGED
            if state == State.SAME:
                self.report.unchanged += 1
                continue
            if state == State.CHANGED:
                if self._on_change == "refuse":
                    return chosen, _refusal(item)
                self._stale.add(item.id)
            self._recent[item.id] = hash_
            chosen.append((item, hash_, state))
        return chosen, None

    def _hear(
        self, chosen: Sequence[tuple[Item, str, State]]
    ) -> tuple[list[tuple[Item, str, State]], dict[str, list[Window]]]:
        """Return the items without sounds that cannot be read, and the windows of the others."""
        heard = self._recordings.heard(item for item, _, _ in chosen)
        kept, found = [], {}
        for item, hash_, state in chosen:
            windows = heard.get(item.id, [])
            if isinstance(windows, str):
                self._fail(item, windows)
                continue
            if windows:
                found[item.id] = windows
                item = with_seconds(item, windows)
            kept.append((item, hash_, state))
        return kept, found

    def _fail(self, item: Item, why: str) -> None:
        """Report an item that cannot be read; what is stored of it stays."""
        if item.id in self._stale:
            self._stale.discard(item.id)
            why += "; what was indexed of it before is kept"
        self._recent.pop(item.id, None)
        self.failed[item.id] = why
        self.report.skipped.append(Skipped(item.source or item.id, why))

    def _hashed(self, items: Sequence[Item]) -> tuple[list[Item], list[str]]:
        """Return the items and their hashes, without those whose file cannot be read any more."""
        read, hashes = [], []
        for item in items:
            try:
                hashes.append(content_hash(item))
                read.append(item)
            except OSError as error:
                self.failed[item.id] = reason(error)
                self.report.skipped.append(Skipped(item.source or item.id, reason(error)))
        return read, hashes

    def _count(self, state: State) -> None:
        if state == State.CHANGED:
            self.report.updated += 1
        else:
            self.report.added += 1

    def _begin(self, count: int) -> None:
        """Store the batch that is being encoded, then start on the first `count` drafts."""
        self._finish()
        batch, self._drafts = self._drafts[:count], self._drafts[count:]
        if batch:
            self._underway = (batch, self._background.submit(self._vectors, batch))

    def _finish(self) -> None:
        """Store the batch that is being encoded, in one commit."""
        if self._underway is None:
            return
        (batch, future), self._underway = self._underway, None
        rows = self._rows(batch, future.result())
        self.before_commit()
        stale = self._stale & {row.id for row in rows}
        if stale:
            self._store.replace(rows, sorted(stale))
            self._stale -= stale
        else:
            self._store.append(rows)
        self.report.chunks += len(rows)

    def _rows(self, batch: Sequence[Draft], vectors: _Vectors) -> list[Row]:
        """Return the rows of a batch; what could not be encoded is reported and not counted.

        A recording of which one window could not be encoded is left out as a whole.
        """
        failed: dict[str, tuple[Item, str]] = {}
        for one, found in zip(batch, vectors, strict=True):
            if isinstance(found, str):
                failed.setdefault(one.item.id, (one.item, found))
        for item, why in failed.values():
            if item.id in self._stale:
                self.report.updated -= 1
            else:
                self.report.added -= 1
            self._fail(item, why)
        return [
            _row(one, found, self._metadata(one.item))
            for one, found in zip(batch, vectors, strict=True)
            if not isinstance(found, str) and one.item.id not in failed
        ]

    def _vectors(self, batch: Sequence[Draft]) -> _Vectors:
        """Encode a batch, in each modality by the encoders that store it."""
        found: _Vectors = [{} for _ in batch]
        for modality in dict.fromkeys(one.item.modality for one in batch):
            places = [i for i, one in enumerate(batch) if one.item.modality == modality]
            columns = self._encoders.storing(modality)
            if modality == "text":
                texts = [batch[i].encoded_text for i in places]
                encoded: list[tuple[FloatArray, dict[int, str]]] = [
                    (self._encode(texts, encoder), {}) for _, encoder in columns
                ]
            else:
                contents = [batch[i].content for i in places]
                encode = self._recordings.encode if modality == "audio" else encode_together
                encoded = encode([encoder for _, encoder in columns], contents)
            for (column, _), (rows, reasons) in zip(columns, encoded, strict=True):
                for at, place in enumerate(places):
                    own = found[place]
                    if at in reasons:
                        found[place] = reasons[at]
                    elif not isinstance(own, str):
                        own[column] = rows[at]
        self._add_said(batch, found)
        return found

    def _add_said(self, batch: Sequence[Draft], found: _Vectors) -> None:
        """Encode what is said in sounds as the texts that it is, too.

        Where sounds lie in the texts' space themselves, they stay there as what they sound like;
        what is said in them is then found by its words alone.
        """
        spoken = [(one.said, own) for one, own in zip(batch, found, strict=True) if one.said]
        if spoken:
            ((column, encoder),) = self._encoders.storing("text")
            rows = self._encode([said for said, _ in spoken], encoder)
            for (_, own), row in zip(spoken, rows, strict=True):
                if not isinstance(own, str):
                    own.setdefault(column, row)

    def _metadata(self, item: Item) -> Metadata:
        """Return an item's facts, and its thumbnail where one is kept."""
        if item.modality != "image" or not self._thumbnails:
            return item.metadata
        with suppress(CorruptFileError):  # the file went away just now: its vectors are made
            return {**item.metadata, "thumbnail": make_thumbnail(item.content, self._thumbnails)}
        return item.metadata

    def _encode(self, texts: list[str], encoder: Encoder) -> FloatArray:
        """Encode texts, repeated ones once."""
        place: dict[str, int] = {}
        where = [place.setdefault(text, len(place)) for text in texts]
        account = getattr(encoder, "encode_with_receipt", None)
        if account is None:
            return encoder.encode(list(place))[where]
        done = account(list(place))
        self.report.tokens += done.receipt.tokens
        self.report.unknown += done.receipt.unknown
        vectors: FloatArray = done.vectors[where]
        return vectors


def _full(drafts: Sequence[Draft]) -> int:
    """Return how many drafts, from the first, make a batch; 0 where there are too few."""
    rows = 0
    for count, one in enumerate(drafts, start=1):
        rows += 1 if one.item.modality == "text" else _OTHER_ROWS
        if rows >= BATCH_ROWS:
            return count
    return 0


def _seconds(item: Item) -> float:
    """Return how long a sound is said to be, that much work is not lost; 0 of what is none."""
    found = item.metadata.get("seconds", SECONDS) if item.modality == "audio" else 0.0
    return float(found) if isinstance(found, int | float) else SECONDS


def _row(one: Draft, vectors: dict[str, FloatArray], metadata: Metadata) -> Row:
    return Row(
        id=one.item.id,
        part=one.part,
        parts=one.parts,
        modality=one.item.modality,
        source=one.item.source,
        text=one.text,
        start=one.start,
        end=one.end,
        hash=one.hash,
        vectors=vectors,
        terms=one.terms,
        metadata=metadata,
    )


def _no_encoder(modality: str) -> str:
    known = {"image": NO_IMAGES, "audio": NO_SOUNDS}
    return known.get(modality, f"no encoder yet: {modality}")


def _refusal(item: Item) -> DuplicateIdError:
    return DuplicateIdError(
        f"id={item.id!r} is in the index with other content. Use upsert to replace it, "
        "or give the new item another id."
    )
