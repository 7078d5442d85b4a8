"""What is searched for: a text, an image or audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._types import Modality
from sememe.index.querying.hits import Mode


@dataclass(frozen=True, slots=True)
class Query:
    """One search of an index.

    Attributes:
        content: A text; or an image or audio as an encoder takes it.
        modality: Which of the three: "text", "image" or "audio".
        k: How many items at most.
        mode: How a text is searched for; images and audio are compared by their vectors alone.
        where: SQL over the columns that every hit passes.
    """

    content: Any
    modality: Modality = "text"
    k: int = 10
    mode: Mode = "hybrid"
    where: str | None = None

    def check(self) -> None:
        """Refuse a query that cannot be run.

        Raises:
            UnknownNameError: An unknown mode.
            InvalidInputError: A text that is not a str, or k below 1.
        """
        if self.mode not in get_args(Mode):
            raise UnknownNameError.of("mode", self.mode, get_args(Mode))
        if self.modality == "text" and not isinstance(self.content, str):
            raise InvalidInputError(f"query is {type(self.content).__name__}; give a str.")
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise InvalidInputError(f"k={self.k!r}; give a whole number of at least 1.")
