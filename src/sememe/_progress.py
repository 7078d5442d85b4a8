"""A progress bar on standard error, where one is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Sets the number of items done and a short note at the end of the bar."""

    def __call__(self, done: int, note: str = "") -> None: ...


@contextmanager
def progress(what: str, *, total: int | None, show: bool) -> Iterator[Advance]:
    """Yield a function that advances the bar, which is drawn only if `show`."""
    if not show:
        yield lambda done, note="": None
        return
    from rich import progress as rich
    from rich.console import Console

    counts = rich.BarColumn(), rich.MofNCompleteColumn()
    times = rich.TimeElapsedColumn(), rich.TimeRemainingColumn()
    columns = "{task.description}", *counts, *times, "{task.fields[note]}"
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda done, note="": bar.update(task, completed=done, note=note)
