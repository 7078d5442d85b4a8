r"""Counts that do not fit into memory: sorted runs on disk, merged when they are read.

A run is a text file of lines "count<tab>word", sorted by word; line feeds and backslashes within
a word are escaped.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TextIO

MAX_OPEN = 64  # runs merged at once: systems limit how many files a process may open

Count = tuple[str, int]
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_TABLE = str.maketrans(_ESCAPES)


def write_run(counts: Mapping[str, int], path: Path) -> Path:
    """Write the counts sorted by word."""
    return _write(sorted(counts.items()), path)


def merge_runs(paths: Iterable[Path], folder: Path) -> Iterator[Count]:
    """Yield (word, count) over all runs in the order of the words, equal words added up.

    The runs are deleted as they are used up; `folder` takes those in between.
    """
    runs = list(paths)
    while len(runs) > MAX_OPEN:
        some, runs = runs[:MAX_OPEN], runs[MAX_OPEN:]
        runs.append(_write(_merged(some), folder / f"{some[0].stem}m.run"))
    yield from _merged(runs)


def _merged(paths: list[Path]) -> Iterator[Count]:
    with ExitStack() as stack:
        files = [stack.enter_context(path.open(encoding="utf-8", newline="\n")) for path in paths]
        in_order = heapq.merge(*map(_read, files), key=itemgetter(0))
        for word, same in groupby(in_order, key=itemgetter(0)):
            yield word, sum(count for _, count in same)
    for path in paths:
        path.unlink()


def _write(counts: Iterable[Count], path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{count}\t{word.translate(_TABLE)}\n" for word, count in counts)
    return path


def _read(file: TextIO) -> Iterator[Count]:
    for line in file:
        count, _, word = line[:-1].partition("\t")
        yield _unescaped(word) if "\\" in word else word, int(count)


def _unescaped(word: str) -> str:
    parts = word.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)
