"""Commands that make and use an index: index, search, verify, demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app import terminal as show
from sememe.app.options import IndexDir, Json, Models, SearchMode

if TYPE_CHECKING:
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.index.index import Index
    from sememe.index.querying.hits import Hits
    from sememe.index.report import Report


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(demo)
    app.command()(index)
    app.command()(search)
    app.command()(verify)


def demo() -> None:
    """Index the bundled samples and search them in two languages: the tour, offline."""
    from sememe.app.commands.demo import run

    run()


def index(
    into: Annotated[Path, typer.Option("--into", help="The folder of the index.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Folders or files; - is standard input."),
    ] = None,
    model: Models = None,
    terms: Annotated[
        str | None,
        typer.Option("--terms", help="Keyword analyser of a new index: default or kiwi."),
    ] = None,
    thumbnails: Annotated[
        int,
        typer.Option("--thumbnails", help="Of a new index: keep images this small; 0: none."),
    ] = 0,
    transcriber: Annotated[
        str,
        typer.Option("--transcriber", help="Of a new index: a recogniser; text then finds speech."),
    ] = "",
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", help="Pattern to leave out, as in .gitignore.")
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", help="A folder or file to follow no longer; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build an index, or bring it up to date: only what changed is encoded again."""
    given, gone = paths or [], forget or []
    if not given and not gone:
        raise InvalidInputError("no PATH given; type: sememe index FOLDER --into DIR")
    missing = [path for path in given if path != "-" and not Path(path).exists()]
    if missing:
        raise InvalidInputError(
            f"{', '.join(missing)}: no such folder or file. If the index should follow it no "
            f"longer, type: sememe index --forget {missing[0]} --into {into}"
        )
    target = _open_or_create(into, model, terms, thumbnails, transcriber, create=bool(given))
    total = _sum([target.forget(path) for path in gone] + _take(target, given, ignore or []))
    held = len(target)
    if as_json:
        show.as_json({**total.to_dict(), "items": held})
    else:
        show.report(total, rows=held)
    if given and not held:
        raise InvalidInputError(f"nothing in {', '.join(given)} could be indexed")


def search(
    folder: IndexDir,
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="What to look for.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="Find what looks like this picture, or is told.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", help="Find what sounds like this recording.")
    ] = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="How many hits.")] = 10,
    mode: SearchMode = "hybrid",
    where: Annotated[
        str | None, typer.Option("--where", help='SQL over the metadata: "year >= 2020"')
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option("--rerank", help="A cross-encoder (a folder or hf:org/name) to rank hits."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the items of an index that answer a query, or that are like a picture or a sound."""
    from sememe.index.index import Index

    if image is not None or audio is not None:
        others = (query, rerank, image and audio)
        if any(one is not None for one in others) or mode not in ("hybrid", "semantic"):
            raise InvalidInputError(
                "--image and --audio are queries by themselves; give one of them, and leave out "
                "QUERY, --mode, --rerank"
            )
        found = _search_like(Index.open(folder), image, audio, top_k, where)
    else:
        if query is None or not query.strip():
            raise InvalidInputError(
                "the query is empty; give words or a sentence to look for, or --image FILE, "
                "or --audio FILE"
            )
        scorer = _cross_encoder(rerank) if rerank else None
        opened = Index.open(folder, preload=mode != "keyword")
        found = opened.search(query, k=top_k, mode=mode, where=where, rerank=scorer)  # type: ignore[arg-type]
    if as_json:
        show.as_json([hit.to_dict() for hit in found])
    else:
        show.hits(found)
    show.note(found)


def _search_like(
    index: Index, image: Path | None, audio: Path | None, top_k: int, where: str | None
) -> Hits:
    given, option, noun = (
        (image, "--image", "picture") if image is not None else (audio, "--audio", "sound file")
    )
    if given is None or not given.is_file():
        raise InvalidInputError(f"{option} {given}: no such file. Give a {noun}.")
    search = index.search_image if image is not None else index.search_sound
    return search(given, k=top_k, where=where)


def verify(folder: IndexDir, as_json: Json = False) -> None:
    """Check an index end to end: rows, checksums, offsets, vector widths and lengths."""
    from sememe.index.index import Index

    found = Index.open(folder).verify()
    if as_json:
        show.as_json(found.to_dict())
    else:
        state = "sound" if found.sound else f"{found.faults} faults"
        typer.echo(f"{folder}: {found.rows} rows of {found.items} items checked, {state}")
        for problem in found.problems:
            typer.echo(problem, err=True)
    if not found.sound:
        raise typer.Exit(1)


def _open_or_create(
    into: Path,
    models: list[str] | None,
    terms: str | None,
    thumbnails: int,
    transcriber: str,
    *,
    create: bool,
) -> Index:
    from sememe.index.config import FILE
    from sememe.index.index import Index

    if create and not (into / FILE).exists():
        return Index.create(
            into,
            models or None,
            terms=terms or "default",
            thumbnails=thumbnails,
            transcriber=transcriber,
        )
    opened = Index.open(into)
    if thumbnails not in (0, opened.thumbnails):
        raise InvalidInputError(
            f"{into} keeps thumbnails of {opened.thumbnails} pixels; got {thumbnails}. Leave "
            "--thumbnails out, or build another index: --into OTHER"
        )
    encoders = ", ".join(entry.name for entry in opened.encoders)
    asked_for = (
        ("-m", _names(models or []), encoders),
        ("--terms", terms, opened.terms),
    )
    for option, asked, built in asked_for:
        if asked and asked != built:
            raise InvalidInputError(
                f"{into} was built with {built or 'none'}; got {option} {asked}. Leave {option} "
                "out, or build another index: --into OTHER"
            )
    if transcriber:
        opened.use_transcriber(transcriber)
    return opened


def _names(models: list[str]) -> str:
    """Return the names of the encoders that an index of these models has."""
    from sememe.index.encoders import loaded_encoders

    try:
        return ", ".join(encoder.name for encoder in loaded_encoders(models)) if models else ""
    except UnknownNameError:  # no model, so not the one that the index was built with
        return ", ".join(models)


def _take(target: Index, paths: list[str], ignore: list[str]) -> list[Report]:
    """Sync the folders and files, then read standard input if it is among them."""
    followed = [path for path in paths if path != "-"]
    done = []
    if followed:
        done.append(target.sync(*followed, ignore=ignore, show_progress=show.is_interactive()))
    if "-" in paths:
        from sememe.index.writing.metadata import fit_items
        from sememe.sources import read_lines

        lines = fit_items(read_lines(sys.stdin.buffer), target.statistics()["columns"], "stdin")
        done.append(target.upsert(lines, show_progress=show.is_interactive()))
    return done


def _cross_encoder(name: str) -> CrossEncoder:
    from sememe.encoders.text.cross_encoder import CrossEncoder

    found = CrossEncoder.load(name)
    if len(found.labels) > 1:
        raise InvalidInputError(
            f"--rerank {name} gives {len(found.labels)} labels ({', '.join(found.labels)}); give a "
            "cross-encoder with one score, such as hf:cross-encoder/ms-marco-MiniLM-L6-v2"
        )
    return found


def _sum(reports: list[Report]) -> Report:
    from sememe.index.report import Report

    total = Report()
    for report in reports:
        for name in ("added", "updated", "unchanged", "removed", "chunks", "tokens", "unknown"):
            setattr(total, name, getattr(total, name) + getattr(report, name))
        total.skipped.extend(report.skipped)
        total.seconds += report.seconds
    return total
