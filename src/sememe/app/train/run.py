"""Shared by the training commands: data options, and runs that resume after a stop.

The state of a run is kept next to the output and deleted at the end.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.options import make_option

if TYPE_CHECKING:
    from sememe.train.base.curve import Curve

CTRL_C = 130  # the exit code of shells for SIGINT


def make_path_argument(metavar: str, text: str) -> Any:
    """Return the type of the argument that training data are read from."""
    return Annotated[Path, typer.Argument(metavar=metavar, help=text)]


def make_evaluate_option(text: str) -> Any:
    """Return the type of the option --evaluate."""
    return make_option(Path | None, "Evaluation", text, "--evaluate")


def train_and_save(
    training: Any, data: Path, output: Path, *, overwrite: bool, **more: Any
) -> Path:
    """Fit a recipe to a file and save the model; called again after a stop, it resumes.

    more: Further keywords of `fit`. An output that cannot be written is refused before training.
    """
    paths = [data, *(value for value in more.values() if isinstance(value, Path))]
    check_output(output, paths, overwrite=overwrite)
    state = locate_state(output)
    written = fit_and_save(training, data, output, checkpoint=state, **more)
    shutil.rmtree(state, ignore_errors=True)
    return written


def fit_and_save(training: Any, data: Path, output: Path, **more: Any) -> Path:
    """Fit a recipe and save the model, with a message on Ctrl-C. more: Keywords of `fit`."""
    with _explain_interrupt(locate_state(output)), _print_warnings():
        training.fit(data, show_progress=terminal.is_interactive(), **more)
        output.parent.mkdir(parents=True, exist_ok=True)
        written: Path = training.save(output)
    return written


def is_typed(context: typer.Context, name: str) -> bool:
    """Return whether an option was given on the command line, not by its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def print_run(summary: str, notes: Iterable[str], following: str) -> None:
    """Print a run's notes on standard error, then its summary and the next command."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(summary)
    typer.echo(f"Next: {following}")


def describe_curve(curve: Curve) -> str:
    """Return a run in a few words: steps, seconds, loss, and the held-out metric."""
    words = f"{curve.steps} steps in {curve.seconds:.0f} s"
    if curve.losses:
        words += f", loss {curve.losses[0][1]:.3f} to {curve.losses[-1][1]:.3f}"
    if curve.before is not None and curve.after is not None:
        words += f", {curve.metric} held out {curve.before:.4f} to {curve.after:.4f}"
    return words


def locate_state(output: Path) -> Path:
    """Return the folder of a run's state: next to its output."""
    return output.with_name(f"{output.name}.checkpoint")


def check_free(output: Path, *, overwrite: bool) -> None:
    """Refuse an output that exists, except an empty folder, unless it may be replaced."""
    if output.exists() and not overwrite and not (output.is_dir() and not any(output.iterdir())):
        raise InvalidInputError(f"{output} is there already. Name another, or add --overwrite.")


def check_output(output: Path, data: list[Path], *, overwrite: bool) -> None:
    """Refuse an output that exists, cannot be replaced, or contains the data."""
    from sememe.train.base.output_folder import check_trained_place

    check_free(output, overwrite=overwrite)
    check_trained_place(output)
    for path in data:
        if path.resolve().is_relative_to(output.resolve()):
            raise InvalidInputError(f"{output} is the data or holds it. Name another output.")


@contextmanager
def _explain_interrupt(state: Path) -> Iterator[None]:
    """On Ctrl-C, print where the state is kept and exit with the code for it.

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
        what = f"progress is saved in {state}" if kept else "nothing is saved yet"
        typer.echo(f"sememe: stopped; {what}. To resume, type the same command again.", err=True)
        raise SystemExit(CTRL_C) from None


@contextmanager
def _print_warnings() -> Iterator[None]:
    """Print a RuntimeWarning as one line, without the file and line of the code."""
    show = warnings.showwarning

    def line(message: Any, category: Any, *arguments: Any, **options: Any) -> None:
        if issubclass(category, RuntimeWarning):
            typer.echo(f"warning: {message}", err=True)
        else:
            show(message, category, *arguments, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = line
        yield
