"""The command `sememe transcribe`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal as show
from sememe.app.commands.classify import given_files

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcript

_DAMAGED = 1


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(transcribe)


def transcribe(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Recordings, or folders of them.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="The folder of a recogniser, as `train speech` writes it or Wav2Vec2ForCTC of "
            "transformers, or hf:ORG/NAME. None arrives by pip.",
        ),
    ] = None,
    beam_size: Annotated[
        int,
        typer.Option("--beam-size", help="1 is quick; 16 looks for the most probable text."),
    ] = 1,
    words: Annotated[
        Path | None,
        typer.Option("--words", help="A file with a word a line: nothing else is understood."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON document, with the seconds of each word, and no more."
        ),
    ] = False,
) -> None:
    """Write down what is said in recordings."""
    from sememe.encoders.audio.transcriber import Transcriber

    if model is None:
        raise InvalidInputError(
            "no recogniser arrives by pip; name one: -m FOLDER, as `sememe train speech` writes "
            "it or Wav2Vec2ForCTC of transformers, or -m hf:ORG/NAME"
        )
    paths, skipped = given_files(files, "audio")
    if not paths and not skipped:
        raise InvalidInputError(f"{', '.join(files)}: no recordings in there. Give some.")
    transcriber = Transcriber.load(model)
    allowed = _words(words)
    if lost := transcriber.find_unwritable(allowed or []):
        some = ", ".join(lost[:5])
        note = f"{len(lost)} of the words cannot be written with the recogniser's letters: {some}"
        typer.echo(show.visible(note), err=True)
    found, reasons = transcriber.transcribe_with_failures(
        paths, beam_size=beam_size, words=allowed, show_progress=sys.stderr.isatty()
    )
    rows = [
        (path, transcript)
        for place, (path, transcript) in enumerate(zip(paths, found, strict=True))
        if place not in reasons
    ]
    skipped |= {paths[place]: why for place, why in reasons.items()}
    if as_json:
        show.as_json([_facts(path, transcript) for path, transcript in rows])
    else:
        for path, transcript in rows:
            named = f"{path}: " if len(paths) > 1 else ""
            typer.echo(show.visible(f"{named}{transcript.text}"))
    for source, why in skipped.items():
        typer.echo(show.visible(f"skipped {source}: {why}"), err=True)
    if skipped:
        raise typer.Exit(_DAMAGED)


def _facts(path: str, transcript: Transcript) -> dict[str, object]:
    return {
        "source": path,
        "text": transcript.text,
        "score": transcript.score,
        "seconds": transcript.seconds,
        "words": [word._asdict() for word in transcript.words],
    }


def _words(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    from sememe.text.lines import check_corpus, read_texts

    check_corpus(path)
    return [word for line in read_texts(path) for word in line.split()]
