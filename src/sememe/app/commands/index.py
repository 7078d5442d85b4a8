"""The commands `sememe index`, `search` and `verify`."""

from __future__ import annotations

import sys
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app import terminal
from sememe.app.options import IndexDir, Json, NewIndexModels, SearchMode, TopK

if TYPE_CHECKING:
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.index.index import Index
    from sememe.index.querying.hits import Hits
    from sememe.index.report import Report


_TERMS = typer.Option("--terms", help="Keyword analyser of a new index: default or kiwi.")
_THUMBNAILS = typer.Option(
    "--thumbnails", help="Thumbnail size of a new index, in pixels; 0 for none."
)
_TRANSCRIBER = typer.Option(
    "--transcriber", help="Speech recogniser of a new index, to search audio by text."
)
_IGNORE = typer.Option("--ignore", help="Pattern to leave out, as in .gitignore; repeatable.")
_FORGET = typer.Option("--forget", help="Folder or file to remove from the index; repeatable.")
_IMAGE = typer.Option("--image", help="Find images like this one, and texts that describe it.")
_AUDIO = typer.Option("--audio", help="Find audio that sounds like this file.")
_WHERE = typer.Option("--where", help='SQL filter on metadata: "year >= 2020".')
_MODALITY = typer.Option("--modality", help="Find only text, image or audio.")
_MIN_SCORE = typer.Option("--min-score", help="Lowest score of a hit; of a text, from 0 to 1.")
_JSON_LINES = typer.Option(
    "--json-lines", help="Print one JSON document for each hit.", rich_help_panel="Output"
)
_RERANK = typer.Option("--rerank", help="Cross-encoder, a folder or hf:org/name, to rerank hits.")


def index(
    into: Annotated[Path, typer.Option("--into", help="Folder of the index.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Folders or files; - is standard input."),
    ] = None,
    model: NewIndexModels = None,
    terms: Annotated[str | None, _TERMS] = None,
    thumbnails: Annotated[int, _THUMBNAILS] = 0,
    transcriber: Annotated[str, _TRANSCRIBER] = "",
    ignore: Annotated[list[str] | None, _IGNORE] = None,
    forget: Annotated[list[str] | None, _FORGET] = None,
    as_json: Json = False,
) -> None:
    """Build an index, or bring it up to date: only what changed is encoded again."""
    from sememe.index.config import FILE
    from sememe.index.index import Index

    given, gone = paths or [], forget or []
    if not given and not gone:
        raise InvalidInputError("no PATH given; type: sememe index FOLDER --into DIR")
    if missing := [path for path in given if path != "-" and not Path(path).exists()]:
        raise InvalidInputError(
            f"{', '.join(missing)}: no such folder or file. If the index should follow it no "
            f"longer, type: sememe index --forget {missing[0]} --into {into}"
        )
    if given and not (into / FILE).exists():
        options: dict[str, Any] = {"thumbnails": thumbnails, "transcriber": transcriber}
        target = Index.create(into, model or None, terms=terms or "default", **options)
        if not model and not as_json:
            typer.echo(terminal.explain_default(), err=True)
    else:
        target = _open(into, model or [], terms, thumbnails, transcriber)
    reports = [target.forget(path) for path in gone] + _sync(target, given, ignore or [])
    report, n_items = _sum(reports), len(target)
    if as_json:
        terminal.print_json({**report.to_dict(), "items": n_items})
    else:
        terminal.print_report(report, rows=n_items)
    if given and not n_items:
        raise InvalidInputError(f"nothing in {', '.join(given)} could be indexed")


def search(
    folder: IndexDir,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What to find.")] = None,
    image: Annotated[Path | None, _IMAGE] = None,
    audio: Annotated[Path | None, _AUDIO] = None,
    top_k: TopK = 10,
    mode: SearchMode = "hybrid",
    where: Annotated[str | None, _WHERE] = None,
    modality: Annotated[str | None, _MODALITY] = None,
    rerank: Annotated[str | None, _RERANK] = None,
    min_score: Annotated[float | None, _MIN_SCORE] = None,
    as_json: Json = False,
    as_lines: Annotated[bool, _JSON_LINES] = False,
) -> None:
    """Search an index by text, by an image or by audio.

    The best results are listed first, then the next ones of each modality that these push aside.
    """
    from sememe.index.index import Index

    limits: dict[str, Any] = {"k": top_k, "where": where, "modality": modality}
    if image is not None or audio is not None:
        others = (query, rerank, image and audio)
        if any(one is not None for one in others) or mode not in ("hybrid", "semantic"):
            raise InvalidInputError(
                "--image and --audio are queries by themselves; give one of them, and leave out "
                "QUERY, --mode, --rerank"
            )
        hits = _search_by_example(Index.open(folder), image, audio, limits)
    else:
        if query is None or not query.strip():
            raise InvalidInputError(
                "the query is empty; give words or a sentence to look for, or --image FILE, "
                "or --audio FILE"
            )
        scorer = _load_cross_encoder(rerank) if rerank else None
        opened = Index.open(folder, preload=mode != "keyword")
        hits = opened.search(query, mode=mode, rerank=scorer, **limits)  # type: ignore[arg-type]
    if min_score is not None:
        hits = hits.above(min_score)
    if as_json:
        asked = next(one for one in (image, audio, query) if one is not None)
        terminal.print_json({"query": str(asked), **hits.to_dict()})
    elif as_lines:
        for hit in chain(hits, *hits.more.values()):
            terminal.print_json(hit.to_dict())
    else:
        terminal.print_hits(hits, query or "")
    if hits.note and not as_json:
        typer.echo(f"note: {hits.note}", err=True)


