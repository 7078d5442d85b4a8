"""Hits of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Any, Literal, overload

from sememe._errors import InvalidInputError
from sememe._ties import rank, tolerance_of_outputs
from sememe._types import Metadata, Modality, PairScorer

Mode = Literal["hybrid", "semantic", "keyword"]
More = Mapping[Modality, tuple["Hit", ...]]
OF_EACH = 3  # hits of each modality that the best ones should not push aside


@dataclass(frozen=True, slots=True)
class Hit:
    """One item of a search, shown by its best passage.

    Attributes:
        id: The item.
        score: Relevance to a text: the probability, from 0 to 1, that the item is what was asked
            for, whatever the mode. To an image or audio, the similarity; after reranking, the
            cross-encoder's score.
        modality: "text", "image" or "audio".
        source: Where the item came from.
        text: The passage; of audio, the words spoken in the window, where they were transcribed,
            else the name of an everyday sound, such as "rain (probably)", "" where it is unknown;
            of an image, what a network sees in it, in English and Korean, where it is sure enough.
        start: Its first character within the item's text; of audio, the window's first second.
        end: One past its last character; of audio, the window's last second.
        metadata: The item's metadata that has a value.
        similarity: Cosine of the item's nearest passage, or of its image or audio, to the query, on
            the scale of the first column it was compared in; None where it was not compared.
        bm25: Score of the item's words; None where it holds none of the query's.
    """

    id: str
    score: float
    modality: str
    source: str
    text: str
    start: int | float
    end: int | float
    metadata: Metadata = field(default_factory=dict)
    similarity: float | None = None
    bm25: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as `sememe search --json` prints it."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"metadata": dict(self.metadata)}


@dataclass(frozen=True)
class Hits(Sequence[Hit]):
    """Hits, best first, ties by id; and how they were ranked.

    Attributes:
        hits: The hits.
        mode: The mode asked for.
        weights: Share of "semantic" and "keyword" in what speaks for the best hit, adding up to 1;
            after reranking, in what did before it.
        note: Why one of the two was ignored; "" where none was.
        more: The next hits of each modality with fewer than three among `hits`, up to three in all;
            for a text, those closer to it than chance or with a word of it. See `by_modality`.
        nothing_close: Whether even the best hit is likely no answer to the text, in hybrid and
            semantic search, as `search.ranking.score_fusion.lacks_close` tells; not after
            reranking.
    """

    hits: tuple[Hit, ...]
    mode: Mode
    weights: dict[str, float]
    note: str = ""
    more: More = field(default_factory=dict)
    nothing_close: bool = False

    @overload
    def __getitem__(self, at: int) -> Hit: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Hit]: ...
    def __getitem__(self, at: int | slice) -> Hit | Sequence[Hit]:
        return self.hits[at]

    def __len__(self) -> int:
        return len(self.hits)

    def to_dict(self) -> dict[str, Any]:
        """Return the hits and how they were ranked, as `sememe search --json` prints them."""
        hits = [hit.to_dict() for hit in self.hits]
        more = {kind: [hit.to_dict() for hit in own] for kind, own in self.more.items()}
        facts = {"mode": self.mode, "weights": self.weights, "note": self.note}
        return {**facts, "nothing_close": self.nothing_close, "hits": hits, "more": more}

    def by_modality(self) -> dict[str, tuple[Hit, ...]]:
        """Return the hits of each modality, best first, with those of `more`."""
        groups: dict[str, list[Hit]] = {}
        for hit in (*self.hits, *chain.from_iterable(self.more.values())):
            groups.setdefault(hit.modality, []).append(hit)
        return {kind: tuple(own) for kind, own in groups.items()}

    @property
    def ids(self) -> list[str]:
        """The items' ids, best first."""
        return [hit.id for hit in self.hits]

    @property
    def scores(self) -> list[float]:
        """The scores, descending."""
        return [hit.score for hit in self.hits]

    def above(self, score: float) -> Hits:
        """Return the hits with at least this score, those of `more`, too.

        Raises:
            InvalidInputError: If the score is NaN.
        """
        if score != score:
            raise InvalidInputError("min_score is NaN; give a number, such as 0.5.")
        hits = tuple(hit for hit in self.hits if hit.score >= score)
        more = {kind: tuple(h for h in own if h.score >= score) for kind, own in self.more.items()}
        more = {kind: own for kind, own in more.items() if own}
        note = self.note
        if self.hits and not hits:
            best = f"{self.hits[0].score:.4g}"
            note = f"no hit has a score of {score:g} or more; the best has {best}. Give a lower one"
        return replace(self, hits=hits, note=note, more=more)

    def rerank(self, query: str, scorer: PairScorer, *, k: int | None = None) -> Hits:
        """Return the k best hits, all by default, by a cross-encoder's scores; ties by id.

        `more` is then empty, as its hits were not compared with these.

        Raises:
            InvalidInputError: If the scorer does not return one number for each hit.
        """
        if not self.hits:
            return self
        scores = [float(score) for score in scorer.score([(query, hit.text) for hit in self])]
        if len(scores) != len(self.hits) or any(score != score for score in scores):
            raise InvalidInputError(
                f"{scorer.name} gave {len(scores)} scores, or NaN among them, for "
                f"{len(self.hits)} hits. Give a cross-encoder with one score for each pair."
            )
        ranked = rank(scores, self.ids, tolerance=tolerance_of_outputs(scores))[:k]
        hits = tuple(replace(self.hits[i], score=score) for i, score in ranked)
        return replace(self, hits=hits, more={}, nothing_close=False)
