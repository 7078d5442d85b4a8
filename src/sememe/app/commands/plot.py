"""The command `sememe show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.app import terminal
from sememe.app.options import Json

_OUTPUT = typer.Option("-o", "--output", help="Image to write; by default FILE.png, here.")
_START = typer.Option("--start", help="Start of the window to mark, in seconds.")
_END = typer.Option("--end", help="End of the window to mark, in seconds.")
_INDEX = typer.Option("--index", help="With --query: index to search for the window to mark.")
_QUERY = typer.Option("--query", help="An audio file to find similar audio, or a text.")


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An audio file.")],
    output: Annotated[Path | None, _OUTPUT] = None,
    start: Annotated[float | None, _START] = None,
    end: Annotated[float | None, _END] = None,
    index: Annotated[Path | None, _INDEX] = None,
    query: Annotated[str | None, _QUERY] = None,
    width: Annotated[int, typer.Option("--width", help="Width in pixels.")] = 1000,
    height: Annotated[int, typer.Option("--height", help="Height in pixels.")] = 480,
    as_json: Json = False,
) -> None:
    """Plot audio: its waveform and mel spectrogram, with a window marked in both."""
    from sememe._atomic import write_atomically
    from sememe.app.files.arguments import check_output_file
    from sememe.sources.media.audio_decoding import read_audio_metadata
    from sememe.tasks.audio_plot import plot_audio

    if not file.is_file():
        raise InvalidInputError(f"{file}: no such file. Give an audio file.")
    path = output or Path(f"{file.name}.png")
    check_output_file(path.with_suffix(path.suffix.lower()), (".png",))
    score = None
    if index is not None or query is not None:
        start, end, score = _find_window(file, index, query, start, end)
    try:
        facts = read_audio_metadata(file)
        image = plot_audio(file, width=width, height=height, start=start, end=end)
    except CorruptFileError as error:
        raise CorruptFileError(f"{file}: {error}") from error
    with write_atomically(path) as out:
        out.write(image)
    if as_json:
        window = {"start": start, "end": end, "score": score}
        terminal.print_json({"path": str(path), **window, **facts})
        return
    channels = f"{facts['channels']} channel{'s' * (facts['channels'] != 1)}"
    about = f"{facts['seconds']} s, {facts['sample_rate']} Hz, {channels}"
    if score is not None:
        about += f", found from {start:g} to {end:g} s with {score:.3f}"
    typer.echo(terminal.escape_controls(f"{file}: {about}, to {path}"), err=True)


def _find_window(
    file: Path, index: Path | None, query: str | None, start: float | None, end: float | None
) -> tuple[float, float, float]:
    """Return (start, end, score) of the window of audio that answers a query."""
    from sememe.index.index import Index
    from sememe.tasks.matching_window import find_matching_window

    if index is None or query is None or not query.strip():
        raise InvalidInputError("--index and --query go together; give both: --index DIR --query Q")
    if start is not None or end is not None:
        raise InvalidInputError("--query sets --start and --end; leave them out.")
    hit = find_matching_window(Index.open(index), file, query)
    return float(hit.start), float(hit.end), float(hit.score)
