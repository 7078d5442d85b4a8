"""The command `sememe transcribe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sememe._errors import InvalidInputError
from sememe.app import terminal
from sememe.app.options import BeamSize, Json

if TYPE_CHECKING:
    from sememe.encoders.audio.transcriber import Transcript

_DAMAGED = 1  # exit code
_FILES = typer.Argument(metavar="FILE...", help="Audio files, or folders of them.")
_MODEL = typer.Option(
    "-m",
    "--model",
    help="Speech recogniser: a folder written by `train speech` or Wav2Vec2ForCTC of transformers, "
    "or hf:org/name. Required: none is installed with sememe.",
)
_WORDS = typer.Option("--words", help="File with a word per line, to restrict recognition to.")


def transcribe(
    files: Annotated[list[str], _FILES],
    model: Annotated[str | None, _MODEL] = None,
    beam_size: BeamSize = 1,
    words: Annotated[Path | None, _WORDS] = None,
    as_json: Json = False,
) -> None:
    """Transcribe audio files. With --json, each word has its start and end in seconds."""
    from sememe.app.files.arguments import list_files
    from sememe.app.files.texts import read_words
    from sememe.encoders.audio.transcriber import Transcriber

    if model is None:
        raise InvalidInputError(
            "no recogniser is installed with sememe; name one: -m FOLDER, as `sememe train speech` "
            "or Wav2Vec2ForCTC of transformers write it, or -m hf:ORG/NAME"
        )
    paths, skipped = list_files(files, "audio")
    if not paths and not skipped:
        raise InvalidInputError(f"{', '.join(files)}: no audio files in there. Give some.")
    transcriber = Transcriber.load(model)
    allowed = None if words is None else " ".join(read_words(words)).split()
    if lost := transcriber.find_unwritable(allowed or []):
        some = ", ".join(lost[:5])
        note = f"{len(lost)} of the words cannot be written with the recogniser's letters: {some}"
        typer.echo(terminal.escape_controls(note), err=True)
    transcripts, reasons = transcriber.transcribe_with_failures(
        paths, beam_size=beam_size, words=allowed, show_progress=terminal.is_interactive()
    )
    rows = [(paths[i], one) for i, one in enumerate(transcripts) if i not in reasons]
    skipped |= {paths[i]: reason for i, reason in reasons.items()}
    if as_json:
        terminal.print_json([_as_document(path, transcript) for path, transcript in rows])
    else:
        for path, transcript in rows:
            source = f"{path}: " if len(paths) > 1 else ""
            typer.echo(terminal.escape_controls(f"{source}{transcript.text}"))
    terminal.print_skipped(skipped.items())
    if skipped:
        raise typer.Exit(_DAMAGED)


def _as_document(path: str, transcript: Transcript) -> dict[str, Any]:
    return {
        "source": path,
        "text": transcript.text,
        "score": transcript.score,
        "seconds": transcript.seconds,
        "words": [word._asdict() for word in transcript.words],
    }
