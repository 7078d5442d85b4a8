"""Report of a change of an index, with the reason for each item that is not stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sememe._types import Skipped


@dataclass(slots=True)
class Report:
    """Report of one add, upsert, delete or sync, counted in items.

    Attributes:
        added: Items that are new.
        updated: Items whose content or metadata changed.
        unchanged: Items stored before; nothing was encoded.
        removed: Items removed.
        chunks: Vectors encoded and stored.
        tokens: Tokens in them.
        unknown: Tokens that are not in the vocabulary.
        skipped: What could not be used, and why.
        seconds: Wall time.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    tokens: int = 0
    unknown: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as `sememe index --json` prints it."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}
