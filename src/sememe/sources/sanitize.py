"""What no text may hold: NUL and halves of surrogate pairs."""

from __future__ import annotations

import re

SURROGATES = re.compile("[\ud800-\udfff]")


class Sanitizer:
    """Cleans text and counts what it did, so that one file gets one note about it."""

    def __init__(self) -> None:
        self.nuls = 0
        self.surrogates = 0

    def sanitize(self, text: str) -> str:
        """Remove NULs and replace each lone surrogate by U+FFFD."""
        if "\0" in text:
            self.nuls += text.count("\0")
            text = text.replace("\0", "")
        if not text.isascii() and SURROGATES.search(text):
            text, found = SURROGATES.subn("\ufffd", text)
            self.surrogates += found
        return text

    def notes(self) -> list[str]:
        """Say what was changed, for people; nothing when nothing was."""
        found = []
        if self.nuls:
            found.append(f"{self.nuls} NUL characters were removed")
        if self.surrogates:
            found.append(f"{self.surrogates} lone surrogates were replaced by U+FFFD")
        return found
