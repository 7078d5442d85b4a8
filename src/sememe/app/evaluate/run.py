"""Run `sememe evaluate`: of an encoder, or of an index of the task's corpus."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app.evaluate.options import AUDIO_TASKS, EvaluateOptions

if TYPE_CHECKING:
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.evaluate.results import Evaluation
    from sememe.evaluate.tasks import Task
    from sememe.index.index import Index
    from sememe.index.querying.hits import Hit


def run_evaluation(
    task: str, model: str, data: Sequence[Path], options: EvaluateOptions, *, progress: bool
) -> Evaluation:
    """Run a task. For "retrieval", `model` may be the folder of an index; else one is built."""
    from sememe.evaluate import TASKS, run_task

    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    options.check(task)
    if task in AUDIO_TASKS:
        return _evaluate_audio(task, model, data, options, progress=progress)
    if TASKS[task].takes_pair:
        return _evaluate_pair(model, data, options, progress=progress)
    if task == "retrieval":
        return _evaluate_retrieval(model, data, options, progress=progress)
    return run_task(
        task,
        _load_system(model, TASKS[task], data, options),
        data,
        split=options.split,
        among=options.among,
        pseudo_texts=options.pseudo_texts,
        beam_size=options.beam_size,
        show_progress=progress,
    )


def _evaluate_retrieval(
    model: str, data: Sequence[Path], options: EvaluateOptions, *, progress: bool
) -> Evaluation:
    """Evaluate an index, or one of the task's corpus by this encoder."""
    from sememe.evaluate import TASKS, run_task
    from sememe.index.config import FILE
    from sememe.index.index import Index

    chosen: Any = {"split": options.split, "mode": options.mode}
    if (Path(model) / FILE).exists():
        return run_task("retrieval", _ByRecordId(Index.open(model), model), data, **chosen)
    files = sorted(data[0].glob("corpus.jsonl*"))
    if not files:
        raise InvalidInputError(f"{data[0]} holds no corpus.jsonl; give {TASKS['retrieval'].data}")
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(Path(folder) / "index", [model], terms=options.terms)
        index.sync(files[0], show_progress=progress)
        return run_task("retrieval", _ByRecordId(index, model), data, **chosen)


def _evaluate_audio(
    task: str, model: str, data: Sequence[Path], options: EvaluateOptions, *, progress: bool
) -> Evaluation:
    """Evaluate an audio encoder on audio with labels."""
    from sememe.encoders.load.by_name import load
    from sememe.evaluate import TASKS
    from sememe.evaluate.data.folds import Folds
    from sememe.evaluate.runners.class_retrieval import evaluate_class_retrieval
    from sememe.evaluate.runners.classification import evaluate_classification
    from sememe.sources.datasets.labelled import read_labelled

    if len(data) != 1:
        raise InvalidInputError(f"got {len(data)} paths for {task!r}. Give {TASKS[task].data}.")
    labelled = read_labelled(data[0], modality="audio", label_pattern=options.label_pattern)
    encoder, groups = load(model), options.group_pattern
    if task == "audio-retrieval":
        return evaluate_class_retrieval(encoder, labelled, groups=groups, show_progress=progress)
    return evaluate_classification(
        encoder,
        labelled,
        folds=Folds(options.folds, options.fold_pattern, groups),
        probe=options.probe or "linear",  # type: ignore[arg-type]
        show_progress=progress,
    )


def _evaluate_pair(
    model: str, data: Sequence[Path], options: EvaluateOptions, *, progress: bool
) -> Evaluation:
    """Evaluate an image encoder and a text encoder of one space."""
    from sememe.encoders.load.by_name import load_pair
    from sememe.evaluate.runners.image_retrieval import evaluate_image_retrieval
    from sememe.sources.datasets.image_text import read_image_texts

    if len(data) != 1:
        raise InvalidInputError(f"got {len(data)} tables for 'image-retrieval'. Give one.")
    table = read_image_texts(
        data[0], image_column=options.image_column, text_columns=options.text_columns
    )
    return evaluate_image_retrieval(load_pair(model), table, show_progress=progress)


def _load_system(model: str, task: Task, data: Sequence[Path], options: EvaluateOptions) -> Any:
    """Return the system that the task evaluates: an encoder, or what is made of one or two."""
    from sememe.encoders.load.by_name import load, load_pair

    if task.takes_judge:
        from sememe.sources.datasets.labelled import read_labelled
        from sememe.tasks.zero_shot import ZeroShot

        labels = options.labels
        names = read_labelled(data[0]).classes if labels is None else split_labels(labels)
        return ZeroShot(*load_pair(model), names)
    if task.takes_images and options.views != 1:
        from sememe.encoders.image.test_time_augmentation import AugmentedEncoder

        return AugmentedEncoder(load(model), options.views)
    if task.takes_masked:
        from sememe.encoders.text.masked_lm import MaskedLM

        return MaskedLM.load(model)
    if task.takes_speech:
        from sememe.encoders.audio.transcriber import Transcriber

        return Transcriber.load(model)
    scorer = _load_cross_encoder(model) if task.takes_scorer else None
    return scorer or load(model)


def split_labels(labels: str) -> list[str]:
    """Return labels separated by commas.

    >>> split_labels("고양이, 개,배")
    ['고양이', '개', '배']
    """
    return [label.strip() for label in labels.split(",")]


def _load_cross_encoder(model: str) -> CrossEncoder | None:
    """Return the cross-encoder of that name, or None where it is something else."""
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.models.locate import fetch
    from sememe.models.weights.folder import ModelFolder, ModelKind
    from sememe.models.weights.hub import PREFIX

    source = model.removesuffix(":int8")
    folder = fetch(source) if model.startswith(PREFIX) else Path(source)
    known = bool(model) and ModelFolder.open(folder).kind is ModelKind.CROSS_ENCODER
    return CrossEncoder.load(model) if known else None


class _ByRecordId:
    """An index whose hits have the id of the record alone, as relevance judgements do.

    Hits of an index made by `sememe index corpus.jsonl` are named "corpus.jsonl#ID".
    """

    def __init__(self, index: Index, name: str) -> None:
        self._index = index
        self.name = name

    def search(self, query: str, *, k: int = 10, mode: Any = "hybrid") -> list[Hit]:
        hits = self._index.search(query, k=k, mode=mode)
        return [replace(hit, id=hit.id.removeprefix(f"{hit.source}#")) for hit in hits]
