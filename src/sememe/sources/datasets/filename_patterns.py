"""Extract the speaker, fold or class from file names by a regular expression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError, list_first


def match_filenames(items: Sequence[Any], pattern: str, option: str) -> tuple[str, ...]:
    """Return what a pattern matches in each file name: its only group, or the whole match.

    items: Paths. pattern: A regular expression, searched anywhere in the name without its folders.
    option: Name of the pattern in messages.
    Raises InvalidInputError for an invalid expression, several groups, or a name without a match.

    >>> match_filenames(["a/7_anna_03.wav", "7_ben_1.wav"], "_(.+)_", "group pattern")
    ('anna', 'ben')
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InvalidInputError(
            f"{option} {pattern!r} is no regular expression: {error}. Write one such as '_(.+)_'."
        ) from error
    if compiled.groups > 1:
        raise InvalidInputError(
            f"{option} {pattern!r} has {compiled.groups} groups; give one, or none for all that it "
            "finds. (?:...) makes no group."
        )
    names = [Path(item).name if isinstance(item, str | PathLike) else "" for item in items]
    matches = [compiled.search(name) for name in names]
    parts = [match[compiled.groups] if match else "" for match in matches]
    if not all(parts):
        pairs = zip(names, items, parts, strict=True)
        missing = [name or type(item).__name__ for name, item, part in pairs if not part]
        raise InvalidInputError(
            f"{option} {pattern!r} finds nothing in {list_first(missing)}. Change the pattern, or "
            "leave these files out."
        )
    return tuple(parts)
