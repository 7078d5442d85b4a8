"""Semantic search: documents by the vectors of a text, an image or audio, on one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sememe._errors import CorruptFileError
from sememe._types import FloatArray, Modality
from sememe.encoders.audio.everyday_sounds import SoundNameEncoder
from sememe.encoders.base import BaseEncoder
from sememe.index.encoders import Encoders
from sememe.index.writing.items import MEDIA
from sememe.search.ranking.exact import VectorRanking
from sememe.search.ranking.score_fusion import (
    MEDIA_PRIOR,
    TEXT_PRIOR,
    merge_results,
    shrink_statistics,
)
from sememe.search.store import Store
from sememe.text.normalize import compose


@dataclass(frozen=True, slots=True)
class VectorSearch:
    """Ranks the documents of one version of a store."""

    store: Store
    encoders: Encoders

    def rank_by_text(
        self, text: str, k: int, where: str | None
    ) -> tuple[VectorRanking, str, FloatArray]:
        """Rank the k documents nearest to a text, over all columns that texts are compared in.

        Returns (ranking, column, vector): the first of the columns, whose scale the scores have,
        and the text's vector in it, (dim,).
        """
        columns = self.encoders.load_for_queries("text")
        rankings: list[VectorRanking] = []
        vectors: list[FloatArray] = []
        for column, encoder in columns:
            vectors.append(encoder.encode_query([compose(text)]))  # (1, dim)
            rankings += self._rank_column(column, vectors[-1], k, where)
        return merge_results(rankings, k), columns[0][0], vectors[0][0]

    def rank_by_example(
        self, content: Any, modality: Modality, k: int, where: str | None
    ) -> VectorRanking:
        """Return the k documents nearest to an image, or to audio (query by example).

        Where its encoder has a space of its own, images (audio) are ranked by it, as it keeps more
        than words can describe; the spaces that text shares then rank the rest.
        """
        columns = self.encoders.load_for_queries(modality)
        shared = set(self.encoders.list_columns("text"))
        has_own = any(column not in shared for column, _ in columns)
        rankings: list[VectorRanking] = []
        for column, encoder in sorted(columns, key=lambda pair: pair[0] in shared):
            vector = _encode_example(encoder, content)  # (1, dim)
            if has_own and vector[0, 0] != vector[0, 0]:  # NaN: a sound whose name is unknown
                continue
            if has_own and column in shared:
                others = (f"modality <> '{modality}'",)
                (ranking,) = self.store.search_groups(column, vector[0], k, others, where=where)
                rankings.append(shrink_statistics(ranking))
            else:
                (ranking,) = self.store.search_vectors(column, vector, k, where=where)
                rankings.append(shrink_statistics(ranking, MEDIA_PRIOR))
        return merge_results(rankings, k)

    def _rank_column(
        self, column: str, vector: FloatArray, k: int, where: str | None
    ) -> list[VectorRanking]:
        """Rank a column's documents; images and audio apart where they share it with texts."""
        shared = [kind for kind in MEDIA if column in self.encoders.list_columns(kind)]
        text_columns = self.encoders.list_columns("text")
        is_text_column = column == text_columns[0]
        if not is_text_column or not shared:
            rankings = self.store.search_vectors(column, vector, k, where=where)
            # To be compared with another column's, the statistics of a few texts need a prior.
            compared = is_text_column and len(text_columns) > 1
            return [shrink_statistics(one) for one in rankings] if compared else rankings
        own = [f"modality = '{kind}'" for kind in shared]
        groups = (" AND ".join(one.replace("=", "<>") for one in own), *own)
        texts, *others = self.store.search_groups(column, vector[0], k, groups, where=where)
        rankings = [
            self._rescale(ranking, column, kind, vector[0])
            for kind, ranking in zip(shared, others, strict=True)
            if ranking.count
        ]
        return [shrink_statistics(texts), *rankings] if rankings else [texts]

    def _rescale(
        self, ranking: VectorRanking, column: str, kind: Modality, vector: FloatArray
    ) -> VectorRanking:
        """Give a ranking of images in the text column the statistics that its encoder expects."""
        background = self.encoders.load_column(column, kind).estimate_background(vector)
        if background is None:
            return ranking
        mean, deviation = background
        return replace(ranking, mean=mean, deviation=max(deviation, TEXT_PRIOR.deviation))


def _encode_example(encoder: BaseEncoder, content: Any) -> FloatArray:
    """Return the (1, dim) vector of an image or a sound; NaN of a sound whose name is unknown."""
    if not isinstance(encoder, SoundNameEncoder):
        return encoder.encode([content])
    done = encoder.encode_named([content])
    if done.failed:
        raise CorruptFileError(done.failed[0])
    return done.vectors
