"""A search by a picture or a sound: what is like it, and texts about what it shows or says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.index.encoders import NO_IMAGES, NO_SOUNDS
from sememe.index.legs import PICTURES, merged, steadied
from sememe.index.querying.hits import Hits
from sememe.index.querying.searcher import check_k, hits_of

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.index.encoders import Encoders
    from sememe.search.ranking.exact import VectorLeg
    from sememe.search.store import Store


class LikeSearcher:
    """Searches one version of a store by a picture, or by a sound.

    Where an encoder has a space of its own, images (sounds) are ranked by it, as it sees more than
    what can be said; the spaces that text shares then find texts.
    """

    def __init__(self, store: Store, encoders: Encoders, modality: Modality) -> None:
        self._store = store
        self._encoders = encoders
        self._modality = modality

    def search(self, query: Any, *, k: int, where: str | None) -> Hits:
        """Return the k best items; see `Index.search_image` and `Index.search_sound`."""
        check_k(k)
        columns = self._encoders.asking(self._modality)
        if not columns:
            raise InvalidInputError(NO_IMAGES if self._modality == "image" else NO_SOUNDS)
        if not self._store.count():
            return Hits((), "semantic", {}, note="the index is empty")
        shared = {column for column, _ in self._encoders.asking("text")}
        legs: list[VectorLeg] = []
        alone = any(column not in shared for column, _ in columns)
        for column, encoder in sorted(columns, key=lambda pair: pair[0] in shared):
            vector = encoder.encode([query])
            if alone and column in shared:
                texts = (f"modality <> '{self._modality}'",)
                found = self._store.search_groups(column, vector[0], k, texts, where=where)
                legs += map(steadied, found)
            else:
                found = self._store.search_vectors(column, vector, k, where=where)
                legs += (steadied(leg, PICTURES) for leg in found)
        leg = merged(legs, k)
        hits = hits_of(self._store, leg.ids, leg.scores.tolist(), self._store.rows(leg.rows))
        note = "" if hits else "no document passes the filter" if where else "nothing has a vector"
        return Hits(hits, "semantic", {"semantic": 1.0}, note)
