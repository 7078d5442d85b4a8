"""A recipe run from the command line: its state lies beside the output, and goes at the end."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import typer

from sememe.app.train_sentence import going_on_later, state_folder


def train_and_save(
    training: Any, data: Path, output: Path, *, evaluate: Path | None, **more: Any
) -> Path:
    """Fit a recipe to a file and save what came out; stopped, the same call goes on.

    more: What its `fit` takes besides.
    """
    state = state_folder(output)
    with going_on_later(state):
        show = sys.stderr.isatty()
        training.fit(data, evaluate=evaluate, checkpoint=state, show_progress=show, **more)
        output.parent.mkdir(parents=True, exist_ok=True)
        written: Path = training.save(output)
    shutil.rmtree(state, ignore_errors=True)
    return written


def tell(summary: str, notes: tuple[str, ...], following: str) -> None:
    """Print a run's notes on standard error, then what came out and the next command."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(summary)
    typer.echo(f"Next: {following}")
