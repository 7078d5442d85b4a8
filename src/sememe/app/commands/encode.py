"""The commands `sememe models`, `embed` and `similar`, which need an encoder and no index."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.options import Json, Model
from sememe.models.weights.catalog import CATALOG, IMAGE_MODEL, SOUND_MODEL, default_model

if TYPE_CHECKING:
    from sememe._types import FloatArray, Item
    from sememe.encoders.base import BaseEncoder

_BATCH = 1024  # items in memory at once
_DEFAULTS = {"image": IMAGE_MODEL, "audio": SOUND_MODEL}
_MANY = 20  # languages that the table only counts; --json lists them
_NOTHING = "none of the items could be read; the reasons are above"
_OUTPUT = typer.Option("-o", "--output", help="File to write: .npy, .parquet or .jsonl.")
_TOKENS = typer.Option("--tokens", help="Print a vector per token, in context.")
_LAYERS = typer.Option(
    "--layers", help="With --tokens: layers to average, as 5,6; 0 is the embeddings."
)
_SIMILAR = typer.Argument(metavar="ITEM ITEM...", help="Texts, or images, or audio files.")


def models(as_json: Json = False) -> None:
    """List the encoders: what they read, their size, and whether they are installed."""
    names = ("name", "modality", "dim", "languages", "licence", "size")
    if as_json:
        default = default_model()
        rows = [
            {name: getattr(info, name) for name in names}
            | {"available": info.available(), "about": info.about}
            | {"default": info.name == default}
            for info in CATALOG.values()
        ]
        terminal.print_json(rows)
        return
    cells = [
        (
            info.name,
            info.modality,
            str(info.dim),
            " ".join(info.languages) if len(info.languages) < _MANY else f"{len(info.languages)}",
            info.licence,
            f"{info.size / 1e6:.0f} MB",
            "yes" if info.available() else "no",
        )
        for info in CATALOG.values()
    ]
    terminal.print_table((*names, "here"), cells)
    typer.echo(terminal.explain_default(), err=True)


def embed(
    items: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Texts or files.")],
    model: Model = None,
    output: Annotated[Path | None, _OUTPUT] = None,
    tokens: Annotated[bool, _TOKENS] = False,
    layers: Annotated[str | None, _LAYERS] = None,
) -> None:
    """Encode texts or files as vectors, printed as JSON lines or written to a file."""
    from sememe.app.files.vectors import format_line, open_vector_file

    if tokens:
        parsed = _parse_layers(layers)
        if output is not None:
            message = "--tokens writes to standard output; give no -o, but > FILE.jsonl"
            raise InvalidInputError(message)
        _print_tokens(items, model or default_model(), parsed)
        return
    if layers is not None:
        raise InvalidInputError("--layers goes with --tokens; a text has one vector.")
    batches = _read_batches(items)
    first = next(batches)
    encoder = _load_encoder(first[0].modality, model)
    encoded = _encode(chain([first], batches), encoder)
    if output is None:
        for batch, vectors in encoded:
            for item, vector in zip(batch, vectors, strict=True):
                typer.echo(format_line(item, vector))
        return
    with open_vector_file(output, encoder.dim) as file:
        for batch, vectors in encoded:
            file.write(batch, vectors)
    typer.echo(f"{file.rows} x {encoder.dim} to {output}", err=True)


def _load_encoder(modality: str, model: str | None) -> BaseEncoder:
    """Load the encoder named, or the default one of a modality."""
    from sememe.encoders.load.by_name import load

    return load(model or _DEFAULTS.get(modality) or default_model())


def _encode(
    batches: Iterable[list[Item]], encoder: BaseEncoder
) -> Iterator[tuple[list[Item], FloatArray]]:
    """Yield items with their vectors, (n, dim); what cannot be read is reported and left out."""
    import numpy as np

    done = 0
    for batch in batches:
        same = [item for item in batch if item.modality == encoder.modality]
        others = [item for item in batch if item.modality != encoder.modality]
        wrong = f"{encoder.name} encodes {encoder.modality}, this is"
        terminal.print_skipped((one.source or one.id, f"{wrong} {one.modality}") for one in others)
        encoded = encoder.encode_with_receipt([item.content for item in same])
        failed = encoded.receipt.failed
        terminal.print_skipped((same[i].source, reason) for i, reason in failed.items())
        kept = [i for i in range(len(same)) if i not in failed]
        done += len(kept)
        if kept:
            yield [same[i] for i in kept], encoded.vectors[np.array(kept)]
    if not done:
        raise InvalidInputError(_NOTHING)


def _print_tokens(items: list[str], model: str, layers: list[int] | None) -> None:
    """Print each token of each text with its span, its word and its vector, as JSON lines."""
    from sememe.encoders.load.by_name import load_text
    from sememe.encoders.text.sentence import SentenceEncoder

    encoder = load_text(model)
    if not isinstance(encoder, SentenceEncoder):
        raise InvalidInputError(
            f"{model} gives texts one vector and tokens none. Give a model of the BERT family, as "
            "-m all-minilm-l6-v2"
        )
    for item in chain.from_iterable(_read_batches(items)):
        if item.modality != "text":
            terminal.print_skipped([(item.source, f"{item.modality} has no tokens")])
            continue
        encoded = encoder.encode_tokens([item.content], layers=layers)[0]
        for i, token in enumerate(encoded.tokens):
            start, end = encoded.spans[i].tolist()
            row: dict[str, Any] = {"id": item.id, "token": token, "text": encoded.text[start:end]}
            row |= {"start": start, "end": end, "word": int(encoded.words[i])}
            row["vector"] = encoded.vectors[i].tolist()
            typer.echo(json.dumps(row, ensure_ascii=False))


def _parse_layers(layers: str | None) -> list[int] | None:
    if layers is None:
        return None
    try:
        return [int(part) for part in layers.split(",")]
    except ValueError:
        message = f"--layers {layers!r}; give numbers with commas between, as 5,6"
        raise InvalidInputError(message) from None


def _read_batches(arguments: list[str]) -> Iterator[list[Item]]:
    """Return the items in batches, so that memory does not grow with the files."""
    from sememe.app.files.arguments import read_items

    items = read_items(arguments)
    batches = iter(lambda: list(islice(items, _BATCH)), [])
    first = next(batches, None)
    if first is None:
        raise InvalidInputError(_NOTHING)
    return chain([first], batches)


def similar(
    items: Annotated[list[str], _SIMILAR], model: Model = None, as_json: Json = False
) -> None:
    """Compare texts, images or audio files with each other, by cosine."""
    from sememe.app.files.arguments import detect_modality

    if len(items) < 2:
        raise InvalidInputError("got 1 item; give two or more: sememe similar TEXT TEXT")
    encoder = _load_encoder("text" if model else detect_modality(items[0]), model)
    vectors = encoder.encode(items)
    cosine = (vectors @ vectors.T).tolist()
    is_text = encoder.modality == "text"
    if as_json:
        terminal.print_json({"texts" if is_text else "files": items, "similarity": cosine})
        return
    names = [terminal.shorten(item if is_text else Path(item).name)[:24] for item in items]
    rows = [(name, *(f"{x:.3f}" for x in row)) for name, row in zip(names, cosine, strict=True)]
    terminal.print_table(("", *names), rows)
