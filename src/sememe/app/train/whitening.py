"""`sememe train mel-statistics`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal
from sememe.app.options import Json, OutputFolder, Overwrite
from sememe.app.train.run import check_output

_FOLDER = typer.Argument(metavar="FOLDER", help="Folder of 50 audio files or more; no labels.")


def mel_statistics(
    folder: Annotated[Path, _FOLDER],
    output: OutputFolder,
    dim: Annotated[int, typer.Option("--dim", help="Dimension of the vectors.")] = 192,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Fit the whitening of mel-statistics to your own audio, without labels.

    The output is an encoder: sememe index AUDIO --into DIR -m OUTPUT. Fewer dimensions, such as
    40, suit nearest-neighbour search; more suit classifiers trained on the vectors.
    """
    from sememe.encoders.audio.statistics import SoundEncoder
    from sememe.train.data.waveforms import find_sounds

    check_output(output, [folder], overwrite=overwrite)
    files, skipped = find_sounds(folder)
    contents, show = [one.content for one in files], terminal.is_interactive()
    encoder = SoundEncoder.fit(contents, dim=dim, show_progress=show)
    if output.exists():
        shutil.rmtree(output)
    encoder.save(output)
    if as_json:
        left_out = {one.source: one.reason for one in skipped}
        facts = {"output": str(output), "dim": encoder.dim, "n": len(files)}
        terminal.print_json({**facts, "skipped": left_out})
    else:
        typer.echo(f"{output}: {encoder.dim} dimensions, fitted to {len(files)} audio files")
