"""The commands `sememe neighbors` and `sememe analogy`."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated

import typer

from sememe.app import terminal
from sememe.app.options import Json, TopK

if TYPE_CHECKING:
    from sememe.vectors.keyed import KeyedVectors

_MODEL = typer.Argument(
    help="Word vectors: glove-6b-50d, a folder written by sememe, or a file of vectors."
)
_METHOD = typer.Option("--method", help="3CosAdd or 3CosMul (Levy & Goldberg 2014).")


def neighbors(
    model: Annotated[str, _MODEL],
    key: Annotated[str, typer.Argument(help="A word.")],
    k: TopK = 10,
    as_json: Json = False,
) -> None:
    """List the nearest words by cosine."""
    from sememe.encoders.load.text import load_vectors

    vectors = load_vectors(model)
    _print_scores(vectors.most_similar(_find_key(vectors, key), k), as_json)


def analogy(
    model: Annotated[str, _MODEL],
    a: Annotated[str, typer.Argument(metavar="A")],
    b: Annotated[str, typer.Argument(metavar="B")],
    c: Annotated[str, typer.Argument(metavar="C")],
    k: TopK = 5,
    method: Annotated[str, _METHOD] = "3CosAdd",
    as_json: Json = False,
) -> None:
    """Answer "A is to B as C is to ?": man king woman -> queen."""
    from sememe.encoders.load.text import load_vectors

    vectors = load_vectors(model)
    a, b, c = (_find_key(vectors, word) for word in (a, b, c))
    _print_scores(vectors.analogy(a, b, c, k, method=method), as_json)  # type: ignore[arg-type]


def _find_key(vectors: KeyedVectors, word: str) -> str:
    """Return the word as a key: composed (NFC), or in lower case, with a note."""
    composed = unicodedata.normalize("NFC", word)
    lower = composed.lower()
    key = next((one for one in (word, composed, lower) if one in vectors), word)
    if key not in (word, composed):
        typer.echo(f"note: {word!r} is not among the keys; taken as {lower!r}", err=True)
    return key


def _print_scores(scores: list[tuple[str, float]], as_json: bool) -> None:
    if as_json:
        terminal.print_json([{"key": key, "score": score} for key, score in scores])
    else:
        terminal.print_table(("key", "score"), [(key, f"{score:.3f}") for key, score in scores])
