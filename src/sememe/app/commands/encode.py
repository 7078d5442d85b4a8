"""Commands that need an encoder and no index: models, embed, similar."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.models.weights.catalog import CATALOG, DEFAULT_MODEL, IMAGE_MODEL, SOUND_MODEL
from sememe.text.normalize import well_formed

if TYPE_CHECKING:
    from sememe._types import FloatArray, Item
    from sememe.encoders.base import BaseEncoder

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
_BATCH = 1024  # items in memory at once
_NOUNS = {"image": "a picture", "audio": "a recording"}
_USUAL = {"image": IMAGE_MODEL, "audio": SOUND_MODEL}


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
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="A name that `sememe models` lists, or a folder. By the first item unless told: "
            f"{DEFAULT_MODEL}, {IMAGE_MODEL} for images, {SOUND_MODEL} for recordings.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="FILE.npy, .parquet or .jsonl")
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Each token in its context, to standard output.")
    ] = False,
    layers: Annotated[
        str | None,
        typer.Option("--layers", help="With --tokens: mean of these, as 5,6; 0: the embeddings."),
    ] = None,
) -> None:
    """Turn texts or files into vectors; JSON lines on standard output unless -o names a file."""
    from sememe.app.files.vectors import json_line, vector_file

    if tokens:
        _embed_tokens(items, model or DEFAULT_MODEL, output, _numbers(layers))
        return
    if layers is not None:
        raise InvalidInputError("--layers goes with --tokens; a text has one vector.")
    batches = _batches(items)
    first = next(batches)
    encoder = _encoder_for(first[0].modality, model)
    encoded = _encoded(chain([first], batches), encoder)
    if output is None:
        for batch, vectors in encoded:
            for item, vector in zip(batch, vectors, strict=True):
                typer.echo(json_line(item, vector))
        return
    count = 0
    with vector_file(output, encoder.dim) as file:
        for batch, vectors in encoded:
            file.write(batch, vectors)
            count += len(batch)
    typer.echo(f"{count} x {encoder.dim} to {output}", err=True)


def _encoder_for(modality: str, model: str | None) -> BaseEncoder:
    """Load the encoder that was named, or the default one of a modality."""
    from sememe.encoders.load.by_name import load

    return load(model or _USUAL.get(modality, DEFAULT_MODEL))


def _encoded(
    batches: Iterable[list[Item]], encoder: BaseEncoder
) -> Iterator[tuple[list[Item], FloatArray]]:
    """Yield items with their vectors; what the encoder cannot read is told and left out."""
    import numpy as np

    done = 0
    for batch in batches:
        fit = [item for item in batch if item.modality == encoder.modality]
        for item in batch:
            if item.modality != encoder.modality:
                why = f"{encoder.name} encodes {encoder.modality}, this is {item.modality}"
                typer.echo(f"skipped {item.source or item.id}: {why}", err=True)
        contents = [item.content for item in fit]
        encoded = encoder.encode_with_receipt(contents)
        failed = encoded.receipt.failed
        for index, why in failed.items():
            typer.echo(f"skipped {fit[index].source}: {why}", err=True)
        kept = [index for index in range(len(fit)) if index not in failed]
        done += len(kept)
        if kept:
            yield [fit[index] for index in kept], encoded.vectors[np.array(kept)]
    if not done:
        raise InvalidInputError("none of the items could be read; the reasons are above")


def _embed_tokens(
    items: list[str], model: str, output: Path | None, layers: list[int] | None
) -> None:
    from sememe.encoders.load.by_name import load_text
    from sememe.encoders.text.sentence import SentenceEncoder

    if output is not None:
        raise InvalidInputError("--tokens writes to standard output; give no -o, but > FILE.jsonl")
    encoder = load_text(model)
    if not isinstance(encoder, SentenceEncoder):
        raise InvalidInputError(
            f"{model} gives texts one vector and tokens none. Give a model of BERT's family, as "
            "-m all-minilm-l6-v2"
        )
    for batch in _batches(items):
        for item in batch:
            if item.modality != "text":
                typer.echo(f"skipped {item.source}: {item.modality} has no tokens", err=True)
                continue
            found = encoder.encode_tokens([item.content], layers=layers)[0]
            for i, token in enumerate(found.tokens):
                start, end = found.spans[i].tolist()
                facts = {
                    "id": item.id,
                    "token": token,
                    "text": found.text[start:end],
                    "start": start,
                    "end": end,
                    "word": int(found.words[i]),
                    "vector": found.vectors[i].tolist(),
                }
                typer.echo(json.dumps(facts, ensure_ascii=False))


def _numbers(layers: str | None) -> list[int] | None:
    if layers is None:
        return None
    try:
        return [int(part) for part in layers.split(",")]
    except ValueError:
        message = f"--layers {layers!r}; give numbers with commas between, as 5,6"
        raise InvalidInputError(message) from None


def similar(
    items: Annotated[
        list[str], typer.Argument(metavar="ITEM ITEM...", help="Texts, or pictures, or recordings.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="A name that `sememe models` lists; by the first item unless told.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how similar texts are to each other, or pictures, or recordings, by cosine."""
    if len(items) < 2:
        raise InvalidInputError("got 1 item; give two or more: sememe similar TEXT TEXT")
    encoder = _encoder_for("text" if model else _modality_of(items[0]), model)
    vectors = encoder.encode(items)
    cosine = (vectors @ vectors.T).tolist()
    if as_json:
        what = "texts" if encoder.modality == "text" else "files"
        show.as_json({what: items, "similarity": cosine})
        return
    shown = items if encoder.modality == "text" else [Path(item).name for item in items]
    names = [show.snippet(item)[:24] for item in shown]
    rows = [(name, *(f"{x:.3f}" for x in row)) for name, row in zip(names, cosine, strict=True)]
    show.table(("", *names), rows)


def _modality_of(argument: str) -> str:
    """Return what an argument is: "image" or "audio" for a file of that kind, else "text"."""
    from sememe.sources.formats import format_of

    kind = format_of(argument)[0]
    if kind not in _NOUNS or any(map(str.isspace, argument)):
        return kind if kind in _NOUNS and _is_path(argument) else "text"
    if not _is_path(argument):
        raise InvalidInputError(f"{argument}: no such file. Give {_NOUNS[kind]}, or a text.")
    return kind


def _batches(arguments: list[str]) -> Iterator[list[Item]]:
    """Yield the items in batches, so that memory does not grow with the files."""
    items = _items(arguments)
    first = list(islice(items, _BATCH))
    if not first:
        raise InvalidInputError("none of the items could be read; the reasons are above")
    yield first
    while batch := list(islice(items, _BATCH)):
        yield batch


def _items(arguments: list[str]) -> Iterator[Item]:
    """Read the arguments that are files; take the others as texts."""
    from sememe._types import Item, Skipped
    from sememe.sources import find_files, read_file

    for argument in arguments:
        if not _is_path(argument):
            _modality_of(argument)  # refuses a slip in the name of a picture or recording
            text = well_formed(argument)
            yield Item(text, text)
            continue
        for file in find_files(Path(argument)):
            for thing in [file] if isinstance(file, Skipped) else read_file(file):
                if isinstance(thing, Skipped):
                    typer.echo(f"skipped {thing.source or argument}: {thing.reason}", err=True)
                else:
                    yield thing


def _is_path(argument: str) -> bool:
    try:
        return argument != "" and Path(argument).exists()  # Path("") is the folder we are in
    except (OSError, ValueError):  # too long for a name, or a NUL in it: a text
        return False
