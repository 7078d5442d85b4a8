"""The command `sememe train sentence`."""

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

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A table (.tsv, .csv, .jsonl, .parquet) of pairs (anchor, positive), scored pairs "
        "(sentence1, sentence2, score), triplets (anchor, positive, negative) or labels (text, "
        "label); or a .txt file, a text a line.",
    ),
]


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
    patience: Patience = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a sentence encoder on examples. Stopped or killed, the same command goes on."""
    from sememe.train.sentence.bi_encoder import SentenceTraining

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
    written = train_and_save(training, data, output, evaluate=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    lines = [
        f"{report.n_examples:,} {report.kind}, {report.loss}: {told(report.curve)} to {written}",
        *(
            f"  {report.curve.metric} with {dim} dimensions: {value:.4f}"
            for dim, value in report.dims.items()
        ),
    ]
    tell("\n".join(lines), report.notes, f"sememe similar -m {shlex.quote(str(written))} TEXT TEXT")
