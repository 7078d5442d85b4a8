"""A search by a picture: images that look like it, and texts about what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe.index.encoders import NO_IMAGES
from sememe.index.hits import Hits
from sememe.index.legs import PICTURES, merged, steadied
from sememe.index.searcher import check_k, hits_of

if TYPE_CHECKING:
    from sememe.index.encoders import Encoders
    from sememe.search.similarity import VectorLeg
    from sememe.search.store import Store


class PictureSearcher:
    """Searches one version of a store by a picture.

    Where an encoder has a space of its own, images are ranked by it, as it sees more than what can
    be said; the spaces that text shares then find texts.
    """

    def __init__(self, store: Store, encoders: Encoders) -> None:
        self._store = store
        self._encoders = encoders

    def search(self, picture: Any, *, k: int, where: str | None) -> Hits:
        """Return the k best items; see `Index.search_image`."""
        check_k(k)
        columns = self._encoders.asking("image")
        if not columns:
            raise InvalidInputError(NO_IMAGES)
        if not self._store.count():
            return Hits((), "semantic", {}, note="the index is empty")
        shared = {column for column, _ in self._encoders.asking("text")}
        legs: list[VectorLeg] = []
        alone = any(column not in shared for column, _ in columns)
        for column, encoder in sorted(columns, key=lambda pair: pair[0] in shared):
            vector = encoder.encode([picture])
            if alone and column in shared:
                texts = ("modality <> 'image'",)
                found = self._store.search_groups(column, vector[0], k, texts, where=where)
                legs += map(steadied, found)
            else:
                found = self._store.search_vectors(column, vector, k, where=where)
                legs += (steadied(leg, PICTURES) for leg in found)
        leg = merged(legs, k)
        hits = hits_of(self._store, leg.ids, leg.scores.tolist(), self._store.rows(leg.rows))
        note = "" if hits else "no document passes the filter" if where else "nothing has a vector"
        return Hits(hits, "semantic", {"semantic": 1.0}, note)
