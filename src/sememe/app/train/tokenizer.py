"""`sememe train tokenizer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe.app import terminal
from sememe.app.options import Json

if TYPE_CHECKING:
    from sememe.text.tokenizers.subword_report import SubwordReport

_SAMPLE = 100_000  # texts of the corpus that the report measures


_CORPUS = typer.Argument(metavar="CORPUS", help="Text file, plain, .gz or .xz.")
_OUTPUT = typer.Option("-o", "--output", help="Folder, or a .json file.", rich_help_panel="Output")
_LEVEL = typer.Option("--level", help="Initial units of bpe: bytes or characters.")
_SPECIAL = typer.Option("--special", help="Special token, which is never split; repeatable.")


def tokenizer(
    corpus: Annotated[Path, _CORPUS],
    output: Annotated[Path, _OUTPUT],
    model: Annotated[str, typer.Option("--model", help="bpe or unigram.")] = "bpe",
    vocab_size: Annotated[int, typer.Option("--vocab-size", help="Vocabulary size.")] = 16_000,
    level: Annotated[str | None, _LEVEL] = None,
    special: Annotated[list[str] | None, _SPECIAL] = None,
    as_json: Json = False,
) -> None:
    """Train a subword tokenizer, and report how it splits each script of the corpus."""
    from itertools import islice

    from sememe.text.lines import read_texts
    from sememe.text.tokenizers.subword_report import measure_subwords
    from sememe.text.tokenizers.subwords import SubwordTokenizer

    kinds: Any = {"model": model, "level": level}
    special_tokens = special or ()
    trained = SubwordTokenizer.train(
        corpus, **kinds, vocab_size=vocab_size, special_tokens=special_tokens
    )
    report = measure_subwords(trained, list(islice(read_texts(corpus), _SAMPLE)))
    written = trained.save(output)
    if as_json:
        facts = {"path": str(written), "model": model, "vocab_size": trained.vocab_size}
        terminal.print_json({**facts, "report": report.to_dict()})
        return
    typer.echo(f"{trained.vocab_size} pieces to {written}", err=True)
    _print_report(report)


def _print_report(report: SubwordReport) -> None:
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
    terminal.print_table(columns, rows)
