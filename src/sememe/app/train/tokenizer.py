"""The command `sememe train tokenizer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe.app import terminal as show

if TYPE_CHECKING:
    from sememe.text.tokenizers.subword_report import SubwordReport

_SAMPLE = 100_000  # texts of the corpus that the report is made on


def tokenizer(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="A text file; .gz and .xz are unpacked.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder, or a .json file.")],
    model: Annotated[str, typer.Option("--model", help="bpe or unigram")] = "bpe",
    vocab_size: Annotated[int, typer.Option("--vocab-size", help="Number of pieces.")] = 16_000,
    level: Annotated[
        str | None, typer.Option("--level", help="What bpe begins with: bytes or characters.")
    ] = None,
    special: Annotated[
        list[str] | None, typer.Option("--special", help="A name that is never cut; repeatable.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Train a subword tokenizer, and show how it cuts each script of the corpus."""
    from itertools import islice

    from sememe.text.lines import read_texts
    from sememe.text.tokenizers.subword_report import measure_subwords
    from sememe.text.tokenizers.subwords import SubwordTokenizer

    trained = SubwordTokenizer.train(
        corpus,
        model=model,  # type: ignore[arg-type]
        vocab_size=vocab_size,
        level=level,  # type: ignore[arg-type]
        special_tokens=special or (),
    )
    report = measure_subwords(trained, list(islice(read_texts(corpus), _SAMPLE)))
    written = trained.save(output)
    if as_json:
        facts = {"path": str(written), "model": model, "vocab_size": trained.vocab_size}
        show.as_json({**facts, "report": report.to_dict()})
        return
    typer.echo(f"{trained.vocab_size} pieces to {written}", err=True)
    _table(report)


def _table(report: SubwordReport) -> None:
    rows = [
        (
            row.script,
            str(row.words),
            f"{row.fertility:.2f}",
            f"{row.whole:.1%}",
            f"{row.coverage:.1%}",
            f"{row.unknown_rate:.2%}",
        )
        for row in (*report.rows, report.total)
    ]
    columns = ("script", "words", "tokens per word", "whole", "covered", "unknown tokens")
    show.table(columns, rows)
