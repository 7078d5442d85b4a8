"""Hits of each modality after the best ones, so that those of one do not push others aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import get_args

from sememe._nouns import noun
from sememe._types import Modality
from sememe.index.querying.hits import OF_EACH
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.filters import filter_modality
from sememe.search.ranking.relevance import expect_best, standardize
from sememe.search.store import Store

_MODALITIES: tuple[Modality, ...] = get_args(Modality)


@dataclass(frozen=True, slots=True)
class Variety:
    """Chooses hits of every modality that a store holds."""

    store: Store

    def choose_more(
        self,
        ids: Sequence[str],
        k: int,
        *,
        near: VectorRanking | None = None,
        worded: Collection[str] = (),
    ) -> dict[Modality, list[str]]:
        """Return ids after the first k, up to three of each modality with those before, in order.

        Where a ranking by meaning is given as `near`, an item counts only if it holds a word of the
        query (`worded`), or is farther above the mean of `near`, in its deviations, than the best
        of as many unrelated items as there are of its modality would be (`relevance.expect_best`).
        """
        rows = self.count_rows()
        present = [kind for kind in _MODALITIES if rows[kind]]
        if len(present) < 2:
            return {}
        groups = self.store.assign(ids, [filter_modality(kind) for kind in present])
        kinds = [present[group] for group in groups]
        chance = {kind: expect_best(rows[kind]) for kind in present}
        heights = {} if near is None else _measure_heights(near)
        shown = Counter(kinds[:k])
        more: dict[Modality, list[str]] = {}
        for id_, kind in zip(ids[k:], kinds[k:], strict=True):
            counts = near is None or id_ in worded or heights.get(id_, 0.0) > chance[kind]
            if counts and shown[kind] < OF_EACH:
                shown[kind] += 1
                more.setdefault(kind, []).append(id_)
        return more

    def count_rows(self) -> dict[Modality, int]:
        """Return how many rows the store holds of each modality."""
        return {kind: self.store.count_rows(filter_modality(kind)) for kind in _MODALITIES}

    def explain_absence(self, modality: Modality) -> str:
        """Return that the store holds nothing of a modality; "" if it holds some."""
        if self.store.count_rows(filter_modality(modality)):
            return ""
        return f"the index holds no {noun(modality)}s"


def _measure_heights(ranking: VectorRanking) -> dict[str, float]:
    """Return by how many deviations each document's score is above the mean."""
    heights = standardize(ranking.scores, ranking.mean, ranking.deviation)
    return dict(zip(ranking.ids, heights.tolist(), strict=True))
