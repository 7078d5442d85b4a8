"""How results look in a terminal, and as JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sememe.evaluate.metrics.confusion import Confusion
    from sememe.index.querying.hits import Hit, Hits
    from sememe.index.report import Report

_REASONS = 12  # skipped files shown; --json lists all
_SNIPPET = 160  # characters of a passage shown
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def as_json(document: Any) -> None:
    """Print one JSON document on standard output, and nothing else."""
    typer.echo(json_line(document))


def json_line(document: Any) -> str:
    """Return a document as JSON, in ASCII if standard output cannot show all of it as it is."""
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a terminal that is not UTF-8, or half of a surrogate pair
        return json.dumps(document)
    return text


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(_plain(column), overflow="fold")
    for row in rows:
        drawn.add_row(*map(_plain, row))
    Console().print(drawn)


def hits(found: Hits) -> None:
    """Print hits, best first."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for place, hit in enumerate(found, start=1):
        head = Text(f"{place:>3}  {hit.score:.3f}  ")
        head.append(visible(hit.id), style="bold cyan")
        console.print(head, soft_wrap=True)
        console.print(Text(f"     {_shown(hit)}", style="dim"), soft_wrap=True)
    if not len(found):
        console.print("nothing found")


def _shown(hit: Hit) -> str:
    """Return the passage of a text, the size and time of a picture, the window of a sound."""
    if hit.modality == "audio":
        window = f"{hit.start:.1f} to {hit.end:.1f} s"
        return f"{window}: {snippet(hit.text)}" if hit.text else window
    if hit.modality != "image":
        return snippet(hit.text)
    facts = hit.metadata
    size = f"{facts['width']} x {facts['height']} pixels" if "width" in facts else ""
    taken = str(facts.get("taken") or "")
    return visible(", ".join(part for part in (size or hit.modality, taken) if part))


def confused(pairs: Sequence[Confusion]) -> None:
    """Print which classes are taken for which."""
    for pair in pairs:
        typer.echo(
            f"{visible(pair.label)} told to be {visible(pair.told)}: {pair.count} of {pair.of}"
        )


def note(found: Hits) -> None:
    """Say on standard error why a leg of the search was set aside, if one was."""
    if found.note:
        typer.echo(f"note: {found.note}", err=True)


def snippet(text: str) -> str:
    r"""Return the beginning of a passage on one line.

    >>> snippet("one\n two")
    'one two'
    """
    line = visible(" ".join(text.split()))
    return line if len(line) <= _SNIPPET else line[: _SNIPPET - 1] + "…"


def visible(text: str) -> str:
    r"""Replace what would move the cursor or colour the screen; people's files may hold it.

    >>> visible("red\x1b[31m\n")
    'red?[31m?'
    """
    return _CONTROLS.sub("?", text)


def report(done: Report, *, rows: int) -> None:
    """Print what an indexing run did, with the reason for everything that was skipped."""
    typer.echo(
        f"{done.added} added, {done.updated} updated, {done.unchanged} unchanged, "
        f"{done.removed} removed, {len(done.skipped)} skipped; "
        f"{done.chunks} chunks encoded in {done.seconds:.1f} s; the index holds {rows} items."
    )
    for skipped in done.skipped[:_REASONS]:
        typer.echo(visible(f"skipped {skipped.source}: {skipped.reason}"), err=True)
    if len(done.skipped) > _REASONS:
        typer.echo(f"... and {len(done.skipped) - _REASONS} more: --json lists all", err=True)


def _plain(cell: str) -> str:
    from rich.markup import escape

    return escape(visible(cell))


def is_interactive() -> bool:
    """Return whether standard error is a terminal, where a progress bar is seen."""
    return sys.stderr.isatty()
