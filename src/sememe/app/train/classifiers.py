"""The command `sememe train classifier`."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sememe.app import terminal as show
from sememe.app.train.classifier_summary import refuse_idle, summary
from sememe.app.train.run import (
    Evaluations,
    Json,
    Output,
    Overwrite,
    Seed,
    Warmup,
    check_free,
    check_output,
    going_on_later,
    state_folder,
    tell,
)


def classifier(
    context: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A folder with a folder of pictures for each class."),
    ],
    output: Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="The encoder; to fine-tune, the network.")
    ] = "efficientnet-lite0",
    method: Annotated[
        str, typer.Option("--method", help="kernel, probe, knn or finetune.")
    ] = "kernel",
    views: Annotated[
        int, typer.Option("--views", help="Views of a picture: 1, 2 (mirrored) or 4 (and whole).")
    ] = 4,
    shots: Annotated[
        int | None, typer.Option("--shots", help="Learn from so many pictures of each class.")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", help="How often these are drawn.")] = 5,
    evaluate: Annotated[
        Path | None,
        typer.Option("--evaluate", help="Such a folder to measure with; a fifth without."),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Fine-tuning: width of the pictures.")
    ] = None,
    epochs: Annotated[float, typer.Option("--epochs", help="Fine-tuning: passes.")] = 5,
    evaluations: Evaluations = 5,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Fine-tuning.")] = 32,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Fine-tuning: step size at its highest.")
    ] = 3e-4,
    warmup: Warmup = 0.1,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Teach classes of your own from examples. Fine-tuning goes on after a stop."""
    from sememe.train.classify.image import ImageClassifier
    from sememe.train.classify.learner import check_probe_place

    refuse_idle(context, method, shots, more=("size",))
    data = [folder, *([evaluate] if evaluate else [])]
    if method == "finetune":
        check_output(output, data, overwrite=overwrite)
    else:
        check_free(output, overwrite=overwrite)
        check_probe_place(output)
    training = ImageClassifier(
        model,
        method=method,  # type: ignore[arg-type]
        views=views,
        shots=shots,
        draws=draws,
        size=size,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        evaluations=evaluations,
        seed=seed,
    )
    state = state_folder(output) if method == "finetune" else None
    with going_on_later(state_folder(output)):
        training.fit(folder, evaluate=evaluate, checkpoint=state, show_progress=sys.stderr.isatty())
        output.parent.mkdir(parents=True, exist_ok=True)
        written = training.save(output)
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    following = f"sememe classify PICTURE -m {shlex.quote(str(written))}"
    tell(summary(report, written, "pictures"), report.notes, following)
