"""The command `sememe train multilingual`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.run import (
    Accumulate,
    Epochs,
    Evaluate,
    Evaluations,
    Json,
    MaxTokens,
    Output,
    Overwrite,
    Patience,
    Rate,
    Seed,
    Warmup,
    check_output,
    tell,
    told,
    train_and_save,
)


def multilingual(
    pairs: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="A table (.tsv, .csv, .jsonl, .parquet) of sentences and their translations: "
            "source, target. The source is the language that the teacher knows.",
        ),
    ],
    teacher: Annotated[
        str, typer.Option("--teacher", help="Whose vectors are learnt: a name, folder or hf:...")
    ],
    model: Annotated[
        str, typer.Option("-m", "--model", help="The student: a name, a folder or hf:org/name.")
    ],
    output: Output,
    evaluate: Evaluate = None,
    epochs: Epochs = 5,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Pairs a step.")] = 64,
    learning_rate: Rate = 1e-4,
    warmup: Warmup = 0.1,
    accumulate: Accumulate = 1,
    max_tokens: MaxTokens = None,
    evaluations: Evaluations = 12,
    patience: Patience = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Teach an encoder other languages from translations. Stopped or killed, it goes on."""
    from sememe.train.sentence.multilingual import MultilingualTraining

    check_output(output, [pairs, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = MultilingualTraining(
        teacher,
        model,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        accumulate=accumulate,
        max_tokens=max_tokens,
        evaluations=evaluations,
        patience=patience or None,
        seed=seed,
    )
    written = train_and_save(training, pairs, output, evaluate=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    words = [f"{name.replace('_', ' ')} {value:.4f}" for name, value in report.directions.items()]
    tell(
        f"{report.n_examples:,} pairs: {'; '.join([told(report.curve), *words])} to {written}",
        report.notes,
        f"sememe similar -m {shlex.quote(str(written))} TEXT TEXT",
    )
