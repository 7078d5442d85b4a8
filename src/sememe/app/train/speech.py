"""The command `sememe train speech`."""

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
    Patience,
    Seed,
    Warmup,
    check_output,
    is_typed,
    tell,
    told,
    train_and_save,
)

if TYPE_CHECKING:
    from sememe.train.speech.report import SpeechReport

Transcripts = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE_OR_FOLDER",
        help="A table with columns path and text, or a folder of NAME.wav beside NAME.txt.",
    ),
]


def speech(
    context: typer.Context,
    transcripts: Transcripts,
    output: Output,
    base: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--base",
            help="What training goes on from: a folder or hf:org/name of wav2vec2's or HuBERT's "
            "layout; from scratch without.",
        ),
    ] = None,
    evaluate: Annotated[
        Path | None,
        typer.Option(
            "--evaluate",
            help="Such recordings held out: the best weights on them are kept. Without, a share.",
        ),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="From scratch: tiny, small or base.")
    ] = "tiny",
    sample_rate: Annotated[
        int, typer.Option("--sample-rate", help="From scratch: 8000, 16000 or 32000.")
    ] = 16_000,
    units: Annotated[
        str, typer.Option("--units", help="What is written: characters, or jamo for Korean.")
    ] = "characters",
    keep_case: Annotated[bool, typer.Option("--keep-case", help="Learn capitals too.")] = False,
    punctuation: Annotated[bool, typer.Option("--punctuation", help="Learn signs too.")] = False,
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the recordings.")] = 30,
    batch_seconds: Annotated[
        float | None, typer.Option("--batch-seconds", help="Seconds of sound a step.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="Step size at its highest.")
    ] = None,
    warmup: Warmup = 0.1,
    freeze_feature_encoder: Annotated[
        bool | None,
        typer.Option(
            "--freeze-feature-encoder/--train-feature-encoder",
            help="Whether the convolutions stay as they are; those of a base do, unless told.",
        ),
    ] = None,
    head_share: Annotated[
        float | None,
        typer.Option(
            "--head-share", help="Share of the steps in which the layer of letters alone learns."
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", help="Largest change of speed and pitch, 0 to 0.5.")
    ] = 0.2,
    noise: Annotated[
        float, typer.Option("--noise", help="Loudest noise laid over, a share of the level.")
    ] = 0.3,
    colour: Annotated[
        float,
        typer.Option("--colour", help="Decibels by which ranges of pitches change, at most."),
    ] = 0.0,
    join: Annotated[
        float, typer.Option("--join", help="How probably one more recording follows in a row.")
    ] = 0.3,
    longest: Annotated[
        float, typer.Option("--longest", help="Seconds; longer recordings are left out.")
    ] = 15.0,
    evaluations: Annotated[
        int | None,
        typer.Option("--evaluations", help="How often it is measured and saved; once an epoch."),
    ] = None,
    patience: Patience = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a recogniser of speech. Stopped or killed, the same command goes on from there."""
    from sememe.train.speech.recipe import SpeechTraining

    for name in ("size", "sample_rate"):
        if base is not None and is_typed(context, name):
            option = f"--{name.replace('_', '-')}"
            raise InvalidInputError(f"{option} is for training from scratch; a base has its own.")
    check_output(output, [transcripts, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = SpeechTraining(
        base=base,
        size=size,
        sample_rate=sample_rate,
        units=units,  # type: ignore[arg-type]
        lower=not keep_case,
        punctuation=punctuation,
        epochs=epochs,
        batch_seconds=batch_seconds,
        learning_rate=learning_rate,
        warmup=warmup,
        freeze_feature_encoder=freeze_feature_encoder,
        head_share=head_share,
        speed=speed,
        noise=noise,
        colour=colour,
        join=join,
        longest=longest,
        evaluations=evaluations,
        patience=patience or None,
        seed=seed,
    )
    written = train_and_save(training, transcripts, output, evaluate=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    following = f"sememe transcribe RECORDING -m {shlex.quote(str(written))}"
    tell(_summary(report, written), report.notes, following)


def _summary(report: SpeechReport, written: Path) -> str:
    best = report.best
    (low, high), (least, most) = best.word_interval, best.character_interval
    return "\n".join(
        [
            f"{report.n_recordings:,} recordings of {report.seconds_of_speech:,.0f} s, "
            f"{report.vocab_size} letters: {told(report.curve)} to {written}",
            f"  word error rate of {report.n_held:,} held out: {best.word_error_rate:.4f} "
            f"({low:.4f} to {high:.4f}); of the most frequent text alone: {report.control:.4f}",
            f"  character error rate: {best.character_error_rate:.4f} ({least:.4f} to {most:.4f})",
        ]
    )
