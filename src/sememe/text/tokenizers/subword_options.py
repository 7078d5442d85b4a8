"""Options of subword tokenizers, shared by training and use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sememe._errors import UnknownNameError

Model = Literal["bpe", "unigram"]
Level = Literal["bytes", "characters"]
Normalization = Literal["NFC", "NFKC", "none"]


def check_name(what: str, got: str, allowed: Sequence[str]) -> None:
    """Raise UnknownNameError if an option is not one of the allowed words."""
    if got not in allowed:
        raise UnknownNameError.of(what, got, allowed)
