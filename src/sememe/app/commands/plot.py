"""The command `sememe show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sememe._errors import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.app import terminal as shown


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(show)


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Where to; FILE.png in this folder unless told."),
    ] = None,
    start: Annotated[
        float | None, typer.Option("--start", help="Mark from this second on.")
    ] = None,
    end: Annotated[float | None, typer.Option("--end", help="Mark up to this second.")] = None,
    index: Annotated[
        Path | None,
        typer.Option("--index", help="With --query: mark what a search of this index finds in it."),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="A recording that it sounds like, or a text.")
    ] = None,
    width: Annotated[int, typer.Option("--width", help="In pixels.")] = 1000,
    height: Annotated[int, typer.Option("--height", help="In pixels.")] = 480,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Draw a recording: its waveform, its mel spectrogram, and a window marked in both."""
    from sememe.sources.media.audio_decoding import read_audio_metadata
    from sememe.tasks.audio_plot import sound_picture
    from sememe.vectors.atomic import written

    if not file.is_file():
        raise InvalidInputError(f"{file}: no such file. Give a recording.")
    place = output or Path(f"{file.name}.png")
    if place.suffix.lower() != ".png":
        raise UnknownNameError.of("the output's ending", place.suffix, (".png",))
    if not place.parent.is_dir():
        raise InvalidInputError(f"{place.parent} is no folder; make it first, or write elsewhere.")
    score = None
    if index is not None or query is not None:
        start, end, score = _found(file, index, query, start, end)
    try:
        facts = read_audio_metadata(file)
        picture = sound_picture(file, width=width, height=height, start=start, end=end)
    except CorruptFileError as error:
        raise CorruptFileError(f"{file}: {error}") from error
    with written(place) as out:
        out.write(picture)
    if as_json:
        document = {"path": str(place), "start": start, "end": end, "score": score, **facts}
        shown.as_json(document)
        return
    channels = f"{facts['channels']} channel{'s' * (facts['channels'] != 1)}"
    about = f"{facts['seconds']} s, {facts['sample_rate']} Hz, {channels}"
    if score is not None:
        about += f", found from {start:g} to {end:g} s with {score:.3f}"
    typer.echo(shown.visible(f"{file}: {about}, to {place}"), err=True)


def _found(
    file: Path, index: Path | None, query: str | None, start: float | None, end: float | None
) -> tuple[float, float, float]:
    """Return where in a recording a query is answered, and the score."""
    from sememe.index.index import Index
    from sememe.tasks.matching_window import matching_window

    if index is None or query is None or not query.strip():
        raise InvalidInputError("--index and --query go together; give both: --index DIR --query Q")
    if start is not None or end is not None:
        raise InvalidInputError("--start and --end are found by --query; leave them out.")
    hit = matching_window(Index.open(index), file, query)
    return float(hit.start), float(hit.end), float(hit.score)
