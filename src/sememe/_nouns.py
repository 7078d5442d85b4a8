"""Nouns for the items of a modality, for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sememe._types import Modality

_NOUNS = {"text": "text", "image": "image", "audio": "recording"}


def noun(modality: Modality) -> str:
    """Return what one item is called.

    >>> noun("audio")
    'recording'
    """
    return _NOUNS[modality]
