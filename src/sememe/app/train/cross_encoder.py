"""The command `sememe train cross`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.run import (
    Accumulate,
    Batch,
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


def cross(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A table (.tsv, .csv, .jsonl, .parquet) of scored pairs (sentence1, sentence2, "
            "score), pairs (anchor, positive) or triplets (anchor, positive, negative).",
        ),
    ],
    output: Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="What is trained: a name, a folder or hf:org/name.")
    ] = "all-minilm-l6-v2",
    evaluate: Evaluate = None,
    epochs: Epochs = 4,
    batch_size: Batch = 32,
    learning_rate: Rate = 5e-5,
    warmup: Warmup = 0.1,
    accumulate: Accumulate = 1,
    max_tokens: MaxTokens = None,
    negatives: Annotated[
        int, typer.Option("--negatives", help="Other texts for each pair, where DATA has pairs.")
    ] = 4,
    miner: Annotated[
        str | None,
        typer.Option("--miner", help="An encoder that finds them near; drawn at random without."),
    ] = None,
    evaluations: Evaluations = 12,
    patience: Patience = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a cross-encoder: two texts in, one score out. Stopped or killed, it goes on."""
    from sememe.train.sentence.cross_encoder import CrossTraining

    check_output(output, [data, *([evaluate] if evaluate else [])], overwrite=overwrite)
    training = CrossTraining(
        model,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        accumulate=accumulate,
        max_tokens=max_tokens,
        negatives=negatives,
        miner=miner,
        evaluations=evaluations,
        patience=patience or None,
        seed=seed,
    )
    written = train_and_save(training, data, output, evaluate=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    tell(
        f"{report.n_examples:,} pairs of texts: {told(report.curve)} to {written}",
        report.notes,
        f"sememe evaluate sts {shlex.quote(str(written))} DATA",
    )
