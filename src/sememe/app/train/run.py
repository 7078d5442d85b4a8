"""What the training commands share: options, and a run that a stopped command goes on with.

Its state lies beside the output, and goes at the end.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

CTRL_C = 130  # what shells make of a SIGINT
Output = Annotated[Path, typer.Option("-o", "--output", help="A folder for the model.")]
Evaluate = Annotated[
    Path | None,
    typer.Option("--evaluate", help="Such examples held out: the best weights on them are kept."),
]
Epochs = Annotated[float, typer.Option("--epochs", help="Passes over the data.")]
Batch = Annotated[int, typer.Option("--batch-size", help="Examples a step.")]
Rate = Annotated[float, typer.Option("--learning-rate", help="Step size at its highest.")]
Warmup = Annotated[float, typer.Option("--warmup", help="Share of the steps in which it rises.")]
Accumulate = Annotated[int, typer.Option("--accumulate", help="Batches that make a step.")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", help="Longer texts are cut.")]
Evaluations = Annotated[
    int, typer.Option("--evaluations", help="How often a run is measured and its state saved.")
]
Patience = Annotated[
    int, typer.Option("--patience", help="Stop after so many without a better figure; 0: never.")
]
Seed = Annotated[int, typer.Option("--seed", help="Of all random numbers.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def train_and_save(training: Any, data: Path, output: Path, **more: Any) -> Path:
    """Fit a recipe to a file and save what came out; stopped, the same call goes on.

    more: What its `fit` takes besides.
    """
    state = state_folder(output)
    with going_on_later(state):
        training.fit(data, checkpoint=state, show_progress=sys.stderr.isatty(), **more)
        output.parent.mkdir(parents=True, exist_ok=True)
        written: Path = training.save(output)
    shutil.rmtree(state, ignore_errors=True)
    return written


def is_typed(context: typer.Context, name: str) -> bool:
    """Say whether an option stands on the command line, not its default alone."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def tell(summary: str, notes: tuple[str, ...], following: str) -> None:
    """Print a run's notes on standard error, then what came out and the next command."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(summary)
    typer.echo(f"Next: {following}")


def told(curve: Curve) -> str:
    """Return a run in a few words."""
    words = f"{curve.steps} steps in {curve.seconds:.0f} s"
    if curve.losses:
        words += f", loss {curve.losses[0][1]:.3f} to {curve.losses[-1][1]:.3f}"
    if curve.before is not None and curve.after is not None:
        words += f", {curve.metric} held out {curve.before:.4f} to {curve.after:.4f}"
    return words


def state_folder(output: Path) -> Path:
    """Return where a run keeps its state: beside its output."""
    return output.with_name(f"{output.name}.checkpoint")


def check_free(output: Path, *, overwrite: bool) -> None:
    """Refuse an output that is there already, but for an empty folder, unless it may be replaced.

    Raises:
        InvalidInputError: So it is.
    """
    if output.exists() and not overwrite and not (output.is_dir() and not any(output.iterdir())):
        raise InvalidInputError(f"{output} is there already. Name another, or add --overwrite.")


def check_output(output: Path, data: list[Path], *, overwrite: bool) -> None:
    """Refuse before training what could not be stored after it.

    Raises:
        InvalidInputError: It is there already, cannot be replaced, or holds the data.
    """
    from sememe.train.base.output_folder import check_trained_place

    check_free(output, overwrite=overwrite)
    check_trained_place(output)
    for path in data:
        if path.resolve().is_relative_to(output.resolve()):
            raise InvalidInputError(f"{output} is the data or holds it. Name another output.")


@contextmanager
def going_on_later(state: Path) -> Iterator[None]:
    """Say on Ctrl-C where the state is kept, and leave with the exit code of that.

    Of several processes of one run only the main one goes on from here: it saves and reports.
    """
    from sememe.train.base.device import is_main_process

    try:
        yield
        if not is_main_process():
            raise SystemExit
    except KeyboardInterrupt:
        from sememe.train.base.run_folder import has_learnt

        kept = has_learnt(state)
        what = f"what was learnt is kept in {state}" if kept else "nothing is kept yet"
        typer.echo(f"sememe: stopped; {what}. To go on type the same command again.", err=True)
        raise SystemExit(CTRL_C) from None


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Show what the recipe warns of as one line each, without the place in the code."""

    def line(message: Any, category: Any, *_: Any, **__: Any) -> None:
        if issubclass(category, RuntimeWarning):
            typer.echo(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = line
        yield
