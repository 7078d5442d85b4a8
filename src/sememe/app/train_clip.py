"""The command `sememe train clip`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import show
from sememe.app.training_run import (
    Evaluations,
    Json,
    Output,
    Overwrite,
    Seed,
    check_output,
    tell,
    told,
    train_and_save,
)
from sememe.models.catalog import DEFAULT_MODEL, IMAGE_MODEL

Data = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="A table (.csv, .tsv, .jsonl, .parquet) of images, by their paths from its folder, "
        "and texts.",
    ),
]


def clip(
    data: Data,
    output: Output,
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
    dim: Annotated[int, typer.Option("--dim", help="Width of the joint space.")] = 256,
    hidden: Annotated[
        int, typer.Option("--hidden", help="Width of a layer between, for images; 0: none.")
    ] = 512,
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the pairs.")] = 60,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Pairs a step.")] = 512,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Step size at its highest.")
    ] = 1e-3,
    dropout: Annotated[
        float, typer.Option("--dropout", help="Share of the numbers that a step does not see.")
    ] = 0.5,
    weight_decay: Annotated[
        float, typer.Option("--weight-decay", help="How strongly weights are drawn to 0.")
    ] = 0.1,
    evaluations: Evaluations = 6,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a space that images and texts share, from images with what they show."""
    from sememe.train.clip import ClipTraining

    check_output(output, [data, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = ClipTraining(
        image,
        text,
        dim=dim,
        hidden=hidden,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dropout=dropout,
        weight_decay=weight_decay,
        held_out=held_out,
        evaluations=evaluations,
        seed=seed,
    )
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
    lines = [
        f"{report.n_pairs:,} pairs of {report.n_images:,} images and {report.n_texts:,} texts: "
        f"{told(report.curve)} to {written}",
        *(
            f"  {name}: {value:.4f} (dealt to others {report.control[name]:.4f})"
            for name, value in report.recalls.items()
        ),
    ]
    following = f"sememe index FOLDER --into DIR -m {shlex.quote(str(written))}"
    tell("\n".join(lines), report.notes, following)
