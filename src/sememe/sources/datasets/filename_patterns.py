"""Extract the speaker, fold or class from file names by a regular expression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError


def match_filenames(items: Sequence[Any], pattern: str, option: str) -> tuple[str, ...]:
    """Return what a pattern matches in each file name: its only group, or the whole match.

    items: Paths. pattern: A regular expression, searched anywhere in the name without its folders.
    option: What the pattern is called in messages.

    Raises:
        InvalidInputError: Not a regular expression, one with several groups, or a name that does
            not match.

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
    parts, missing = [], []
    for item in items:
        name = Path(item).name if isinstance(item, str | PathLike) else ""
        match = compiled.search(name)
        part = match[compiled.groups] if match else None
        if not part:
            missing.append(name or type(item).__name__)
        else:
            parts.append(part)
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InvalidInputError(
            f"{option} {pattern!r} finds nothing in {', '.join(missing[:3])}{more}. Change the "
            "pattern, or leave these files out."
        )
    return tuple(parts)
