"""The command `sememe mine`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app import terminal as show
from sememe.models.weights.catalog import DEFAULT_MODEL, IMAGE_MODEL, SOUND_MODEL

if TYPE_CHECKING:
    from sememe._types import Modality
    from sememe.app.files.texts import TextFile
    from sememe.index.near_duplicates import ImagePair, SoundPair

_PAIRS = 100
_THRESHOLD = 0.9  # of --duplicates
_ALIKE = 0.95  # of images and recordings
_REASONS = 12  # skipped lines and dropped texts shown; --json lists all


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(mine)


def mine(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="One text a line, or .jsonl; also .gz and .xz. Or an index: what is alike in it; "
            "or a folder of recordings or pictures.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", help="A name that `sememe models` lists, or a path."),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("-k", "--top-k", help=f"The most pairs: {_PAIRS} unless told.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", help=f"The lowest cosine; {_THRESHOLD} with --duplicates unless told."
        ),
    ] = None,
    duplicates: Annotated[
        bool,
        typer.Option(
            "--duplicates", help="Write the lines to keep: of texts alike only the first."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Pairs: FILE.jsonl; --duplicates: a file like FILE."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Find the most similar pairs among the texts of a file, or the texts that repeat others.

    Of an index, the images and the sounds that are alike; of a folder, the recordings or pictures.
    Each is compared with each: twice as many take four times as long.
    """
    _check_options(top_k, threshold, duplicates)
    if (file / "sememe.json").is_file():
        _of_index(file, model, top_k or _PAIRS, threshold, duplicates, output, quiet=as_json)
        return
    if (kind := _kind_of(file)) is not None:
        _files(file, kind, model, top_k or _PAIRS, threshold, duplicates, output, quiet=as_json)
        return
    model = model or DEFAULT_MODEL
    _check_output(output, file, duplicates)
    found = _read(file, quiet=as_json)
    if duplicates:
        told = _THRESHOLD if threshold is None else threshold
        document = _duplicates(found, model, told, file, output, quiet=as_json)
    else:
        document = _pairs(found, model, top_k or _PAIRS, threshold, output, quiet=as_json)
    if as_json:
        facts = {"model": model, "texts": len(found.texts), "empty": found.empty}
        skipped = [thing.reason for thing in found.skipped]
        show.as_json({**facts, "skipped": skipped, **document})


def _of_index(
    folder: Path,
    model: str | None,
    limit: int,
    threshold: float | None,
    duplicates: bool,
    output: Path | None,
    *,
    quiet: bool,
) -> None:
    """List the images, and the sounds, of an index that are alike."""
    from sememe._ties import rank
    from sememe.index.index import Index

    for option, given in (("-m", model), ("--duplicates", duplicates), ("-o", output)):
        if given:
            raise InvalidInputError(f"{option} is for a file of texts; leave it out for an index.")
    told = _ALIKE if threshold is None else threshold
    index = Index.open(folder)
    pairs: list[ImagePair | SoundPair] = []
    lacking = []
    for similar in (index.similar_images, index.similar_sounds):
        try:
            pairs += similar(max_pairs=limit, threshold=told)
        except InvalidInputError as error:  # none of that kind in it
            lacking.append(error)
    if len(lacking) == 2:
        raise lacking[0]
    ranked = rank([pair.score for pair in pairs], range(len(pairs)))[:limit]
    pairs = [pairs[place]._replace(score=score) for place, score in ranked]
    if quiet:
        show.as_json({"threshold": told, "pairs": [pair._asdict() for pair in pairs]})
        return
    for pair in pairs:
        typer.echo(show.visible(f"{pair.score:6.3f}  {pair.first}  {pair.second}"))
    typer.echo(f"{len(pairs)} pairs of images or sounds with {told} or more", err=True)
    if len(pairs) == limit:
        typer.echo(f"more pairs than these {limit} may reach it: -k NUMBER", err=True)


def _kind_of(file: Path) -> Modality | None:
    """Return what most files of a folder are, None where it is none, or holds texts alone."""
    from sememe.tasks.near_duplicates import find_main_modality

    return find_main_modality(file) if file.is_dir() else None


def _files(
    folder: Path,
    kind: Modality,
    model: str | None,
    limit: int,
    threshold: float | None,
    duplicates: bool,
    output: Path | None,
    *,
    quiet: bool,
) -> None:
    """List the recordings or pictures of a folder that are alike."""
    from sememe._nouns import noun
    from sememe.encoders.load.by_name import load
    from sememe.tasks.near_duplicates import find_near_duplicates

    for option, given in (("--duplicates", duplicates), ("-o", output)):
        if given:
            raise InvalidInputError(f"{option} is for a file of texts; leave it out for a folder.")
    told = _ALIKE if threshold is None else threshold
    encoder = load(model or (SOUND_MODEL if kind == "audio" else IMAGE_MODEL))
    shown = sys.stderr.isatty()
    found = find_near_duplicates(
        folder, encoder, max_pairs=limit, threshold=told, show_progress=shown
    )
    if quiet:
        show.as_json(
            {
                "model": encoder.name,
                "files": found.n,
                "threshold": told,
                "skipped": [f"{one.source}: {one.reason}" for one in found.skipped],
                "pairs": [pair._asdict() for pair in found.pairs],
            }
        )
        return
    for pair in found.pairs:
        typer.echo(show.visible(f"{pair.score:6.3f}  {pair.first}  {pair.second}"))
    _some(f"skipped {one.source}: {one.reason}" for one in found.skipped)
    what = f"{noun(encoder.modality)}s"
    typer.echo(f"{len(found.pairs)} pairs of {found.n} {what} with {told} or more", err=True)
    if len(found.pairs) == limit:
        typer.echo(f"more pairs than these {limit} may reach it: -k NUMBER", err=True)


