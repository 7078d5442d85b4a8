"""The command `sememe evaluate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from sememe.app import terminal
from sememe.app.evaluate.options import EvaluateOptions
from sememe.app.field_options import convert_values, make_options, make_parameter, set_signature
from sememe.app.options import Json

_TASK = typer.Argument(
    metavar="TASK",
    help="retrieval, bitext, sts, word-similarity, analogies, masked, probe, zero-shot, "
    "image-retrieval, audio-classification, audio-retrieval or speech",
)
_MODEL = typer.Argument(
    metavar="MODEL",
    help="Encoder; for retrieval also an index, for masked a masked language model, for speech a "
    "recogniser.",
)
_DATA = typer.Argument(metavar="DATA...", help="Folder or files.")


def evaluate(task: str, model: str, data: list[Path], as_json: bool, **values: Any) -> None:
    """Evaluate an encoder or an index on a data set, with confidence intervals and a control."""
    from sememe.app.evaluate.run import run_evaluation

    options = EvaluateOptions(**convert_values(EvaluateOptions, values))
    result = run_evaluation(task, model, data, options, progress=terminal.is_interactive())
    if as_json:
        typer.echo(result.to_json())
        return
    typer.echo(f"{result.task}: {result.model}, n={result.n}, covered {result.covered:.0%}")
    rows = []
    for name, value in result.metrics.items():
        low, high = result.intervals.get(name, (math.nan, math.nan))
        control = result.control.get(name, math.nan)
        share = f"{result.coverage.get(name, result.covered):.0%}"
        rows.append((name, f"{value:.4f}", f"{low:.4f} to {high:.4f}", f"{control:.4f}", share))
    terminal.print_table(("metric", "value", "95 % interval", "control", "covered"), rows)
    for pair in result.confused:
        typer.echo(terminal.describe_confusion(pair))


set_signature(
    evaluate,
    [
        make_parameter("task", Annotated[str, _TASK]),
        make_parameter("model", Annotated[str, _MODEL]),
        make_parameter("data", Annotated[list[Path], _DATA]),
        *make_options(EvaluateOptions),
        make_parameter("as_json", Json, False),
    ],
)
