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
from typing import TYPE_CHECKING, Literal

from sememe._errors import DuplicateIdError
from sememe._types import Encoder, Item, Skipped
from sememe.index.draft import Analyzer, Draft, draft
from sememe.index.items import content_hash, has_text
from sememe.index.report import Report
from sememe.search.catalogue import State
from sememe.search.rows import Row

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.search.store import Store

BATCH_ROWS = 2048  # chunks of one commit: a second of encoding, 4 MB of vectors
_BATCH_ITEMS = 1024  # items looked up and cut together
_BATCH_CHARS = 4_000_000  # or fewer, if they are long
_RECENT = 65_536  # items of this run remembered by id, before the catalogue is read again

OnChange = Literal["refuse", "replace"]
_Vectors = dict[str, "FloatArray"]  # vector column -> (rows, dim)


class Writer:
    """Takes items one by one; the report is final after `flush`."""

    def __init__(
        self,
        store: Store,
        encoders: dict[str, Encoder],
        analyzer: Analyzer,
        *,
        on_change: OnChange,
    ) -> None:
        """Begin a run.

        Args:
            store: Where rows go.
            encoders: Vector column -> the encoder that fills it.
            analyzer: Makes the keyword terms.
            on_change: What happens to an id that is stored with other content.
        """
        self.report = Report()
        self._store = store
        self._encoders = encoders
        self._analyzer = analyzer
        self._on_change = on_change
        self.before_commit: Callable[[], None] = lambda: None
        self._known = store.known()
        self._recent: dict[str, str] = {}  # id -> hash of items met since the catalogue was read
        self._items: list[Item] = []  # taken, not yet cut
        self._chars = 0
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
        if thing.modality not in {encoder.modality for encoder in self._encoders.values()}:
            reason = f"no encoder yet: {thing.modality}"
            self.report.skipped.append(Skipped(thing.source or thing.id, reason))
            return
        if not has_text(thing):
            self.report.skipped.append(Skipped(thing.source or thing.id, self._no_text(thing.id)))
            return
        if thing.id in self._pending:
            self.flush()
        self._items.append(thing)
        self._pending.add(thing.id)
        self._chars += len(thing.content)
        if len(self._items) >= _BATCH_ITEMS or self._chars >= _BATCH_CHARS:
            self._cut()
        if len(self._recent) > _RECENT:
            self.flush()
            self._known, self._recent = self._store.known(), {}

    def flush(self) -> None:
        """Encode and store everything taken so far."""
        self._cut()
        self._begin(len(self._drafts))
        self._finish()
        self._pending.clear()

    def _cut(self) -> None:
        """Cut the items that have to be encoded, and commit as batches fill."""
        items, self._items, self._chars = self._items, [], 0
        chosen, refusal = self._choose(items)
        splitter = next(e for e in self._encoders.values() if e.modality == "text")
        cut = draft(
            [item for item, _, _ in chosen],
            [hash_ for _, hash_, _ in chosen],
            splitter,
            self._analyzer,
        )
        for (item, _, state), drafts in zip(chosen, cut, strict=True):
            if state == State.PARTIAL:
                stored = self._store.present_parts(item.id)
                drafts = [one for one in drafts if one.part not in stored]
            self._drafts.extend(drafts)
            self._count(state)
        while len(self._drafts) >= BATCH_ROWS:
            self._begin(BATCH_ROWS)
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
        hashes = [content_hash(item) for item in items]
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
        rows = _rows(batch, future.result())
        self.before_commit()
        stale = self._stale & {one.item.id for one in batch}
        if stale:
            self._store.replace(rows, sorted(stale))
            self._stale -= stale
        else:
            self._store.append(rows)
        self.report.chunks += len(rows)

    def _vectors(self, batch: Sequence[Draft]) -> _Vectors:
        """Encode a batch: for each column one row for each draft; repeated text is encoded once."""
        texts = [one.encoded_text for one in batch]
        place: dict[str, int] = {}
        where = [place.setdefault(text, len(place)) for text in texts]
        return {c: self._encode(e, list(place))[where] for c, e in self._encoders.items()}

    def _encode(self, encoder: Encoder, texts: list[str]) -> FloatArray:
        account = getattr(encoder, "encode_with_receipt", None)
        if account is None:
            return encoder.encode(texts)
        done = account(texts)
        self.report.tokens += done.receipt.tokens
        self.report.unknown += done.receipt.unknown
        vectors: FloatArray = done.vectors
        return vectors


def _rows(batch: Sequence[Draft], vectors: _Vectors) -> list[Row]:
    return [
        Row(
            id=one.item.id,
            part=one.part,
            parts=one.parts,
            modality=one.item.modality,
            source=one.item.source,
            text=one.text,
            start=one.start,
            end=one.end,
            hash=one.hash,
            vectors={column: matrix[at] for column, matrix in vectors.items()},
            terms=one.terms,
            metadata=one.item.metadata,
        )
        for at, one in enumerate(batch)
    ]


def _refusal(item: Item) -> DuplicateIdError:
    return DuplicateIdError(
        f"id={item.id!r} is in the index with other content. Use upsert to replace it, "
        "or give the new item another id."
    )