def _check_options(top_k: int | None, threshold: float | None, duplicates: bool) -> None:
    """Refuse what cannot be, before anything is read."""
    from sememe.space.pairs import check_threshold
    from sememe.vectors.nearest import check_k

    if top_k is not None:
        check_k(top_k, "--top-k")
        if duplicates:
            raise InvalidInputError(f"--top-k {top_k} is for pairs; leave it out of --duplicates.")
    if threshold is not None:
        check_threshold(threshold)


def _check_output(output: Path | None, file: Path, duplicates: bool) -> None:
    if output is None:
        return
    name = output.name.removesuffix(".gz")
    if not duplicates and not name.endswith(".jsonl"):
        raise UnknownNameError.of("the output's ending", output.suffix, (".jsonl", ".jsonl.gz"))
    if output.suffix == ".xz":
        raise InvalidInputError(f"{output}: .xz is not written; name it without, or .gz.")
    if not output.parent.is_dir():
        raise InvalidInputError(f"{output.parent} is no folder; make it first, or write elsewhere.")
    if output.is_dir():
        raise InvalidInputError(f"{output} is a folder; give the name of a file.")
    if output.exists() and file.exists() and output.samefile(file):
        raise InvalidInputError(f"{output} is the file that is read; give another name to -o.")


def _read(file: Path, *, quiet: bool) -> TextFile:
    """Read the texts, and say what was left out."""
    from sememe.app.files.texts import read_text_file

    found = read_text_file(file)
    if not quiet:
        if found.empty:
            typer.echo(f"{found.empty} empty lines left out", err=True)
        reasons = [f"skipped {thing.reason}" for thing in found.skipped]
        _some(reasons)
    if len(found.texts) < 2:
        raise InvalidInputError(
            f"{file}: got {len(found.texts)} texts, {found.empty} empty lines and "
            f"{len(found.skipped)} skipped; give two texts or more, one a line."
        )
    return found


def _pairs(
    found: TextFile,
    model: str,
    limit: int,
    threshold: float | None,
    output: Path | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Find the pairs; write them, or print them unless `quiet`."""
    from sememe.encoders.load.by_name import load_text
    from sememe.tasks.mining import mine_pairs

    pairs = mine_pairs(
        found.texts,
        load_text(model),
        max_pairs=limit,
        threshold=threshold,
        show_progress=sys.stderr.isatty(),
    )
    rows = [
        {"score": pair.score, "lines": [found.lines[pair.first], found.lines[pair.second]],
         "texts": list(pair.texts)}
        for pair in pairs
    ]  # fmt: skip
    if output is not None:
        _write(output, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif not quiet:
        for pair in pairs:
            first, second = map(show.snippet, pair.texts)
            typer.echo(f"{pair.score:6.3f} {found.lines[pair.first]:>8}  {first}")
            typer.echo(f"{'':6} {found.lines[pair.second]:>8}  {second}")
    if not quiet:
        typer.echo(f"{len(pairs)} pairs{_to(output)}", err=True)
    if threshold is not None and len(pairs) == limit:
        typer.echo(f"more pairs than these {limit} may reach it: -k NUMBER", err=True)
    return {"pairs": rows}


def _duplicates(
    found: TextFile,
    model: str,
    threshold: float,
    file: Path,
    output: Path | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Find what repeats; write the lines to keep, or print them unless `quiet`."""
    from sememe.app.files.texts import chosen_lines
    from sememe.encoders.load.by_name import load_text
    from sememe.tasks.mining import deduplicate

    shown = sys.stderr.isatty()
    done = deduplicate(found.texts, load_text(model), threshold=threshold, show_progress=shown)
    lines = found.lines
    keep = [lines[i] for i in done.kept.tolist()]
    columns = done.dropped.tolist(), done.duplicate_of.tolist(), done.scores.tolist()
    dropped = [
        {"line": lines[i], "duplicate_of": lines[j], "score": score, "text": found.texts[i]}
        for i, j, score in zip(*columns, strict=True)
    ]
    if output is not None:
        _write(output, chosen_lines(file, set(keep)))
    elif not quiet:
        for line in chosen_lines(file, set(keep)):
            typer.echo(line, nl=False)
    if not quiet:
        _some(
            f"line {row['line']} repeats {row['duplicate_of']} ({row['score']:.3f}): "
            f"{show.snippet(row['text'])}"
            for row in dropped
        )
        typer.echo(f"{len(keep)} lines kept{_to(output)}, {len(dropped)} dropped", err=True)
    return {"threshold": threshold, "kept": keep, "dropped": dropped}


def _to(output: Path | None) -> str:
    return "" if output is None else f" to {output}"


def _some(notes: Iterable[str]) -> None:
    """Print the first few notes on standard error."""
    notes = list(notes)
    for note in notes[:_REASONS]:
        typer.echo(show.visible(note), err=True)
    if len(notes) > _REASONS:
        typer.echo(f"... and {len(notes) - _REASONS} more: --json lists all", err=True)


def _write(output: Path, lines: Iterable[str]) -> None:
    from sememe.vectors.atomic import written

    with written(output) as file:
        for line in lines:
            file.write(line.encode("utf-8"))
