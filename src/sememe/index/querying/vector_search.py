"""Semantic search: documents by the vectors of a text, an image or audio, on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sememe._errors import CorruptFileError
from sememe._types import FloatArray, Modality
from sememe.encoders.audio.everyday_sounds import SoundNameEncoder
from sememe.encoders.base import BaseEncoder
from sememe.index.encoders import Encoders
from sememe.index.writing.items import MEDIA
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.filters import exclude_modalities, filter_modality
from sememe.search.ranking.score_fusion import (
    MEDIA_PRIOR,
    TEXT_PRIOR,
    Prior,
    merge_results,
    shrink_statistics,
)
from sememe.search.store import Store
from sememe.text.normalize import compose


@dataclass(frozen=True, slots=True)
class VectorSearch:
    """Ranks the documents of one version of a store.

    The methods rank k documents of each kind that is compared by itself, so that those of one kind
    do not push the others aside. where: SQL over the columns that every document passes.
    """

    store: Store
    encoders: Encoders

    def rank_by_text(
        self, text: str, k: int, where: str | None, modality: Modality | None = None
    ) -> tuple[VectorRanking, str, FloatArray]:
        """Rank the documents nearest to a text, over all columns that texts are compared in.

        modality: That of all documents that pass `where`; None if they are of several.

        Returns (ranking, column, vector): the first of the columns, on whose scale the scores are,
        and the text's vector in it, (dim,).
        """
        columns = self.encoders.load_for_queries("text")
        rankings: list[VectorRanking] = []
        vectors: list[FloatArray] = []
        for column, encoder in columns:
            vectors.append(encoder.encode_query([compose(text)]))  # (1, dim)
            query = vectors[-1][0]
            rankings += self._rank_column(column, encoder, query, k, where, modality)
        return merge_results(rankings, k * len(rankings)), columns[0][0], vectors[0][0]

    def keep_comparable(self, ids: Sequence[str]) -> list[str]:
        """Return the items whose similarities in the text column need no other scale."""
        shared = self._find_shared(self.encoders.list_columns("text")[0])
        if not shared:
            return list(ids)
        groups = self.store.assign(ids, [filter_modality(kind) for kind in shared])
        return [id_ for id_, group in zip(ids, groups, strict=True) if group < 0]

    def rank_by_example(
        self, content: Any, modality: Modality, k: int, where: str | None
    ) -> list[VectorRanking]:
        """Rank the documents nearest to an image, or to audio (query by example).

        Returns one or two rankings; documents of the second come after all of the first. Where its
        encoder has a space of its own, images (audio) are ranked by it, as it keeps more than words
        can describe; then those of other modalities, by the spaces that text shares. Without a
        space of its own, these rank all.
        """
        columns = self.encoders.load_for_queries(modality)
        shared = set(self.encoders.list_columns("text"))
        has_own = any(column not in shared for column, _ in columns)
        own: list[VectorRanking] = []
        others: list[VectorRanking] = []
        for column, encoder in columns:
            vector = _encode_example(encoder, content)  # (1, dim)
            if has_own and vector[0, 0] != vector[0, 0]:  # NaN: a sound whose name is unknown
                continue
            if column not in shared:
                (ranking,) = self.store.search_vectors(column, vector, k, where=where)
                own.append(shrink_statistics(ranking, MEDIA_PRIOR))
            elif has_own:
                groups = (exclude_modalities([modality]),)
                (ranking,) = self.store.search_groups(column, vector[0], k, groups, where=where)
                others.append(shrink_statistics(ranking, _find_prior(encoder)))
            else:
                (ranking,) = self.store.search_vectors(column, vector, k, where=where)
                others.append(shrink_statistics(ranking, MEDIA_PRIOR))
        return [merge_results(some, k * len(some)) for some in (own, others) if some]

    def _rank_column(
        self,
        column: str,
        encoder: BaseEncoder,
        query: FloatArray,
        k: int,
        where: str | None,
        modality: Modality | None,
    ) -> list[VectorRanking]:
        """Rank a column's documents; images and audio apart where they share it with texts."""
        shared = self._find_shared(column)
        is_text_column = column == self.encoders.list_columns("text")[0]
        usual, prior = encoder.usual_similarity, _find_prior(encoder)
        if not is_text_column or not shared:
            rankings = self.store.search_vectors(column, query[None], k, where=where)
            if not is_text_column:
                return rankings
            return [replace(shrink_statistics(one, prior), usual=usual) for one in rankings]
        groups: dict[Modality, str] = {kind: filter_modality(kind) for kind in shared}
        groups["text"] = exclude_modalities(shared)
        if modality in groups:
            groups = {modality: groups[modality]}
        found = self.store.search_groups(column, query, k, list(groups.values()), where=where)
        by_kind = dict(zip(groups, found, strict=True))
        texts = by_kind.pop("text", None)
        others = [
            self._rescale(ranking, column, kind, query, prior)
            for kind, ranking in by_kind.items()
            if ranking.count
        ]
        if texts is None:
            return others or found
        return [replace(shrink_statistics(texts, prior), usual=usual), *others]

    def _find_shared(self, column: str) -> list[Modality]:
        """Return the modalities other than text that have vectors in a column."""
        return [kind for kind in MEDIA if column in self.encoders.list_columns(kind)]

    def _rescale(
        self,
        ranking: VectorRanking,
        column: str,
        kind: Modality,
        vector: FloatArray,
        prior: Prior,
    ) -> VectorRanking:
        """Give a ranking of images in the text column the statistics that its encoder expects."""
        background = self.encoders.load_column(column, kind).estimate_background(vector)
        if background is None:
            return ranking
        mean, deviation = background
        return replace(ranking, mean=mean, deviation=max(deviation, prior.deviation))


def _encode_example(encoder: BaseEncoder, content: Any) -> FloatArray:
    """Return the (1, dim) vector of an image or a sound; NaN of a sound whose name is unknown."""
    if not isinstance(encoder, SoundNameEncoder):
        return encoder.encode([content])
    done = encoder.encode_named([content])
    if done.failed:
        raise CorruptFileError(done.failed[0])
    return done.vectors


def _find_prior(encoder: BaseEncoder) -> Prior:
    usual = encoder.usual_similarity
    return Prior(*usual) if usual else TEXT_PRIOR
