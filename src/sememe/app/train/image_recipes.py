"""The command `sememe train simclr`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.run import (
    Evaluations,
    Json,
    Output,
    Overwrite,
    Seed,
    Warmup,
    check_output,
    tell,
    told,
    train_and_save,
    warnings_as_lines,
)

if TYPE_CHECKING:
    from sememe.train.simclr.recipe import SimCLRReport

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Pictures, in folders within it too; no labels.")
]


def simclr(
    pictures: Folder,
    output: Output,
    evaluate: Annotated[
        Path | None,
        typer.Option(
            "--evaluate",
            help="A folder with a folder of pictures for each class: to measure, never to train.",
        ),
    ] = None,
    backbone: Annotated[
        str, typer.Option("--backbone", help="small, a name of torchvision, or timm/NAME.")
    ] = "small",
    size: Annotated[
        int, typer.Option("--size", help="Pictures are scaled and cut to so many pixels a side.")
    ] = 32,
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the pictures.")] = 40,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Pictures a step.")] = 256,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Step size at its highest.")
    ] = 2e-3,
    weight_decay: Annotated[float, typer.Option("--weight-decay", help="Of the weights.")] = 1e-4,
    warmup: Warmup = 0.1,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Cosines are divided by it.")
    ] = 0.2,
    projection: Annotated[
        int, typer.Option("--projection", help="Width of what the loss compares.")
    ] = 128,
    crop: Annotated[
        float, typer.Option("--crop", help="Smallest share of a picture that a view shows.")
    ] = 0.2,
    colour: Annotated[
        float, typer.Option("--colour", help="Strength of the changes of colour, 0 to 1.")
    ] = 0.5,
    evaluations: Evaluations = 10,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            help="float32, or bfloat16: quicker where the processor has avx512_bf16 or amx_bf16.",
        ),
    ] = "float32",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train an image encoder on pictures alone. Stopped or killed, the same command goes on."""
    from sememe.train.simclr.recipe import SimCLRTraining

    check_output(output, [pictures, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = SimCLRTraining(
        backbone=backbone,
        size=size,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup=warmup,
        temperature=temperature,
        projection=projection,
        crop=crop,
        colour=colour,
        evaluations=evaluations,
        precision=precision,  # type: ignore[arg-type]
        seed=seed,
    )
    with warnings_as_lines():
        written = train_and_save(training, pictures, output, labelled=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    following = f"sememe embed -m {shlex.quote(str(written))} PICTURE"
    tell(_summary(report, written), report.notes, following)


def _summary(report: SimCLRReport, written: Path) -> str:
    first, last = report.figures[0], report.figures[-1]
    lines = [
        f"{report.n_pictures:,} pictures: {told(report.curve)} to {written}",
        f"  effective rank of {report.dim}: {first.rank:.1f} to {last.rank:.1f}",
    ]
    if last.probe is not None and first.probe is not None and report.raw is not None:
        lines += [
            f"  linear probe: {first.probe:.4f} to {last.probe:.4f}",
            f"  kNN accuracy of raw pixels: {report.raw:.4f}",
        ]
    return "\n".join(lines)
