"""Options of `sememe evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sememe._errors import InvalidInputError
from sememe.app.field_options import name_option
from sememe.train.base.options import option, options_of

AUDIO_TASKS = ("audio-classification", "audio-retrieval")
_PAIRS = ("image-retrieval",)
_CLASSES = AUDIO_TASKS[:1]
_TASKS = {
    "labels": ("zero-shot",),
    "views": ("probe",),
    "image_column": _PAIRS,
    "text_columns": _PAIRS,
    "folds": _CLASSES,
    "fold_pattern": _CLASSES,
    "probe": _CLASSES,
    "group_pattern": AUDIO_TASKS,
    "label_pattern": AUDIO_TASKS,
}


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Options of an evaluation; most are for some tasks only.

    Attributes:
        split: Split of the data.
        mode: Search mode of an index: hybrid, semantic or keyword.
        terms: Keyword analyser of an index: default or kiwi.
        among: Analogies: restrict answers to this many first keys; by default to none.
        pseudo_texts: Masked: number of texts for the pseudo-perplexity, which is slow.
        beam_size: Speech: beam size; 1 is fast, 16 finds the most probable text.
        labels: Zero-shot: labels of the classes, as "고양이,개,배"; by default folder names.
        image_column: Image-retrieval: column of images; by default "image".
        text_columns: Image-retrieval: column of texts; by default "text".
        views: Probe: test-time augmentation over 1, 2 or 4 views of an image.
        folds: Audio-classification: number of folds; by default 5.
        fold_pattern: Audio-classification: pattern of the fold in a file's name, as "^.".
        probe: Audio-classification: linear, kernel or knn; by default linear.
        group_pattern: Audio: pattern of the group in a file's name, such as the speaker, "_(.+)_";
            groups are held out as a whole.
        label_pattern: Audio: pattern of the label in a file's name, as "^[^_]+"; by default folder
            names.
    """

    split: str = option("test", group="data")
    mode: str = option("hybrid", group="model")
    terms: str = option("default", group="model")
    among: int | None = option(None, group="evaluation")
    pseudo_texts: int = option(0, group="evaluation")
    beam_size: int = option(1, group="model")
    labels: str | None = option(None, group="data")
    image_column: str | None = option(None, group="data")
    text_columns: Sequence[str] = option((), group="data", names=("--text-column",))
    views: int = option(1, group="model")
    folds: int | None = option(None, group="evaluation")
    fold_pattern: str | None = option(None, group="data")
    probe: str | None = option(None, group="model")
    group_pattern: str | None = option(None, group="data")
    label_pattern: str | None = option(None, group="data")

    def check(self, task: str) -> None:
        """Refuse options that the task does not have; InvalidInputError names their tasks."""
        for name, one in options_of(type(self)).items():
            tasks = _TASKS.get(name, (task,))
            if task not in tasks and getattr(self, name) != one.field.default:
                (typed,) = one.limits.get("names", (name_option(name),))
                raise InvalidInputError(f"{typed} is for {' and '.join(tasks)}; leave it out.")
