"""The tasks audio-classification and audio-retrieval of `sememe evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe.app.evaluate.options import EvaluateOptions
    from sememe.evaluate.results import Evaluation


def evaluate_audio(
    task: str, model: str, data: Sequence[Path], options: EvaluateOptions, *, progress: bool
) -> Evaluation:
    """Evaluate an audio encoder on recordings with labels.

    Raises:
        InvalidInputError, UnknownNameError: The encoder, the data or an option is invalid.
    """
    from sememe.encoders.load.by_name import load
    from sememe.evaluate import TASKS
    from sememe.evaluate.data.folds import Folds
    from sememe.evaluate.runners.class_retrieval import evaluate_class_retrieval
    from sememe.evaluate.runners.classification import evaluate_classification
    from sememe.sources.datasets.labelled import read_labelled

    if len(data) != 1:
        raise InvalidInputError(f"got {len(data)} paths for {task!r}. Give {TASKS[task].data}.")
    labelled = read_labelled(data[0], modality="audio", label_pattern=options.label_pattern)
    encoder = load(model)
    if task == "audio-retrieval":
        return evaluate_class_retrieval(
            encoder, labelled, groups=options.group_pattern, show_progress=progress
        )
    return evaluate_classification(
        encoder,
        labelled,
        folds=Folds(options.folds, options.fold_pattern, options.group_pattern),
        probe=options.probe or "linear",  # type: ignore[arg-type]
        show_progress=progress,
    )
