"""Plan, the second step of writing: which items are new, changed, half stored, or unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from sememe._errors import DuplicateIdError
from sememe._types import Item, Skipped
from sememe.index.encoders import Encoders, explain_no_encoder
from sememe.index.writing.batch import Batch, Change, WriteLog
from sememe.index.writing.items import content_hash, has_text
from sememe.search.store import Store
from sememe.search.table.item_catalogue import State
from sememe.sources.open_file import reason

RECENT = 65_536  # items of this run remembered by id, before the catalogue is read again

OnChange = Literal["refuse", "replace"]


class Planner:
    """Compares items with what is stored."""

    def __init__(
        self, store: Store, encoders: Encoders, log: WriteLog, on_change: OnChange
    ) -> None:
        self._store, self._encoders, self._log = store, encoders, log
        self._on_change = on_change
        self._known = store.read_catalogue()
        self._recent: dict[str, str] = {}  # id -> hash, of items met since the catalogue was read

    def plan(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Set the changes of each batch; raises DuplicateIdError as `Writer.write`."""
        for batch in batches:
            refusal = self._choose(batch)
            is_full = len(self._recent) > RECENT
            batch.flush = batch.flush or is_full or refusal is not None
            yield batch
            if refusal is not None:
                raise refusal
            if is_full:
                self._known, self._recent = self._store.read_catalogue(), {}

    def _choose(self, batch: Batch) -> DuplicateIdError | None:
        """Set a batch's changes; return the refusal of the item that ends them, if one does."""
        self._withdraw_failed()
        accepted = list(self._accept(batch.things))
        ids, hashes = [item.id for item, _ in accepted], [hash_ for _, hash_ in accepted]
        states = self._known.states(ids, hashes).tolist()
        for (item, hash_), code in zip(accepted, states, strict=True):
            state, recent = State(code), self._recent.get(item.id)
            if recent is not None:
                state = State.SAME if recent == hash_ else State.CHANGED
            if state == State.SAME:
                self._log.report.unchanged += 1
                continue
            if state == State.CHANGED and self._on_change == "refuse":
                return DuplicateIdError(
                    f"id={item.id!r} is in the index with other content. Use upsert to replace it, "
                    "or give the new item another id."
                )
            self._recent[item.id] = hash_
            batch.changes.append(Change(item, hash_, state, state == State.CHANGED, recent))
        return None

    def _accept(self, things: Iterable[Item | Skipped]) -> Iterator[tuple[Item, str]]:
        """Yield items that can be encoded, with their content hashes; report the others."""
        for thing in things:
            if isinstance(thing, Skipped):
                self._log.report.skipped.append(thing)
            elif not self._encoders.can_store(thing.modality):
                self._log.fail(thing, explain_no_encoder(thing.modality))
            elif not has_text(thing):
                stays = "; what is stored under its id stays" if self._is_stored(thing.id) else ""
                self._log.skip(thing, f"no text in it{stays}")
            else:
                try:
                    hash_ = content_hash(thing)
                except OSError as error:
                    self._log.fail(thing, reason(error))
                else:
                    yield thing, hash_

    def _withdraw_failed(self) -> None:
        """Remember of changes that failed what is still stored under their ids."""
        for id_, hash_ in self._log.withdrawn.items():
            if hash_ is None:
                self._recent.pop(id_, None)
            else:
                self._recent[id_] = hash_
        self._log.withdrawn.clear()

    def _is_stored(self, id_: str) -> bool:
        return id_ in self._recent or self._known.states([id_], [""])[0] != State.NEW
