"""The command `sememe train mlm`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.run import (
    Accumulate,
    Evaluations,
    Json,
    Output,
    Overwrite,
    Patience,
    Seed,
    Warmup,
    check_output,
    tell,
    told,
    train_and_save,
)


def mlm(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="A text file; .gz and .xz are unpacked.")
    ],
    output: Output,
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", help="What training goes on from; from scratch without."),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="From scratch: tiny, mini, small, medium or base.")
    ] = "tiny",
    vocab_size: Annotated[
        int, typer.Option("--vocab-size", help="From scratch: tokens at most.")
    ] = 8192,
    new_words: Annotated[
        str,
        typer.Option(
            "--new-words",
            help="Onto a model: how many frequent words of the corpus become tokens, or a file of "
            "words, one a line.",
        ),
    ] = "0",
    max_tokens: Annotated[
        int,
        typer.Option("--max-tokens", help="Length of a row; from scratch, the most that is read."),
    ] = 128,
    mask_prob: Annotated[float, typer.Option("--mask-prob", help="Share that is hidden.")] = 0.15,
    whole_word: Annotated[
        bool, typer.Option("--whole-word", help="Hide all pieces of a word together.")
    ] = False,
    epochs: Annotated[float, typer.Option("--epochs", help="Passes over the corpus.")] = 1,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Steps of the optimiser, instead of epochs.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Rows a step.")] = 64,
    accumulate: Accumulate = 1,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="Step size at its highest.")
    ] = None,
    warmup: Warmup = 0.06,
    evaluations: Evaluations = 20,
    patience: Patience = 0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a masked language model. Stopped or killed, the same command goes on from there."""
    from sememe.train.mlm.masked_lm import MaskedTraining

    check_output(output, [corpus], overwrite=overwrite)
    training = MaskedTraining(
        size=size,  # type: ignore[arg-type]
        base=model,
        vocab_size=vocab_size,
        new_words=word_list(new_words),
        max_tokens=max_tokens,
        mask_prob=mask_prob,
        whole_word=whole_word,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        warmup=warmup,
        evaluations=evaluations,
        patience=patience or None,
        seed=seed,
    )
    written = train_and_save(training, corpus, output)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    tell(
        f"{report.n_tokens:,} tokens, vocabulary {report.vocab_size:,}: {told(report.curve)} (most "
        f"frequent token alone: {report.unigram:.4f}) to {written}",
        report.notes,
        f"sememe fill-mask {shlex.quote(str(written))} 'a text with one [MASK] in it'",
    )


def word_list(given: str) -> int | list[str]:
    """Return a number of words, or those of a file, one a line."""
    from sememe.text.lines import check_corpus, read_texts

    if given.removeprefix("-").isdecimal():
        return int(given)
    check_corpus(given)
    return [word for line in read_texts(given) if (word := line.strip())]
