"""Walk a folder and list its files lazily, always in the same order."""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.sources.encoding import decode
from sememe.sources.ignore import IgnoreRules
from sememe.sources.sanitize import SURROGATES

MAX_INDEX_CARD_BYTES = 1 << 20
EMPTY = "empty"  # prefix of the reason for a readable file without items
UNLISTED = "this folder cannot be listed"  # prefix of the reason for a folder of unknown content


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A regular file that may be read, with its size in bytes and time of last modification.

    Attributes:
        path: Path of the file.
        source: Display name, also used in ids: the posix path relative to the root of the walk, or
            the file name if the root is a file. Always NFC, so that the same folder has the same
            sources on every system.
    """

    path: Path
    source: str
    size: int
    mtime_ns: int


def find_files(root: Path, *, ignore: Sequence[str] = ()) -> Iterator[SourceFile | Skipped]:
    """List the files under a folder, or `root` itself if it is a file.

    Sorted by name, folder by folder; memory is bounded by the largest folder. Silently ignored:
    hidden files, `node_modules` and the like (see `sememe.sources.ignore.DEFAULTS`), patterns of
    `.gitignore` and `.sememeignore` in the root, and `ignore`. Reported as skipped: links to
    folders (not followed, so that the walk ends), broken links, unreadable folders, named pipes and
    devices, and folders that are sememe indexes.

    ignore: More patterns in `.gitignore` syntax, relative to the root.

    Raises:
        InvalidInputError: If `root` does not exist, or a pattern is malformed.
    """
    root = Path(root)
    try:
        mode = root.stat().st_mode
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        message = f"root={str(root)!r}: {why}. Give the path of an existing folder or file."
        raise InvalidInputError(message) from None
    if stat.S_ISDIR(mode):
        return _walk(root, IgnoreRules(root, ignore))
    return iter([_inspect(root, make_readable(root.name))])


def make_readable(name: str) -> str:
    """Return a file name in NFC, with undecodable bytes decoded.

    Old Korean archives unpack to names in CP949, which Python reads as lone surrogates.

    >>> make_readable(os.fsdecode("보고서.txt".encode("cp949")))
    '보고서.txt'
    """
    if SURROGATES.search(name):
        name = decode(os.fsencode(name)).text
    return unicodedata.normalize("NFC", name)


def _walk(root: Path, rules: IgnoreRules) -> Iterator[SourceFile | Skipped]:
    """Walk depth first with an explicit stack, so that depth is not bounded by recursion."""
    yield from rules.skipped
    stack = [iter([(root, "")])]  # (path, source) pairs to visit, for each open folder
    while stack:
        path, source = next(stack[-1], (None, ""))
        if path is None:
            stack.pop()
            continue
        is_folder = not source or _is_folder(path)
        if source and rules.match(source, is_folder=is_folder):
            continue
        if not is_folder:
            yield _inspect(path, source)
        elif _is_index(path):
            yield Skipped(source, "a sememe index, not a folder of documents")
        else:
            names, problem = _list(path)
            if problem:
                yield Skipped(source, problem)
            stack.append(_join_names(path, source, names))


def _join_names(
    folder: Path, source: str, names: list[tuple[str, str]]
) -> Iterator[tuple[Path, str]]:
    for readable, name in names:
        yield folder / name, f"{source}/{readable}" if source else readable


def _list(folder: Path) -> tuple[list[tuple[str, str]], str]:
    """Return sorted (readable name, name) pairs, and why the folder is unreadable, or "".

    If two readable names would be equal, one is escaped.
    """
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 (names are all we keep of a folder)
    except OSError as error:
        return [], f"{UNLISTED}: {error.strerror or error}"
    taken, pairs = set(names), []
    for name in names:
        readable = name if name.isascii() else make_readable(name)
        if readable != name and readable in taken:
            readable = name.encode("utf-8", "backslashreplace").decode("utf-8")
        taken.add(readable)
        pairs.append((readable, name))
    return sorted(pairs), ""


def _inspect(path: Path, source: str) -> SourceFile | Skipped:
    try:
        status = path.stat()
    except OSError as error:
        if os.path.islink(path):  # noqa: PTH114 (Path.is_symlink raises on too long a path)
            return Skipped(source, "a link that leads nowhere")
        return Skipped(source, f"cannot be looked at: {error.strerror or error}")
    if stat.S_ISREG(status.st_mode):
        return SourceFile(path, source, status.st_size, status.st_mtime_ns)
    if stat.S_ISDIR(status.st_mode):
        return Skipped(source, "a link to a folder; such links are not followed")
    return Skipped(source, "not a regular file (a named pipe, a socket or a device)")


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder and not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _is_index(folder: Path) -> bool:
    """Return whether the folder's sememe.json is that of an index."""
    about = folder / "sememe.json"
    try:
        if not about.is_file():
            return False
        with about.open("rb") as stream:
            content = json.loads(stream.read(MAX_INDEX_CARD_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("kind") == "index"
