"""Commands that need an encoder and no index: models, embed, similar."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app import show
from sememe.models.catalog import CATALOG, DEFAULT_MODEL

if TYPE_CHECKING:
    from sememe._types import FloatArray, Item

Model = Annotated[str, typer.Option("-m", "--model", help="A name that `sememe models` lists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
OUTPUTS = (".npy", ".parquet", ".jsonl")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(models)
    app.command()(embed)
    app.command()(similar)


def models(as_json: Json = False) -> None:
    """List the encoders: what they read, their size, and whether they are on this machine."""
    rows = [
        {
            "name": info.name,
            "modality": info.modality,
            "dim": info.dim,
            "languages": list(info.languages),
            "licence": info.licence,
            "size": info.size,
            "available": info.available(),
            "about": info.about,
        }
        for info in CATALOG.values()
    ]
    if as_json:
        show.as_json(rows)
        return
    columns = ("name", "modality", "dim", "languages", "licence", "size", "here")
    show.table(
        columns,
        [
            (
                str(row["name"]),
                str(row["modality"]),
                str(row["dim"]),
                " ".join(info.languages),
                info.licence,
                f"{info.size / 1e6:.0f} MB",
                "yes" if row["available"] else "no",
            )
            for row, info in zip(rows, CATALOG.values(), strict=True)
        ],
    )


def embed(
    items: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Texts or files.")],
    model: Model = DEFAULT_MODEL,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="FILE.npy, .parquet or .jsonl")
    ] = None,
) -> None:
    """Turn texts or files into vectors; JSON lines on standard output unless -o names a file."""
    from sememe.encoders.load import load

    if output is not None and output.suffix not in OUTPUTS:
        raise UnknownNameError.of("the output's ending", output.suffix, OUTPUTS)
    encoder = load(model)
    found = _items(items)
    vectors = encoder.encode([item.content for item in found])
    if output is None:
        for item, vector in zip(found, vectors, strict=True):
            typer.echo(_line(item, vector))
        return
    fresh = output.with_name(f".{output.name}.{os.getpid()}{output.suffix}")
    _write(fresh, found, vectors)
    fresh.replace(output)
    typer.echo(f"{len(found)} x {encoder.dim} to {output}", err=True)


def similar(
    texts: Annotated[list[str], typer.Argument(metavar="TEXT TEXT...")],
    model: Model = DEFAULT_MODEL,
    as_json: Json = False,
) -> None:
    """Show how similar texts are to each other, by cosine."""
    from sememe.encoders.load import load

    if len(texts) < 2:
        raise InvalidInputError("got 1 text; give two or more: sememe similar TEXT TEXT")
    vectors = load(model).encode(texts)
    cosine = (vectors @ vectors.T).tolist()
    if as_json:
        show.as_json({"texts": texts, "similarity": cosine})
        return
    names = [show.snippet(text)[:24] for text in texts]
    rows = [(name, *(f"{x:.3f}" for x in row)) for name, row in zip(names, cosine, strict=True)]
    show.table(("", *names), rows)


def _items(arguments: list[str]) -> list[Item]:
    """Read the arguments that are files; take the others as texts."""
    from sememe._types import Item, Skipped
    from sememe.sources import find_files, read_file

    found: list[Item] = []
    for argument in arguments:
        if not _is_path(argument):
            found.append(Item(argument, argument))
            continue
        for file in find_files(Path(argument)):
            for thing in [file] if isinstance(file, Skipped) else read_file(file):
                if isinstance(thing, Skipped):
                    typer.echo(f"skipped {thing.source or argument}: {thing.reason}", err=True)
                else:
                    found.append(thing)
    if not found:
        raise InvalidInputError("none of the items could be read; the reasons are above")
    return found


def _is_path(argument: str) -> bool:
    try:
        return Path(argument).exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it: a text
        return False


def _line(item: Item, vector: FloatArray) -> str:
    return json.dumps({"id": item.id, "vector": vector.tolist()}, ensure_ascii=False)


def _write(path: Path, items: list[Item], vectors: FloatArray) -> None:
    import numpy as np

    if path.suffix == ".npy":
        np.save(path, vectors)
    elif path.suffix == ".jsonl":
        lines = [_line(item, vector) + "\n" for item, vector in zip(items, vectors, strict=True)]
        path.write_text("".join(lines), encoding="utf-8")
    else:
        import pyarrow as pa
        from pyarrow import parquet

        width = vectors.shape[1]
        columns: dict[str, Any] = {
            "id": [item.id for item in items],
            "text": [item.content for item in items],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width),
        }
        parquet.write_table(pa.table(columns), path)
