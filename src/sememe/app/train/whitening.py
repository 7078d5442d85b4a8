"""The command `sememe train mel-statistics`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.run import Json, Output, Overwrite, check_output

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Recordings, 50 or more; no labels.")
]


def mel_statistics(
    sounds: Folder,
    output: Output,
    dim: Annotated[int, typer.Option("--dim", help="Width of the vectors.")] = 192,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Fit the scale of mel-statistics to recordings of your own, without labels.

    The folder is an encoder: sememe index SOUNDS --into DIR -m FOLDER. Fewer numbers, such as 40,
    find nearest sounds better; more tell classes better when something is trained on them.
    """
    import sys

    from sememe.encoders.audio.statistics import SoundEncoder
    from sememe.train.data.waveforms import find_sounds

    check_output(output, [sounds], overwrite=overwrite)
    found, skipped = find_sounds(sounds)
    encoder = SoundEncoder.fit(
        [one.content for one in found], dim=dim, show_progress=sys.stderr.isatty()
    )
    if output.exists():
        shutil.rmtree(output)
    encoder.save(output)
    if as_json:
        left_out = {one.source: one.reason for one in skipped}
        facts = {"output": str(output), "dim": encoder.dim, "n": len(found)}
        show.as_json({**facts, "skipped": left_out})
    else:
        typer.echo(f"{output}: {encoder.dim} numbers a sound, fitted to {len(found)} sounds")
