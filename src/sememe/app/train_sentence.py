"""The command `sememe train sentence`."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe.app import show

if TYPE_CHECKING:
    from sememe.train.trainer import Curve

_CTRL_C = 130  # the exit code of a command that was stopped so
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A table (.tsv, .csv, .jsonl, .parquet) of pairs (anchor, positive), scored pairs "
        "(sentence1, sentence2, score), triplets (anchor, positive, negative) or labels (text, "
        "label); or a .txt file, a text a line.",
    ),
]
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


def sentence(
    data: Data,
    output: Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="What is trained: a name, a folder or hf:org/name.")
    ] = "all-minilm-l6-v2",
    evaluate: Evaluate = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            help="multiple-negatives-ranking or triplet; cosent or cosine; batch-all-triplet; "
            "simcse or tsdae. By the data unless told.",
        ),
    ] = None,
    epochs: Epochs = 4,
    batch_size: Batch = 32,
    learning_rate: Rate = 5e-5,
    warmup: Warmup = 0.1,
    accumulate: Accumulate = 1,
    max_tokens: MaxTokens = None,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Cosines are divided by it.")
    ] = 0.05,
    margin: Annotated[float, typer.Option("--margin", help="Of the triplet losses.")] = 0.3,
    dims: Annotated[
        list[int] | None,
        typer.Option("--dims", help="A width vectors can be cut to (Matryoshka); repeatable."),
    ] = None,
    hard_negatives: Annotated[
        int, typer.Option("--hard-negatives", help="So many for each pair, found by the model.")
    ] = 0,
    evaluations: Evaluations = 12,
    patience: Patience = 4,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a sentence encoder on examples. Stopped or killed, the same command goes on."""
    from sememe.train.sentence import SentenceTraining

    check_output(output, [data, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = SentenceTraining(
        model,
        loss=loss,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        accumulate=accumulate,
        max_tokens=max_tokens,
        temperature=temperature,
        margin=margin,
        dims=tuple(dims or ()),
        hard_negatives=hard_negatives,
        evaluations=evaluations,
        patience=patience or None,
        seed=seed,
    )
    state = state_folder(output)
    with going_on_later(state):
        training.fit(data, evaluate=evaluate, checkpoint=state, show_progress=sys.stderr.isatty())
        output.parent.mkdir(parents=True, exist_ok=True)
        written = training.save(output)
    shutil.rmtree(state, ignore_errors=True)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(
        f"{report.n_examples:,} {report.kind}, {report.loss}: {told(report.curve)} to {written}"
    )
    for dim, value in report.dims.items():
        typer.echo(f"  {report.curve.metric} with {dim} dimensions: {value:.4f}")
    typer.echo(f"Next: sememe similar -m {shlex.quote(str(written))} TEXT TEXT")


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


def check_output(output: Path, data: list[Path], *, overwrite: bool) -> None:
    """Refuse before training what could not be stored after it.

    Raises:
        InvalidInputError: It is there already, cannot be replaced, or holds the data.
    """
    from sememe.train.trained_folder import check_trained_place

    if output.exists() and not overwrite and not (output.is_dir() and not any(output.iterdir())):
        raise InvalidInputError(f"{output} is there already. Name another, or add --overwrite.")
    check_trained_place(output)
    for path in data:
        if path.resolve().is_relative_to(output.resolve()):
            raise InvalidInputError(f"{output} is the data or holds it. Name another output.")


@contextmanager
def going_on_later(state: Path) -> Iterator[None]:
    """Say on Ctrl-C where the state is kept, and leave with the exit code of that."""
    try:
        yield
    except KeyboardInterrupt:
        kept = any(state.rglob("checkpoint-*"))
        what = f"what was learnt is kept in {state}" if kept else "nothing is kept yet"
        typer.echo(f"sememe: stopped; {what}. To go on type the same command again.", err=True)
        raise SystemExit(_CTRL_C) from None
