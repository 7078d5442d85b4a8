"""Commands that ask word vectors: neighbors, analogy."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated

import typer

from sememe.app import terminal as show

if TYPE_CHECKING:
    from sememe.vectors.keyed import KeyedVectors

Model = Annotated[
    str, typer.Argument(help="glove-6b-50d, a folder that sememe wrote, or a file of vectors.")
]
K = Annotated[int, typer.Option("-k", "--top-k", help="How many to show.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(neighbors)
    app.command()(analogy)


def neighbors(
    model: Model,
    key: Annotated[str, typer.Argument(help="A word.")],
    k: K = 10,
    as_json: Json = False,
) -> None:
    """List the nearest words by cosine."""
    from sememe.encoders.load.text import load_vectors

    vectors = load_vectors(model)
    _print(vectors.most_similar(_spelt(vectors, key), k), as_json)


def analogy(
    model: Model,
    a: Annotated[str, typer.Argument(metavar="A")],
    b: Annotated[str, typer.Argument(metavar="B")],
    c: Annotated[str, typer.Argument(metavar="C")],
    k: K = 5,
    method: Annotated[
        str, typer.Option("--method", help="3CosAdd or 3CosMul (Levy & Goldberg 2014).")
    ] = "3CosAdd",
    as_json: Json = False,
) -> None:
    """Answer "A is to B as C is to ?": man king woman -> queen."""
    from sememe.encoders.load.text import load_vectors

    vectors = load_vectors(model)
    a, b, c = (_spelt(vectors, word) for word in (a, b, c))
    _print(vectors.analogy(a, b, c, k, method=method), as_json)  # type: ignore[arg-type]


def _spelt(vectors: KeyedVectors, word: str) -> str:
    """Return the word as the vectors have it: composed (NFC), or in lower case, which is said."""
    composed = unicodedata.normalize("NFC", word)
    lower = composed.lower()
    if word in vectors or (composed not in vectors and lower not in vectors):
        return word
    if composed in vectors:
        return composed
    typer.echo(f"note: {word!r} is not among the keys; taken as {lower!r}", err=True)
    return lower


def _print(found: list[tuple[str, float]], as_json: bool) -> None:
    if as_json:
        show.as_json([{"key": key, "score": score} for key, score in found])
    else:
        show.table(("key", "score"), [(key, f"{score:.3f}") for key, score in found])
