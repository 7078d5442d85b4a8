"""Make a command from a recipe: its fields become options, its docstring their help.

    def sentence() -> Command:
        from sememe.train.sentence.bi_encoder import SentenceTraining

        return recipe_command(SentenceTraining, Data, summarise=..., following="sememe ...")

`sememe.train.base.options` defines what a field may carry.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.field_options import (
    Command,
    Values,
    convert_values,
    make_options,
    make_parameter,
    set_signature,
)
from sememe.app.options import Json, OutputFolder, Overwrite
from sememe.app.train.run import is_typed, print_run, train_and_save


def recipe_command(
    recipe: type,
    data: Any,
    *,
    summarise: Callable[[Any, Path], str],
    following: str,
    fit: Mapping[str, Any] | None = None,
    options: Sequence[inspect.Parameter] | None = None,
    make: Callable[[typer.Context, Values], Any] | None = None,
    train: Callable[..., Path] = train_and_save,
) -> Command:
    """Return the command that trains by a recipe, saves the model and reports.

    Args:
        recipe: A dataclass of options with `fit`, `save` and `report_`.
        data: The argument that `fit` takes first, an annotated type.
        summarise: Describes (report, folder) in a few lines.
        following: The command to type next; {} is the folder.
        fit: Further keywords of `fit`, each with an annotated type.
        options: Options in place of `make_options(recipe)`.
        make: Makes the recipe of the options, in place of `make_recipe`.
        train: Fits and saves.
    """
    fit = fit or {}

    def command(
        context: typer.Context,
        data: Path,
        output: Path,
        overwrite: bool,
        as_json: bool,
        **values: Any,
    ) -> None:
        given = {name: values.pop(name) for name in fit}
        keywords = {name: value for name, value in given.items() if value is not None}
        if "evaluate" in keywords and is_typed(context, "held_out"):
            raise InvalidInputError(
                "--held-out and --evaluate both set the evaluation data. Leave one out."
            )
        training = make(context, values) if make else make_recipe(recipe, values)
        written = train(training, data, output, overwrite=overwrite, **keywords)
        report = training.report_
        if as_json:
            terminal.print_json({"path": str(written), **asdict(report)})
        else:
            next_command = following.format(shlex.quote(str(written)))
            print_run(summarise(report, written), report.notes, next_command)

    parameters = [make_parameter(name, kind, None) for name, kind in fit.items()]
    parameters += make_options(recipe) if options is None else options
    return set_training_signature(command, data, OutputFolder, parameters)


def set_training_signature(
    command: Command, data: Any, output: Any, options: Iterable[inspect.Parameter]
) -> Command:
    """Give a training command its options, and context, data, output, overwrite and as_json."""
    parameters = [
        make_parameter("context", typer.Context),
        make_parameter("data", data),
        make_parameter("output", output),
        *options,
        make_parameter("overwrite", Overwrite, False),
        make_parameter("as_json", Json, False),
    ]
    return set_signature(command, parameters)


def make_recipe(recipe: type, values: Values) -> Any:
    """Return a recipe with options as typed on the command line."""
    return recipe(**convert_values(recipe, values))
