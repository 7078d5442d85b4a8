"""The command `sememe evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.options import Json, SearchMode


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(evaluate)


def evaluate(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="retrieval, bitext, sts, word-similarity, analogies, masked, probe, "
            "zero-shot, image-retrieval, audio-classification, audio-retrieval or speech",
        ),
    ],
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="An encoder; retrieval: or an index; masked: a masked language model; speech: "
            "a recogniser.",
        ),
    ],
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Folder or files.")],
    split: Annotated[str, typer.Option("--split", help="Which part of the data.")] = "test",
    mode: SearchMode = "hybrid",
    terms: Annotated[
        str, typer.Option("--terms", help="Keyword analyser: default or kiwi.")
    ] = "default",
    among: Annotated[
        int | None,
        typer.Option("--among", help="Analogies: only this many keys, the first, can be answers."),
    ] = None,
    pseudo_texts: Annotated[
        int,
        typer.Option("--pseudo-texts", help="Masked: pseudo-perplexity of this many texts, slow."),
    ] = 0,
    beam_size: Annotated[
        int, typer.Option("--beam-size", help="Speech: 1, or 16 for the most probable text.")
    ] = 1,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help='Zero-shot: names for the classes, as "고양이,개,배".'),
    ] = None,
    image_column: Annotated[
        str | None,
        typer.Option("--image-column", help='Image-retrieval: the column, if not "image".'),
    ] = None,
    text_column: Annotated[
        list[str] | None,
        typer.Option("--text-column", help='Image-retrieval: if not "text"; repeatable.'),
    ] = None,
    views: Annotated[
        int, typer.Option("--views", help="Probe: views of a picture, 1, 2 or 4.")
    ] = 1,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Audio-classification: how many, 5 unless told.")
    ] = None,
    fold_pattern: Annotated[
        str | None,
        typer.Option("--fold-pattern", help='Finds the fold in the name of each file, as "^.".'),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option("--group-pattern", help='Finds who speaks, as "_(.+)_", to keep them apart.'),
    ] = None,
    label_pattern: Annotated[
        str | None,
        typer.Option("--label-pattern", help='Sounds: finds the label in the name, as "^[^_]+".'),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option("--probe", help="Audio-classification: linear (unless told), kernel or knn."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure an encoder or an index on a data set, with intervals and a control."""
    from sememe.app.evaluate.audio import SoundOptions
    from sememe.app.evaluate.run import evaluation

    found = evaluation(
        task,
        model,
        data,
        split=split,
        mode=mode,
        terms=terms,
        among=among,
        pseudo_texts=pseudo_texts,
        beam_size=beam_size,
        labels=labels,
        views=views,
        image_column=image_column,
        text_columns=text_column or (),
        sounds=SoundOptions(folds, fold_pattern, group_pattern, label_pattern, probe),
        progress=show.is_interactive(),
    )
    if as_json:
        typer.echo(found.to_json())
        return
    typer.echo(f"{found.task}: {found.model}, n={found.n}, covered {found.covered:.0%}")
    rows = []
    for name, value in found.metrics.items():
        low, high = found.intervals.get(name, (float("nan"), float("nan")))
        control = found.control.get(name, float("nan"))
        share = f"{found.coverage.get(name, found.covered):.0%}"
        rows.append((name, f"{value:.4f}", f"{low:.4f} to {high:.4f}", f"{control:.4f}", share))
    show.table(("metric", "value", "95 % interval", "control", "covered"), rows)
    show.confused(found.confused)
