"""Which folders an index follows, and how their files are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def prefix_of(root: Path, roots: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return what the sources of `root` begin with, and the roots with it among them.

    What comes from a folder begins with its name, so that two folders never meet:
    "notes/trips/train.txt". A file that is a root of its own goes by its name, or if another goes
    by that, by its folder's name as well. A root that was moved keeps its place if the old path is
    gone and the name is the same.

    >>> prefix_of(Path("/usr"), {})[0], prefix_of(Path("/usr"), {"/tmp": "usr/"})[0]
    ('usr/', 'usr-2/')
    """
    path = root.resolve()
    if str(path) in roots:
        return roots[str(path)], dict(roots)
    for old, prefix in roots.items():
        if Path(old).name == path.name and not Path(old).exists():
            moved = {str(path) if key == old else key: value for key, value in roots.items()}
            return prefix, moved
    name = path.name
    if path.is_file():
        twins = [other for other in roots if Path(other).name == path.name]
        if not twins:
            return "", {**roots, str(path): ""}
        name = path.parent.name
    prefix = _free(name or "root", set(roots.values()))
    return prefix, {**roots, str(path): prefix}


def _free(name: str, taken: set[str]) -> str:
    prefix, number = f"{name}/", 2
    while prefix in taken:
        prefix, number = f"{name}-{number}/", number + 1
    return prefix
