"""The command `sememe train domain`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.mlm import word_list
from sememe.app.train.run import (
    Epochs,
    Evaluate,
    Evaluations,
    Json,
    Output,
    Overwrite,
    Patience,
    Rate,
    Seed,
    check_output,
    tell,
    train_and_save,
)


def domain(
    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS", help="A text file of the domain; .gz and .xz are unpacked."
        ),
    ],
    output: Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="What is adapted: a name, a folder or hf:org/name.")
    ] = "all-minilm-l6-v2",
    examples: Annotated[
        Path | None,
        typer.Option(
            "--examples",
            help="Pairs, scored pairs, triplets, labels or texts, as for train sentence; without "
            "them the texts of the corpus.",
        ),
    ] = None,
    evaluate: Evaluate = None,
    new_words: Annotated[
        str,
        typer.Option(
            "--new-words",
            help="How many frequent words of the corpus become tokens, or a file of words, one a "
            "line.",
        ),
    ] = "100",
    mlm_epochs: Annotated[
        float, typer.Option("--mlm-epochs", help="Passes over the corpus with words masked.")
    ] = 5,
    mlm_learning_rate: Annotated[
        float, typer.Option("--mlm-learning-rate", help="Step size of that at its highest.")
    ] = 5e-5,
    mlm_batch_size: Annotated[
        int, typer.Option("--mlm-batch-size", help="Rows of 128 tokens a step.")
    ] = 16,
    keep: Annotated[
        float, typer.Option("--keep", help="Share of the base's weights kept after masking.")
    ] = 0.0,
    loss: Annotated[
        str | None,
        typer.Option("--loss", help="Of the sentence stage; simcse or tsdae without examples."),
    ] = None,
    epochs: Epochs = 4,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Examples a step.")] = 32,
    learning_rate: Rate = 5e-5,
    compare: Annotated[
        bool, typer.Option("--compare", help="Train on the examples alone too, to compare.")
    ] = False,
    evaluations: Evaluations = 12,
    patience: Patience = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Adapt a sentence encoder to a domain: new words, masking, fine-tuning, figures."""
    from sememe.train.sentence.domain_adaptation import DomainAdaptation

    check_output(output, [p for p in (corpus, examples, evaluate) if p], overwrite=overwrite)
    training = DomainAdaptation(
        model,
        new_words=word_list(new_words),
        mlm_epochs=mlm_epochs,
        mlm_learning_rate=mlm_learning_rate,
        mlm_batch_size=mlm_batch_size,
        keep=keep,
        loss=loss,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        compare=compare,
        evaluations=evaluations,
        patience=patience or None,
        seed=seed,
    )
    written = train_and_save(training, corpus, output, examples=examples, evaluate=evaluate)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    lines = [f"{name}: {first} to {last}" for name, first, last in report.rows()]
    lines.append(
        f"{len(report.new_words)} new words, {report.n_examples:,} {report.kind}, {report.loss}: "
        f"to {written}"
    )
    tell(
        "\n".join(lines),
        report.notes,
        f"sememe similar -m {shlex.quote(str(written))} TEXT TEXT",
    )
