"""Aligned line files: line i of one file translates line i of the other (Moses, OPUS, Tatoeba)."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from sememe._errors import InvalidInputError
from sememe.evaluate.data.lines import join_names, list_data_files, read_lines


def read_aligned(source: str | Path, target: str | Path) -> list[tuple[str, str]]:
    """Return (source line, target line) pairs; empty lines are kept, so that numbers match.

    Raises:
        InvalidInputError: The files differ in their number of lines, or hold none.
    """
    columns = [[line for _, line in read_lines(Path(path))] for path in (source, target)]
    n_source, n_target = map(len, columns)
    if n_source != n_target or not n_source:
        raise InvalidInputError(
            f"{source} has {n_source} lines and {target} has {n_target}; allowed: equal counts, at "
            f"least 1. {_first_gap(*columns)}Line i of one must translate line i of the other."
        )
    return list(zip(*columns, strict=True))


def find_aligned(folder: str | Path) -> tuple[Path, Path]:
    """Return the two aligned files of a folder, source first; notes and licences are ignored.

    `name.ko-en.ko` and `name.ko-en.en` are in the order of the name, others sorted.
    """
    files = list_data_files(Path(folder))
    if len(files) != 2:
        raise InvalidInputError(
            f"{folder} holds {join_names(files)}; allowed: exactly two aligned files. "
            "Give the two files themselves."
        )
    first, second = files
    languages = [file.suffix.removeprefix(".") for file in files]
    if first.stem == second.stem and first.stem.endswith("-".join(reversed(languages))):
        return second, first
    return first, second


def _first_gap(source: list[str], target: list[str]) -> str:
    """Name the first line that is empty on one side only, where a line is probably missing."""
    for number, (a, b) in enumerate(zip_longest(source, target, fillvalue=""), 1):
        if bool(a.strip()) != bool(b.strip()):
            return f"The first line with text on one side only is {number}. "
    return ""
