"""The command `sememe distil`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.app.train.run import check_free


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(distil)


def distil(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A sentence encoder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A folder for the new encoder.")],
    dim: Annotated[
        str | None,
        typer.Option(
            "--dim", help="Width of a vector, or all of MODEL's; 256 at most unless told."
        ),
    ] = None,
    weighting: Annotated[
        str,
        typer.Option("--weighting", help="zipf (by the vocabulary's order), sif (counted) or none"),
    ] = "zipf",
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Text to count tokens in, for sif.")
    ] = None,
    sif_coefficient: Annotated[
        float, typer.Option("--sif-coefficient", help="The a of a / (a + p).")
    ] = 1e-4,
    pooling: Annotated[
        str | None,
        typer.Option("--pooling", help="A token's vector: states or sentence; states if it can."),
    ] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option("--vocabulary", help="A file of words, one a line, that become tokens."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a static encoder that is there.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Make a sentence encoder static: many times faster, a few points less exact, no network.

    The folder is a MODEL for all other commands, and opens in model2vec and sentence-transformers.
    """
    from sememe.encoders.load.by_name import load_text
    from sememe.train.distil.distil import check_output
    from sememe.train.distil.distil import distil as make

    check_free(output, overwrite=overwrite)
    check_output(output)
    teacher = load_text(model)
    made = make(
        teacher,
        dim=min(256, teacher.dim) if dim is None else _dim(dim),
        weighting=weighting,  # type: ignore[arg-type]
        corpus=corpus,
        sif_coefficient=sif_coefficient,
        pooling=pooling,  # type: ignore[arg-type]
        vocabulary=_words(vocabulary),
        show_progress=sys.stderr.isatty(),
    )
    written = made.save(output)
    tokens, width = made.rows.shape
    if as_json:
        show.as_json({"path": str(written), "tokens": tokens, "width": width, **made.facts})
        return
    typer.echo(
        f"{made.facts['tokens_kept']:,} of {tokens:,} tokens x {width} to {written}; "
        f"{made.facts['variance_kept']:.1%} of the variance is kept"
    )
    typer.echo(f"Next: sememe similar -m {shlex.quote(str(written))} TEXT TEXT")


def _dim(given: str) -> int | None:
    if given == "all":
        return None
    try:
        return int(given)
    except ValueError:
        raise InvalidInputError(
            f"--dim {given!r}; give a whole number, or 'all' for the width of MODEL."
        ) from None


def _words(path: Path | None) -> list[str]:
    from sememe.text.lines import check_corpus, read_texts

    if path is None:
        return []
    check_corpus(path)
    return [word for line in read_texts(path) if (word := line.strip())]
