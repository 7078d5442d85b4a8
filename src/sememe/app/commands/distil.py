"""The command `sememe distil`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.options import Json, OutputFolder, Overwrite

_DIM = typer.Option(
    "--dim", help='Dimension of the vectors, or "all" for MODEL\'s; by default up to 256.'
)
_WEIGHTING = typer.Option(
    "--weighting", help="Token weights: zipf (by vocabulary order), sif (counted) or none."
)
_POOLING = typer.Option(
    "--pooling",
    help="Vector of a token: states (mean of the last states) or sentence; by default states where "
    "MODEL has them.",
)
_CORPUS = typer.Option("--corpus", help="Text to count tokens in, for sif.")
_SIF = typer.Option("--sif-coefficient", help="The a of a / (a + p).")
_VOCABULARY = typer.Option("--vocabulary", help="File of words, one per line, that become tokens.")


def distil(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A sentence encoder.")],
    output: OutputFolder,
    dim: Annotated[str | None, _DIM] = None,
    weighting: Annotated[str, _WEIGHTING] = "zipf",
    corpus: Annotated[Path | None, _CORPUS] = None,
    sif_coefficient: Annotated[float, _SIF] = 1e-4,
    pooling: Annotated[str | None, _POOLING] = None,
    vocabulary: Annotated[Path | None, _VOCABULARY] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Distil a sentence encoder into static vectors: many times faster, slightly less accurate.

    The folder is a MODEL for all other commands, and opens in model2vec and sentence-transformers.
    """
    from sememe.app.files.texts import read_words
    from sememe.app.train.run import check_free
    from sememe.encoders.load.by_name import load_text
    from sememe.train.distil import distil as recipe

    check_free(output, overwrite=overwrite)
    recipe.check_output(output)
    teacher = load_text(model)
    made = recipe.distil(
        teacher,
        dim=min(256, teacher.dim) if dim is None else _parse_dim(dim),
        weighting=weighting,  # type: ignore[arg-type]
        corpus=corpus,
        sif_coefficient=sif_coefficient,
        pooling=pooling,  # type: ignore[arg-type]
        vocabulary=[] if vocabulary is None else read_words(vocabulary),
        show_progress=terminal.is_interactive(),
    )
    written = made.save(output)
    tokens, width = made.rows.shape
    facts = {"path": str(written), "tokens": tokens, "width": width, **made.facts}
    if as_json:
        terminal.print_json(facts)
        return
    typer.echo(
        f"{facts['tokens_kept']:,} of {tokens:,} tokens x {width} to {written}; "
        f"{facts['variance_kept']:.1%} of the variance is kept"
    )
    typer.echo(f"Next: sememe similar -m {shlex.quote(str(written))} TEXT TEXT")


def _parse_dim(given: str) -> int | None:
    if given == "all":
        return None
    try:
        return int(given)
    except ValueError:
        raise InvalidInputError(
            f"--dim {given!r}; give a whole number, or 'all' for the dimension of MODEL."
        ) from None
