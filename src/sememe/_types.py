"""Types shared by all packages: arrays, items and the Encoder protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
else:
    FloatArray = Any

Modality = Literal["text", "image", "audio"]
Metadata = Mapping[str, "str | int | float | bool | None"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to encode and to search for.

    Attributes:
        id: Unique within its collection; the same id means the same item.
        content: What is encoded: a str for text, bytes or a path for images and audio.
        modality: Which encoders can read the content.
        source: Where it came from, for people: a path within the folder, a file name, "".
        metadata: Flat values to filter by.
    """

    id: str
    content: Any
    modality: Modality = "text"
    source: str = ""
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be used, and why."""

    source: str
    reason: str


@runtime_checkable
class Encoder(Protocol):
    """Encodes items of one modality as unit vectors of one space."""

    @property
    def name(self) -> str:
        """How to load it again with `sememe.load`."""

    @property
    def dim(self) -> int:
        """Width of a vector."""

    @property
    def modality(self) -> Modality:
        """What it encodes: "text", "image" or "audio"."""

    @property
    def space(self) -> str:
        """Fingerprint of the vector space: equal if and only if vectors may be compared."""

    def encode(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, always 2-D, one unit row for each item."""


@runtime_checkable
class PairScorer(Protocol):
    """Scores pairs of texts, as a cross-encoder does."""

    @property
    def name(self) -> str:
        """How to load it again with `sememe.load`."""

    def score(self, pairs: Sequence[tuple[str, str]], *, show_progress: bool = False) -> FloatArray:
        """Return (n,) float32, a score for each pair; higher is better."""
