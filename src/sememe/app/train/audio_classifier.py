"""The command `sememe train audio-classifier`."""

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


def audio_classifier(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A folder with a folder of recordings for each class, or a table of path, label.",
        ),
    ],
    output: Output,
    model: Annotated[
        str, typer.Option("-m", "--model", help="The encoder; to fine-tune, a wav2vec2 folder.")
    ] = "mel-statistics",
    method: Annotated[
        str, typer.Option("--method", help="kernel, probe, knn or finetune.")
    ] = "kernel",
    label_pattern: Annotated[
        str | None,
        typer.Option("--label-pattern", help='Finds the label in the name, as "^[^_]+".'),
    ] = None,
    group_pattern: Annotated[
        str | None,
        typer.Option("--group-pattern", help='Finds who speaks, as "_(.+)_": held out as a whole.'),
    ] = None,
    shots: Annotated[
        int | None, typer.Option("--shots", help="Learn from so many recordings of each class.")
    ] = None,
    draws: Annotated[int, typer.Option("--draws", help="How often these are drawn.")] = 5,
    evaluate: Annotated[
        Path | None, typer.Option("--evaluate", help="Such data to measure with; a fifth without.")
    ] = None,
    epochs: Annotated[float, typer.Option("--epochs", help="Fine-tuning: passes.")] = 5,
    evaluations: Evaluations = 5,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Fine-tuning.")] = 32,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Fine-tuning: step size at its highest.")
    ] = 3e-4,
    warmup: Warmup = 0.1,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Fine-tuning: of a recording, learnt at a time.")
    ] = 5.0,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Teach classes of sounds from examples. Fine-tuning goes on after a stop."""
    from sememe.train.classify.audio import AudioClassifier
    from sememe.train.classify.learner import check_probe_place

    refuse_idle(context, method, shots, more=("seconds",))
    tuning = method == "finetune"
    if tuning:
        check_output(output, [data, *([evaluate] if evaluate else [])], overwrite=overwrite)
    else:
        check_free(output, overwrite=overwrite)
        check_probe_place(output)
    training = AudioClassifier(
        model,
        method=method,  # type: ignore[arg-type]
        label_pattern=label_pattern,
        group_pattern=group_pattern,
        shots=shots,
        draws=draws,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=warmup,
        evaluations=evaluations,
        seconds=seconds,
        seed=seed,
    )
    state = state_folder(output) if tuning else None
    with going_on_later(state_folder(output)):
        training.fit(data, evaluate=evaluate, checkpoint=state, show_progress=sys.stderr.isatty())
        output.parent.mkdir(parents=True, exist_ok=True)
        written = training.save(output)
    if state is not None:
        shutil.rmtree(state, ignore_errors=True)
    report = training.report_
    if as_json:
        show.as_json({"path": str(written), **asdict(report)})
        return
    following = f"sememe classify RECORDING -m {shlex.quote(str(written))}"
    tell(summary(report, written, "recordings"), report.notes, following)
