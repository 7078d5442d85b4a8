"""Ignore rules of a folder, in `.gitignore` syntax."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.sources.encoding import decode

# Among them hidden files and folders (.*) and the lock files of office programs (~$*).
DEFAULTS = (
    ".* node_modules/ __pycache__/ *.egg-info/ Thumbs.db desktop.ini ~$* *~ *.pyc *.swp *.tmp "
    "*.part *.crdownload"
).split()
IGNORE_FILES = (".gitignore", ".sememeignore")
MAX_IGNORE_BYTES = 1 << 20


class IgnoreRules:
    """Patterns in the order defaults, `.gitignore`, `.sememeignore`, caller; the last match wins.

    A later `!pattern` therefore overrides an earlier one: `!.github/` includes that folder.
    """

    def __init__(self, root: Path, ignore: Sequence[str]) -> None:
        from pathspec import GitIgnoreSpec

        self.skipped: list[Skipped] = []
        self._spec = GitIgnoreSpec.from_lines(DEFAULTS)
        for name in IGNORE_FILES:
            self._add_file(root / name)
        try:
            self._spec += GitIgnoreSpec.from_lines(ignore)
        except ValueError as error:
            message = f"ignore={list(ignore)!r} is not made of .gitignore patterns: {error}"
            raise InvalidInputError(message) from None

    def match(self, relative: str, *, is_folder: bool) -> bool:
        """Return whether a posix path relative to the root is ignored."""
        return self._spec.match_file(relative + "/" if is_folder else relative)

    def _add_file(self, path: Path) -> None:
        from pathspec import GitIgnoreSpec

        try:
            if not path.is_file():
                return
            with path.open("rb") as stream:
                lines = decode(stream.read(MAX_IGNORE_BYTES)).text.splitlines()
        except OSError as error:
            self.skipped.append(Skipped(path.name, f"its patterns are unread: {error.strerror}"))
            return
        for number, line in enumerate(lines, 1):
            try:
                self._spec += GitIgnoreSpec.from_lines([line])
            except ValueError as error:
                self.skipped.append(Skipped(path.name, f"line {number} is not a pattern: {error}"))
