"""What `sememe evaluate` does for audio-classification and audio-retrieval, and their options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe.evaluate.results import Evaluation

SOUND_TASKS = ("audio-classification", "audio-retrieval")


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """Options that only these tasks have; None where one was not given.

    Attributes:
        folds, fold_pattern, probe: Of audio-classification.
        group_pattern, label_pattern: Of both.
    """

    folds: int | None = None
    fold_pattern: str | None = None
    group_pattern: str | None = None
    label_pattern: str | None = None
    probe: str | None = None

    def check(self, task: str) -> None:
        """Refuse options that the task does not have.

        Raises:
            InvalidInputError: So it is; the message names the option.
        """
        of_one = ("folds", "fold_pattern", "probe")
        wrong: tuple[str, ...] = () if task == SOUND_TASKS[0] else of_one
        if task not in SOUND_TASKS:
            wrong = (*of_one, "group_pattern", "label_pattern")
        for name in wrong:
            if getattr(self, name) is not None:
                option = f"--{name.replace('_', '-')}"
                tasks = SOUND_TASKS[0] if name in of_one else " and ".join(SOUND_TASKS)
                raise InvalidInputError(f"{option} is for {tasks}; leave it out.")


def evaluate_sounds(
    task: str, model: str, data: Sequence[Path], options: SoundOptions, *, progress: bool
) -> Evaluation:
    """Measure an encoder of sound on recordings with labels.

    Raises:
        InvalidInputError, UnknownNameError: The encoder, the data or an option will not do.
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
    if task == SOUND_TASKS[1]:
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
