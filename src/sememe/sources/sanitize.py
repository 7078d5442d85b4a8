"""Remove what no text may contain: NUL and lone surrogates."""

from __future__ import annotations

import re

SURROGATES = re.compile("[\ud800-\udfff]")


class Sanitizer:
    """Sanitizes text and counts the changes, for one note per file."""

    def __init__(self) -> None:
        self.nuls = self.surrogates = 0

    def sanitize(self, text: str) -> str:
        """Remove NULs and replace each lone surrogate by U+FFFD."""
        if "\0" in text:
            self.nuls += text.count("\0")
            text = text.replace("\0", "")
        if not text.isascii() and SURROGATES.search(text):
            text, count = SURROGATES.subn("\ufffd", text)
            self.surrogates += count
        return text

    def notes(self) -> list[str]:
        """Return what was changed, one note per kind of change."""
        counts = {
            "NUL characters were removed": self.nuls,
            "lone surrogates were replaced by U+FFFD": self.surrogates,
        }
        return [f"{count} {change}" for change, count in counts.items() if count]
