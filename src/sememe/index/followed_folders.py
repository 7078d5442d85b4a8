"""The folders and files that an index follows, and the prefixes of their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain, count
from pathlib import Path

from sememe.sources import find_files

_MOVED = 0.5  # of the sources known must be in a folder for it to be the old one, moved


def assign_prefix(
    root: Path, roots: Mapping[str, str], sources: Callable[[], Iterable[str]] = tuple
) -> tuple[str, dict[str, str]]:
    """Return the prefix of a root's sources, and the roots with it among them.

    Sources of a folder begin with its name, so that those of two folders differ:
    "notes/trips/train.txt". The source of a file that is a root is its name, or, if another has
    that, its folder's name and its own. A root that was moved keeps its prefix: its old path is
    gone, its name is the same, and it holds most of the files known of it. Another folder of that
    name must not take the prefix, for the sync would then delete what is known.

    roots: Those known, with their prefixes. sources: Returns all sources known; called only where
    a root may have moved.

    >>> assign_prefix(Path("/usr"), {})[0], assign_prefix(Path("/usr"), {"/tmp": "usr/"})[0]
    ('usr/', 'usr-2/')
    """
    path = root.resolve()
    if str(path) in roots:
        return roots[str(path)], dict(roots)
    for old, prefix in roots.items():
        may_have_moved = Path(old).name == path.name and not Path(old).exists()
        if may_have_moved and _holds_most(path, prefix, sources()):
            moved = {str(path) if key == old else key: value for key, value in roots.items()}
            return prefix, moved
    if path.is_file() and all(Path(other).name != path.name for other in roots):
        return "", {**roots, str(path): ""}
    name = (path.parent if path.is_file() else path).name or "root"
    numbered = (f"{name}-{number}/" for number in count(2))
    prefix = next(one for one in chain([f"{name}/"], numbered) if one not in roots.values())
    return prefix, {**roots, str(path): prefix}


def _holds_most(root: Path, prefix: str, sources: Iterable[str]) -> bool:
    """Return whether `root` holds most of the sources that begin with `prefix`."""
    if root.is_file():
        return True
    known = {source for source in sources if source.startswith(prefix)}
    there = sum(prefix + file.source in known for file in find_files(root))
    return there >= _MOVED * len(known)
