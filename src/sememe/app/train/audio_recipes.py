"""The command `sememe train wav2vec2`."""

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
    from sememe.train.wav2vec2.report import Wav2Vec2Report

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Sounds, in folders within it too; no labels.")
]


def wav2vec2(
    sounds: Folder,
    output: Output,
    evaluate: Annotated[
        Path | None,
        typer.Option(
            "--evaluate",
            help="A folder with a folder of sounds for each class: to measure, never to train.",
        ),
    ] = None,
    size: Annotated[str, typer.Option("--size", help="tiny, small or base.")] = "tiny",
    sample_rate: Annotated[
        int, typer.Option("--sample-rate", help="Sounds are brought to it: 8000, 16000 or 32000.")
    ] = 16_000,
    crop: Annotated[
        float, typer.Option("--crop", help="Seconds of a stretch; short clips share one.")
    ] = 2.5,
    batch_seconds: Annotated[
        float, typer.Option("--batch-seconds", help="Seconds of sound a step.")
    ] = 15.0,
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the sounds.")] = 40,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="Step size at its highest; by the size unless told."),
    ] = None,
    weight_decay: Annotated[float, typer.Option("--weight-decay", help="Of the weights.")] = 0.01,
    warmup: Warmup = 0.1,
    max_grad_norm: Annotated[
        float, typer.Option("--max-grad-norm", "--clip", help="Longest gradient.")
    ] = 1.0,
    mask_prob: Annotated[
        float, typer.Option("--mask-prob", help="Share of the frames hidden, without overlaps.")
    ] = 0.5,
    mask_length: Annotated[
        int, typer.Option("--mask-length", help="Frames of 20 ms in a hidden span.")
    ] = 5,
    negatives: Annotated[
        int, typer.Option("--negatives", help="Other frames that each is told from.")
    ] = 50,
    codebooks: Annotated[
        int, typer.Option("--codebooks", help="How many entries make a code.")
    ] = 2,
    entries: Annotated[
        int | None, typer.Option("--entries", help="Of each codebook; by the size unless told.")
    ] = None,
    diversity: Annotated[
        float, typer.Option("--diversity", help="Weight of the wish that all entries are used.")
    ] = 0.3,
    gumbel: Annotated[
        tuple[float, float],
        typer.Option("--gumbel", help="Temperature of the choice of codes, first and last."),
    ] = (2.0, 0.5),
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
    """Train wav2vec 2.0 on sound alone. Stopped or killed, the same command goes on."""
    from sememe.train.wav2vec2.recipe import Wav2Vec2Training

    check_output(output, [sounds, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = Wav2Vec2Training(
        size=size,  # type: ignore[arg-type]
        sample_rate=sample_rate,
        crop=crop,
        batch_seconds=batch_seconds,
        epochs=epochs,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup=warmup,
        max_grad_norm=max_grad_norm,
        mask_prob=mask_prob,
        mask_length=mask_length,
        negatives=negatives,
        codebooks=codebooks,
        entries=entries,
        diversity=diversity,
        gumbel=gumbel,
        evaluations=evaluations,
        precision=precision,  # type: ignore[arg-type]
        seed=seed,
    )
    with warnings_as_lines():
        written = train_and_save(training, sounds, output, labelled=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    last = report.figures[-1]
    model = f"{written}:layer{last.best}" if last.probes else str(written)
    following = f"sememe embed -m {shlex.quote(model)} SOUND"
    tell(_summary(report, written), report.notes, following)


def _summary(report: Wav2Vec2Report, written: Path) -> str:
    first, last = report.figures[0], report.figures[-1]
    lines = [
        f"{report.n_sounds:,} sounds of {report.seconds / 60:.1f} minutes: {told(report.curve)} to "
        f"{written}",
        f"  hidden frames told apart: {first.accuracy:.1%} to {last.accuracy:.1%}, by chance "
        f"{last.chance:.1%}",
        f"  codebooks used: {last.usage:.0%}, perplexity {last.perplexity:.1f}",
    ]
    if last.probe is not None and first.probe is not None:
        lines.append(
            f"  linear layer: {first.probe:.4f} on random weights to {last.probe:.4f}, on layer "
            f"{last.best}"
        )
    return "\n".join(lines)
