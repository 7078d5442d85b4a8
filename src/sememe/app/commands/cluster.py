"""The command `sememe cluster`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.models.weights.catalog import DEFAULT_MODEL

if TYPE_CHECKING:
    from sememe.space.cluster import Clusters

_SHOWN = 8  # items of a cluster in the table; --json lists all


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(cluster)


def cluster(
    items: Annotated[
        list[str], typer.Argument(metavar="ITEM... | FILE", help="Texts, or a file, one a line.")
    ],
    model: Annotated[
        str, typer.Option("-m", "--model", help="A name that `sememe models` lists, or a path.")
    ] = DEFAULT_MODEL,
    k: Annotated[
        int | None, typer.Option("-k", help="How many clusters; chosen by silhouette unless told.")
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="kmeans, agglomerative or hdbscan")
    ] = "kmeans",
    min_size: Annotated[
        int, typer.Option("--min-size", help="The fewest items of a cluster of hdbscan.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Of the starts of kmeans.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Group words or texts that mean alike, and name each group by its own words."""
    from sememe.encoders.load.by_name import load_text
    from sememe.space import cluster as group

    texts = _texts(items)
    vectors = load_text(model).encode(texts)
    found = group(
        vectors,
        k=k,
        method=method,  # type: ignore[arg-type]
        min_size=min_size,
        seed=seed,
    )
    groups = _groups(found, texts, vectors)
    noise = [texts[i] for i in found.members(-1)]
    if as_json:
        quality = None if math.isnan(found.silhouette) else found.silhouette
        facts = {"model": model, "method": found.method, "k": found.k, "silhouette": quality}
        show.as_json({**facts, "clusters": groups, "noise": noise})
        return
    rows = [(str(i), ", ".join(g["name"]), _some(g["items"])) for i, g in enumerate(groups)]
    if noise:
        rows.append(("-", "in no cluster", _some(noise)))
    show.table(("cluster", "name", "items"), rows)
    typer.echo(f"{found.k} clusters by {found.method}, silhouette {found.silhouette:.3f}", err=True)


def _texts(items: list[str]) -> list[str]:
    """Return the arguments, or the lines of the file that is the only one; blanks are nothing."""
    from sememe.text.lines import read_texts

    texts = list(read_texts(Path(items[0]))) if len(items) == 1 and _is_file(items[0]) else items
    texts = [text for text in texts if text.strip()]
    if len(texts) < 2:
        raise InvalidInputError(
            f"got {len(texts)} items; give two or more: sememe cluster ITEM ITEM, or a FILE with "
            "one a line"
        )
    return texts


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).is_file()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: a text
        return False


def _groups(found: Clusters, texts: list[str], vectors: Any) -> list[dict[str, Any]]:
    """Return each cluster's name, size and items; texts of several words are named by terms."""
    from sememe.space import central_words, distinctive_terms

    words = all(len(text.split()) == 1 for text in texts)
    names = central_words(found, texts, vectors) if words else distinctive_terms(found, texts)
    return [
        {"name": name, "size": len(found.members(label)),
         "items": [texts[i] for i in found.members(label)]}
        for label, name in enumerate(names)
    ]  # fmt: skip


def _some(items: list[str]) -> str:
    shown = ", ".join(show.snippet(item) for item in items[:_SHOWN])
    return shown if len(items) <= _SHOWN else f"{shown} and {len(items) - _SHOWN} more"
