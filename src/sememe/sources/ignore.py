"""Ignore rules of a folder, in `.gitignore` syntax."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe._types import Skipped

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

DEFAULTS = (
    ".*",  # hidden files and folders: .git, .venv, .DS_Store, .cache
    "node_modules/",
    "__pycache__/",
    "*.egg-info/",
    "Thumbs.db",
    "desktop.ini",
    "~$*",  # lock files of office programs
    "*~",
    "*.pyc",
    "*.swp",
    "*.tmp",
    "*.part",
    "*.crdownload",
)
IGNORE_FILES = (".gitignore", ".sememeignore")
MAX_IGNORE_BYTES = 1 << 20


class IgnoreRules:
    """Patterns in the order defaults, `.gitignore`, `.sememeignore`, caller; the last match wins.

    A later `!pattern` therefore overrides an earlier one: `!.github/` includes that folder.
    """

    def __init__(self, root: Path, ignore: Sequence[str]) -> None:
        from pathspec import GitIgnoreSpec

        self.skipped: list[Skipped] = []
        try:
            given = GitIgnoreSpec.from_lines(ignore)
        except ValueError as error:
            message = f"ignore={list(ignore)!r} is not made of .gitignore patterns: {error}"
            raise InvalidInputError(message) from None
        self._spec = GitIgnoreSpec.from_lines(DEFAULTS)
        for name in IGNORE_FILES:
            self._spec += self._from_file(root / name)
        self._spec += given

    def hides(self, relative: str, *, is_folder: bool) -> bool:
        """Return whether a posix path relative to the root is ignored."""
        return self._spec.match_file(relative + "/" if is_folder else relative)

    def _from_file(self, path: Path) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        from sememe.sources.encoding import decode

        rules = GitIgnoreSpec.from_lines([])
        try:
            if not path.is_file():
                return rules
            with path.open("rb") as stream:
                lines = decode(stream.read(MAX_IGNORE_BYTES)).text.splitlines()
        except OSError as error:
            self.skipped.append(Skipped(path.name, f"its patterns are unread: {error.strerror}"))
            return rules
        for number, line in enumerate(lines, 1):
            try:
                rules += GitIgnoreSpec.from_lines([line])
            except ValueError as error:
                self.skipped.append(Skipped(path.name, f"line {number} is not a pattern: {error}"))
        return rules
