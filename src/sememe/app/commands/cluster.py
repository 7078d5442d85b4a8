"""The command `sememe cluster`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.options import ENCODER, Json
from sememe.models.weights.catalog import default_model

if TYPE_CHECKING:
    from sememe.space.cluster import Clusters

_LISTED = 8  # items of a cluster in the table; --json lists all
_ITEMS = typer.Argument(metavar="ITEM... | FILE", help="Texts, or a file with one per line.")
_K = typer.Option("-k", help="Number of clusters; by default set by silhouette.")
_METHOD = typer.Option("--method", help="kmeans, agglomerative or hdbscan.")
_MIN_SIZE = typer.Option("--min-size", help="Minimum size of a cluster, for hdbscan.")


def cluster(
    items: Annotated[list[str], _ITEMS],
    model: Annotated[str | None, ENCODER] = None,
    k: Annotated[int | None, _K] = None,
    method: Annotated[str, _METHOD] = "kmeans",
    min_size: Annotated[int, _MIN_SIZE] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Seed of kmeans.")] = 0,
    as_json: Json = False,
) -> None:
    """Cluster words or texts by meaning, and name each cluster by its own words."""
    from sememe.encoders.load.by_name import load_text
    from sememe.space import cluster as find_clusters

    texts, model = _read_texts(items), model or default_model()
    vectors = load_text(model).encode(texts)
    kind: Any = method
    clusters = find_clusters(vectors, k=k, method=kind, min_size=min_size, seed=seed)
    groups = _name_clusters(clusters, texts, vectors)
    noise = [texts[i] for i in clusters.members(-1)]
    if as_json:
        quality = None if math.isnan(clusters.silhouette) else clusters.silhouette
        facts = {"method": clusters.method, "k": clusters.k, "silhouette": quality}
        terminal.print_json({"model": model, **facts, "clusters": groups, "noise": noise})
        return
    rows = [(str(i), ", ".join(g["name"]), _join_items(g["items"])) for i, g in enumerate(groups)]
    if noise:
        rows.append(("-", "in no cluster", _join_items(noise)))
    terminal.print_table(("cluster", "name", "items"), rows)
    summary = f"{clusters.k} clusters by {clusters.method}, silhouette {clusters.silhouette:.3f}"
    typer.echo(summary, err=True)


def _read_texts(items: list[str]) -> list[str]:
    """Return the arguments, or the lines of the file that is the only one, without blank ones."""
    from sememe.app.files.arguments import is_path
    from sememe.text.lines import read_texts

    is_file = len(items) == 1 and is_path(items[0]) and Path(items[0]).is_file()
    lines = read_texts(Path(items[0])) if is_file else items
    texts = [text for text in lines if text.strip()]
    if len(texts) < 2:
        given = "1 item" if texts else "no items"
        raise InvalidInputError(
            f"got {given}; give two or more: sememe cluster ITEM ITEM, or a FILE with one per line"
        )
    return texts


def _name_clusters(clusters: Clusters, texts: list[str], vectors: Any) -> list[dict[str, Any]]:
    """Return name, size and items of each cluster; the name of texts is their terms."""
    from sememe.space import central_words, distinctive_terms

    words = all(len(text.split()) == 1 for text in texts)
    names = central_words(clusters, texts, vectors) if words else distinctive_terms(clusters, texts)
    members = [[texts[i] for i in clusters.members(label)] for label in range(len(names))]
    groups = zip(names, members, strict=True)
    return [{"name": name, "size": len(items), "items": items} for name, items in groups]


def _join_items(items: list[str]) -> str:
    listed = ", ".join(terminal.shorten(item) for item in items[:_LISTED])
    return listed if len(items) <= _LISTED else f"{listed} and {len(items) - _LISTED} more"
