"""`sememe train mel-statistics`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal
from sememe.app.options import Json, OutputFolder, Overwrite
from sememe.app.train.run import check_output


def mel_statistics(
    sounds: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of 50 recordings or more; no labels.")
    ],
    output: OutputFolder,
    dim: Annotated[int, typer.Option("--dim", help="Dimension of the vectors.")] = 192,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Fit the whitening of mel-statistics to your own recordings, without labels.

    The folder is an encoder: sememe index SOUNDS --into DIR -m FOLDER. Fewer dimensions, such as
    40, suit nearest-neighbour search; more suit classifiers trained on the vectors.
    """
    from sememe.encoders.audio.statistics import SoundEncoder
    from sememe.train.data.waveforms import find_sounds

    check_output(output, [sounds], overwrite=overwrite)
    recordings, skipped = find_sounds(sounds)
    encoder = SoundEncoder.fit(
        [one.content for one in recordings], dim=dim, show_progress=terminal.is_interactive()
    )
    if output.exists():
        shutil.rmtree(output)
    encoder.save(output)
    if as_json:
        left_out = {one.source: one.reason for one in skipped}
        facts = {"output": str(output), "dim": encoder.dim, "n": len(recordings)}
        terminal.print_json({**facts, "skipped": left_out})
    else:
        typer.echo(f"{output}: {encoder.dim} numbers a sound, fitted to {len(recordings)} sounds")