def _search_by_example(
    index: Index, image: Path | None, audio: Path | None, limits: dict[str, Any]
) -> Hits:
    kind, given = ("image", image) if image is not None else ("audio", audio)
    if given is None or not given.is_file():
        raise InvalidInputError(f"--{kind} {given}: no such file. Give an {kind} file.")
    search = index.search_image if kind == "image" else index.search_sound
    return search(given, **limits)


def verify(folder: IndexDir, as_json: Json = False) -> None:
    """Check an index end to end: rows, checksums, offsets, vector dimensions and norms."""
    from sememe.index.index import Index

    result = Index.open(folder).verify()
    if as_json:
        terminal.print_json(result.to_dict())
    else:
        state = "sound" if result.sound else f"{result.faults} faults"
        typer.echo(f"{folder}: {result.rows} rows of {result.items} items checked, {state}")
        for problem in result.problems:
            typer.echo(problem, err=True)
    if not result.sound:
        raise typer.Exit(1)


def _open(
    into: Path, models: list[str], terms: str | None, thumbnails: int, transcriber: str
) -> Index:
    """Open an index; refuse options that differ from those it was built with."""
    from sememe.encoders.name import ModelName
    from sememe.index.index import Index

    opened = Index.open(into)
    if thumbnails not in (0, opened.thumbnails):
        raise InvalidInputError(
            f"{into} keeps thumbnails of {opened.thumbnails} pixels; got {thumbnails}. Leave "
            "--thumbnails out, or build another index: --into OTHER"
        )
    names = [ModelName.parse(entry.name).canonical for entry in opened.encoders]
    encoders = ", ".join(map(str, names))
    same = (("-m", _name_encoders(models), encoders), ("--terms", terms, opened.terms))
    for option, asked, built in same:
        if asked and asked != built:
            raise InvalidInputError(
                f"{into} was built with {built or 'none'}; got {option} {asked}. Leave {option} "
                "out, or build another index: --into OTHER"
            )
    if transcriber:
        opened.use_transcriber(transcriber)
    return opened


def _name_encoders(models: list[str]) -> str:
    """Return the names of the encoders that an index of these models has; loads nothing."""
    from sememe.index.encoders import list_names

    try:
        return ", ".join(list_names(models))
    except UnknownNameError:  # no model, so not the one that the index was built with
        return ", ".join(models)


def _sync(target: Index, paths: list[str], ignore: list[str]) -> list[Report]:
    """Sync the folders and files, then read standard input if it is among them."""
    reports, show = [], terminal.is_interactive()
    if followed := [path for path in paths if path != "-"]:
        reports.append(target.sync(*followed, ignore=ignore, show_progress=show))
    if "-" in paths:
        from sememe.index.writing.metadata import MetadataSchema
        from sememe.sources import read_lines

        schema = MetadataSchema(target.statistics()["columns"])
        lines = schema.fit_all(read_lines(sys.stdin.buffer), "stdin")
        reports.append(target.upsert(lines, show_progress=show))
    return reports


def _load_cross_encoder(name: str) -> CrossEncoder:
    from sememe.encoders.text.cross_encoder import CrossEncoder

    model = CrossEncoder.load(name)
    if len(model.labels) > 1:
        raise InvalidInputError(
            f"--rerank {name} gives {len(model.labels)} labels ({', '.join(model.labels)}); give a "
            "cross-encoder with one score, such as hf:cross-encoder/ms-marco-MiniLM-L6-v2"
        )
    return model


def _sum(reports: list[Report]) -> Report:
    from sememe.index.report import Report

    total = Report()
    for report in reports:
        for field in fields(report):
            setattr(total, field.name, getattr(total, field.name) + getattr(report, field.name))
    return total
