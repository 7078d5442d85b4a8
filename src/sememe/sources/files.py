"""Walk a folder and list the files in it, one at a time and always in the same order."""

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
from sememe.sources.ignore import IgnoreRules

MAX_INDEX_CARD_BYTES = 1 << 20
EMPTY = "empty"  # begins the reason why a file that could be read gives nothing
UNLISTED = "this folder cannot be listed"  # begins the reason; what is in it is not known


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A regular file that may be read.

    Attributes:
        path: Where it lies.
        source: Its name for people and in ids: the posix path relative to the root of the walk,
            or the file name when the root is a file. Composed Unicode (NFC), whatever the disk
            holds, so that the same folder has the same sources on every system.
        size: In bytes.
        mtime_ns: When it was last written, in nanoseconds.
    """

    path: Path
    source: str
    size: int
    mtime_ns: int


def find_files(root: Path, *, ignore: Sequence[str] = ()) -> Iterator[SourceFile | Skipped]:
    """List the files under a folder, or the one file that `root` is.

    Sorted by name, folder by folder; memory is bounded by the largest folder. Left out without
    a word: hidden files, `node_modules` and the like (see `sememe.sources.ignore.DEFAULTS`), what
    `.gitignore` and `.sememeignore` in the root name, and what `ignore` names. Listed as skipped:
    links to folders (they are not followed, so no loop can catch the walk), links that lead
    nowhere, unreadable folders, named pipes and devices, and folders that are sememe indexes.

    Args:
        root: A folder or a file.
        ignore: Further patterns in the language of `.gitignore`, relative to the root.

    Raises:
        InvalidInputError: There is nothing at `root`, or a pattern is malformed.
    """
    root = Path(root)
    try:
        is_folder = stat.S_ISDIR(root.stat().st_mode)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        message = f"root={str(root)!r}: {why}. Give the path of an existing folder or file."
        raise InvalidInputError(message) from None
    if not is_folder:
        return iter([_inspect(root, make_readable(root.name))])
    return _walk(root, IgnoreRules(root, ignore))


def make_readable(name: str) -> str:
    """Give a file name as people read it: NFC, and never an undecodable byte.

    Old Korean archives unpack to names in CP949, which Python shows as lone surrogates.

    >>> make_readable(os.fsdecode("보고서.txt".encode("cp949")))
    '보고서.txt'
    """
    if any("\ud800" <= char <= "\udfff" for char in name):
        from sememe.sources.encoding import decode

        name = decode(os.fsencode(name)).text
    return unicodedata.normalize("NFC", name)


def _walk(root: Path, rules: IgnoreRules) -> Iterator[SourceFile | Skipped]:
    """Visit depth first with a stack of our own: the deepest folder outlives no recursion limit."""
    yield from rules.skipped
    if _is_index(root):
        yield Skipped("", "this folder is a sememe index, not a folder of documents")
        return
    names, problem = _list(root)
    if problem:
        yield Skipped("", problem)
    stack = [(root, "", iter(names))]  # (folder, its source with a final slash, names to visit)
    while stack:
        folder, prefix, rest = stack[-1]
        entry = next(rest, None)
        if entry is None:
            stack.pop()
            continue
        name, source = entry[0], prefix + entry[1]
        path = folder / name
        is_folder = _is_folder(path)
        if rules.hides(source, is_folder=is_folder):
            continue
        if not is_folder:
            yield _inspect(path, source)
        elif _is_index(path):
            yield Skipped(source, "a sememe index, not a folder of documents")
        else:
            names, problem = _list(path)
            if problem:
                yield Skipped(source, problem)
            stack.append((path, source + "/", iter(names)))


def _list(folder: Path) -> tuple[list[tuple[str, str]], str]:
    """Return the (name, readable name) pairs in order, and why the folder is unread, or ""."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names are all we keep of a folder)
    except OSError as error:
        return [], f"{UNLISTED}: {error.strerror or error}"
    return sorted(_pair_with_readable(names), key=lambda pair: (pair[1], pair[0])), ""


def _pair_with_readable(names: list[str]) -> Iterator[tuple[str, str]]:
    """Pair each name with its readable form, or with itself where two would read the same."""
    taken = set(names)
    for name in sorted(names):
        readable = name if name.isascii() else make_readable(name)
        if readable != name and readable in taken:
            readable = name.encode("utf-8", "backslashreplace").decode("utf-8")
        taken.add(readable)
        yield name, readable


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
    """Tell a folder from files and from links, those to folders included."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _is_index(folder: Path) -> bool:
    """Tell whether the folder's sememe.json says that it is an index."""
    card = folder / "sememe.json"
    try:
        if not card.is_file():
            return False
        with card.open("rb") as stream:
            content = json.loads(stream.read(MAX_INDEX_CARD_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("kind") == "index"
