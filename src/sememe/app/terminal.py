"""Printing of results: tables and lines for people, JSON for programs."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sememe.app.excerpt import Excerpts
    from sememe.evaluate.metrics.confusion import Confusion
    from sememe.index.querying.hits import Hit, Hits
    from sememe.index.report import Report

EXCERPT = 160  # characters of a passage printed
_NOTES = 12  # notes printed; --json lists all
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_interactive() -> bool:
    """Return whether standard error is a terminal, which shows progress bars."""
    return sys.stderr.isatty()


def print_json(document: Any) -> None:
    """Print one JSON document on standard output, in ASCII where that cannot encode it.

    NaN and infinite numbers, which JSON does not have, become null.
    """
    document = _replace_nan(document)
    text = json.dumps(document, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a terminal that is not UTF-8, or half of a surrogate pair
        text = json.dumps(document)
    typer.echo(text)


def _replace_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _replace_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_nan(one) for one in value]
    return value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(escape(escape_controls(column)), overflow="fold")
    for row in rows:
        table.add_row(*(escape(escape_controls(cell)) for cell in row))
    Console().print(table)


def explain_default() -> str:
    """Return which text encoder is the default here, and which others there are."""
    from sememe.models.weights.catalog import BEST_MODEL, QUICK_MODEL, default_model

    if default_model() == BEST_MODEL:
        return f"text encoder: {BEST_MODEL}, the default; quicker and less exact: -m {QUICK_MODEL}"
    return f"text encoder: {QUICK_MODEL}, the default where {BEST_MODEL} is not installed"


def print_hits(hits: Hits, query: str = "") -> None:
    """Print hits, best first, then the next ones of each modality that these push aside.

    query: The text searched for, whose words decide what is shown of a long passage.
    """
    from rich.console import Console

    from sememe._nouns import noun
    from sememe.app.excerpt import Excerpts

    console, excerpts = Console(), Excerpts(query, EXCERPT)
    if hits.nothing_close and len(hits):
        console.print("nothing close; nearest:")
    for rank, hit in enumerate(hits, start=1):
        _print_hit(console, f"{rank:>3}", hit, excerpts)
    if not len(hits):
        console.print("nothing found")
    for kind, others in hits.more.items():
        also = "more " if any(hit.modality == kind for hit in hits) else ""
        console.print(f"{also}{noun(kind)}s")
        for hit in others:
            _print_hit(console, "  -", hit, excerpts)


def _print_hit(console: Console, mark: str, hit: Hit, excerpts: Excerpts) -> None:
    from rich.text import Text

    head = Text(f"{mark}  {hit.score:.3f}  ")
    head.append(escape_controls(hit.id), style="bold cyan")
    console.print(head, soft_wrap=True)
    console.print(Text(f"     {_describe_hit(hit, excerpts)}", style="dim"), soft_wrap=True)


def _describe_hit(hit: Hit, excerpts: Excerpts) -> str:
    """Return an excerpt of a text; of an image, what is seen, size and time; of audio, when."""
    if hit.modality == "audio":
        window = f"{hit.start:.1f} to {hit.end:.1f} s"
        return f"{window}: {shorten(excerpts.cut(hit.text))}" if hit.text else window
    if hit.modality != "image":
        return shorten(excerpts.cut(hit.text))
    image = hit.metadata
    size = f"{image['width']} x {image['height']} pixels" if "width" in image else ""
    taken = str(image.get("taken") or "")
    facts = ", ".join(part for part in (size or hit.modality, taken) if part)
    return escape_controls(f"{hit.text} ({facts})" if hit.text else facts)


def describe_confusion(pair: Confusion) -> str:
    """Return which class is mistaken for which, and how often."""
    label, predicted = escape_controls(pair.label), escape_controls(pair.told)
    return f"{label} predicted as {predicted}: {pair.count} of {pair.of}"


def print_report(report: Report, *, rows: int) -> None:
    """Print what an indexing run did, with the reason for everything that was skipped."""
    typer.echo(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.removed} removed, {len(report.skipped)} skipped; "
        f"{report.chunks} chunks encoded in {report.seconds:.1f} s; the index holds {rows} items."
    )
    print_notes(f"skipped {one.source}: {one.reason}" for one in report.skipped)


def print_skipped(skipped: Iterable[tuple[str, str]]) -> None:
    """Print (source, reason) of each file that was skipped, on standard error."""
    for source, reason in skipped:
        typer.echo(escape_controls(f"skipped {source}: {reason}"), err=True)


def print_notes(notes: Iterable[str]) -> None:
    """Print the first notes on standard error, and how many more there are."""
    listed = list(notes)
    for note in listed[:_NOTES]:
        typer.echo(escape_controls(note), err=True)
    if len(listed) > _NOTES:
        typer.echo(f"... and {len(listed) - _NOTES} more: --json lists all", err=True)


def shorten(text: str) -> str:
    r"""Return the beginning of a passage on one line.

    >>> shorten("one\n two")
    'one two'
    """
    line = escape_controls(" ".join(text.split()))
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def escape_controls(text: str) -> str:
    r"""Replace control characters, which would move the cursor or colour the screen.

    >>> escape_controls("red\x1b[31m\n")
    'red?[31m?'
    """
    return _CONTROLS.sub("?", text)
