"""What a search found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

from sememe._errors import InvalidInputError
from sememe._ties import rank, tolerance_of_outputs
from sememe._types import Metadata, PairScorer

Mode = Literal["hybrid", "semantic", "keyword"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One item found, shown by the passage that answers best.

    Attributes:
        id: The item.
        score: Higher is better; comparable within one search only.
        modality: "text", "image" or "audio".
        source: Where the item came from.
        text: The passage; of a sound, what is said in the window, where that was written down.
        start: Its first character within the item's text; of a sound, the window's first second.
        end: One past its last character; of a sound, its last second.
        metadata: The item's facts, those that have a value.
    """

    id: str
    score: float
    modality: str
    source: str
    text: str
    start: int | float
    end: int | float
    metadata: Metadata = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as `sememe search --json` prints it."""
        names = ("id", "score", "modality", "source", "text", "start", "end")
        return {**{name: getattr(self, name) for name in names}, "metadata": dict(self.metadata)}


@dataclass(frozen=True)
class Hits(Sequence[Hit]):
    """Hits, best first, ties by id; and how they were found.

    Attributes:
        mode: The mode asked for.
        weights: Share of each leg in the scores, "semantic" and "keyword", adding up to 1; in those
            that came before, where the hits were ranked again.
        note: Why a leg was set aside, in words; "" where none was.
    """

    found: tuple[Hit, ...]
    mode: Mode
    weights: dict[str, float]
    note: str = ""

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Hit]: ...
    def __getitem__(self, place: int | slice) -> Hit | Sequence[Hit]:
        """Return the hit, or hits, at a place."""
        return self.found[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.found)

    def __iter__(self) -> Iterator[Hit]:
        """Go through them, best first."""
        return iter(self.found)

    @property
    def ids(self) -> list[str]:
        """The items found, best first."""
        return [hit.id for hit in self.found]

    @property
    def scores(self) -> list[float]:
        """Their scores, descending."""
        return [hit.score for hit in self.found]

    def reranked(self, query: str, scorer: PairScorer, *, k: int | None = None) -> Hits:
        """Return the k best hits, all unless told, as a cross-encoder scores query and passage.

        Ties by id.

        Raises:
            InvalidInputError: The scorer gives something else than one number for each hit.
        """
        if not self.found:
            return self
        scores = [float(score) for score in scorer.score([(query, hit.text) for hit in self])]
        if len(scores) != len(self.found) or any(score != score for score in scores):
            raise InvalidInputError(
                f"{scorer.name} gave {len(scores)} scores, or NaN among them, for "
                f"{len(self.found)} hits. Give a cross-encoder with one score for each pair."
            )
        ranked = rank(scores, self.ids, tolerance=tolerance_of_outputs(scores))[:k]
        hits = (replace(self.found[place], score=score) for place, score in ranked)
        return replace(self, found=tuple(hits))
