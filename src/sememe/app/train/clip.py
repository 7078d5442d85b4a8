"""The command `sememe train clip`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.app.train.run import (
    Json,
    Output,
    Overwrite,
    Seed,
    check_output,
    is_typed,
    tell,
    told,
    train_and_save,
)
from sememe.models.weights.catalog import DEFAULT_MODEL, IMAGE_MODEL

if TYPE_CHECKING:
    from sememe.train.clip.locked import ClipTraining
    from sememe.train.clip.report import ClipReport
    from sememe.train.clip.scratch import ClipFromScratch

Data = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="A table (.csv, .tsv, .jsonl, .parquet) of images, by their paths from its folder, "
        "and texts.",
    ),
]


_LOCKED = ("image", "text", "hidden", "dropout")  # of projections alone
_SCRATCH = ("image_size", "patch_size", "width", "layers")  # of --from-scratch alone
_BOTH = (
    *("dim", "epochs", "batch_size", "learning_rate", "weight_decay"),
    *("held_out", "evaluations", "seed"),
)


def clip(
    context: typer.Context,
    data: Data,
    output: Output,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch",
            help="Train both encoders from nothing, which takes thousands of images.",
        ),
    ] = False,
    image: Annotated[
        str, typer.Option("--image", help="The encoder of images; it stays as it is.")
    ] = IMAGE_MODEL,
    text: Annotated[
        str, typer.Option("--text", help="The encoder of texts; it stays as it is.")
    ] = DEFAULT_MODEL,
    image_column: Annotated[
        str | None, typer.Option("--image-column", help='The column of images, if not "image".')
    ] = None,
    text_column: Annotated[
        list[str] | None,
        typer.Option("--text-column", help='A column of texts, if not "text"; repeatable.'),
    ] = None,
    evaluate: Annotated[
        Path | None, typer.Option("--evaluate", help="Such a table to measure on.")
    ] = None,
    held_out: Annotated[
        float, typer.Option("--held-out", help="Else this share of the rows is held out for it.")
    ] = 0.1,
    dim: Annotated[
        int | None,
        typer.Option(
            "--dim", help="Width of the joint space.", show_default="256; from scratch 128"
        ),
    ] = None,
    hidden: Annotated[
        int, typer.Option("--hidden", help="Width of a layer between, for images; 0: none.")
    ] = 512,
    image_size: Annotated[
        int,
        typer.Option("--image-size", help="From scratch: pictures are cut to so many pixels."),
    ] = 64,
    patch_size: Annotated[
        int, typer.Option("--patch-size", help="From scratch: pixels of a square; divides it.")
    ] = 8,
    width: Annotated[
        int, typer.Option("--width", help="From scratch: of both towers, a multiple of 32.")
    ] = 128,
    layers: Annotated[int, typer.Option("--layers", help="From scratch: of each tower.")] = 4,
    epochs: Annotated[
        float | None,
        typer.Option(
            "--epochs",
            help="Passes over the pairs, or from scratch over the images.",
            show_default="60; from scratch 40",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", help="Pairs a step.", show_default="512; from scratch 128"),
    ] = None,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Step size at its highest.")
    ] = 1e-3,
    dropout: Annotated[
        float, typer.Option("--dropout", help="Share of the numbers that a step does not see.")
    ] = 0.5,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", help="How strongly weights are drawn to 0.")
    ] = 0.1,
    evaluations: Annotated[
        int | None,
        typer.Option(
            "--evaluations",
            help="How often a run is measured; from scratch its state is saved then.",
            show_default="6; from scratch 10",
        ),
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a space that images and texts share, from images with what they show."""
    training = _recipe(context, from_scratch=from_scratch)
    if evaluate is not None and is_typed(context, "held_out"):
        raise InvalidInputError(
            "--held-out and --evaluate both say what is measured on. Leave one out."
        )
    check_output(output, [data, *([evaluate] if evaluate else [])], overwrite=overwrite)
    written = train_and_save(
        training,
        data,
        output,
        evaluate=evaluate,
        image_column=image_column,
        text_columns=text_column or (),
    )
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    following = f"sememe index FOLDER --into DIR -m {shlex.quote(str(written))}"
    tell(_summary(report, written), report.notes, following)


def _recipe(context: typer.Context, *, from_scratch: bool) -> ClipTraining | ClipFromScratch:
    """Return the recipe with the options that were typed; the others are as it has them.

    Raises:
        InvalidInputError: One was typed that only the other recipe has.
    """
    own, others = (_SCRATCH, _LOCKED) if from_scratch else (_LOCKED, _SCRATCH)
    for name in others:
        if is_typed(context, name):
            option = f"--{name.replace('_', '-')}"
            raise InvalidInputError(
                f"{option} is of encoders that stay as they are, and --from-scratch trains new "
                f"ones. Leave {option} or --from-scratch out."
                if from_scratch
                else f"{option} is of encoders that are trained anew. Add --from-scratch, or leave "
                f"{option} out."
            )
    typed = {name: context.params[name] for name in own + _BOTH if is_typed(context, name)}
    if from_scratch:
        from sememe.train.clip.scratch import ClipFromScratch

        return ClipFromScratch(**typed)
    from sememe.train.clip.locked import ClipTraining

    return ClipTraining(**typed)


def _summary(report: ClipReport, written: Path) -> str:
    lines = [
        f"{report.n_pairs:,} pairs of {report.n_images:,} images and {report.n_texts:,} texts: "
        f"{told(report.curve)} to {written}",
        *(
            f"  {name}: {value:.4f} (dealt to others {report.control[name]:.4f})"
            for name, value in report.recalls.items()
        ),
    ]
    return "\n".join(lines)
