"""What `sememe evaluate` evaluates: an encoder as it is, or an index of the task's corpus."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app.evaluate.audio import SOUND_TASKS, SoundOptions, evaluate_sounds

if TYPE_CHECKING:
    from sememe._types import Encoder
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.evaluate.results import Evaluation
    from sememe.evaluate.tasks import Task
    from sememe.index.index import Index
    from sememe.index.querying.hits import Hit
    from sememe.tasks.zero_shot import ZeroShot


def evaluation(
    task: str,
    model: str,
    data: Sequence[Path],
    *,
    split: str,
    mode: str,
    terms: str,
    among: int | None,
    pseudo_texts: int,
    beam_size: int,
    labels: str | None,
    views: int,
    image_column: str | None,
    text_columns: Sequence[str],
    sounds: SoundOptions,
    progress: bool,
) -> Evaluation:
    """Run a task. For "retrieval", MODEL may be the folder of an index; else one is built.

    The hits of an index made by `sememe index corpus.jsonl` are named "corpus.jsonl#ID"; the part
    after the last "#" is what the judgements know.
    """
    from sememe.evaluate import TASKS, run_task

    if task not in TASKS:
        raise UnknownNameError.of("task", task, TASKS)
    sounds.check(task)
    if task in SOUND_TASKS:
        return evaluate_sounds(task, model, data, sounds, progress=progress)
    from sememe.index.config import FILE
    from sememe.index.index import Index

    if (image_column or text_columns) and not TASKS[task].takes_pair:
        raise InvalidInputError("--image-column and --text-column are for image-retrieval.")
    if TASKS[task].takes_pair:
        return _of_pair(model, data, image_column, text_columns, progress)
    if task != "retrieval":
        return run_task(
            task,
            _loaded(model, TASKS[task], data, labels, views),
            data,
            split=split,
            among=among,
            pseudo_texts=pseudo_texts,
            beam_size=beam_size,
            show_progress=progress,
        )
    if (Path(model) / FILE).exists():
        system = _ByRecordId(Index.open(model), model)
        return run_task(task, system, data, split=split, mode=mode)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(Path(folder) / "index", [model], terms=terms)
        index.sync(_corpus(data[0]), show_progress=progress)
        system = _ByRecordId(index, model)
        return run_task(task, system, data, split=split, mode=mode)  # type: ignore[arg-type]


def _of_pair(
    model: str, data: Sequence[Path], image: str | None, texts: Sequence[str], progress: bool
) -> Evaluation:
    from sememe.encoders.load.by_name import load_pair
    from sememe.evaluate.runners.image_retrieval import evaluate_image_retrieval
    from sememe.sources.datasets.image_text import read_image_texts

    if len(data) != 1:
        raise InvalidInputError(f"got {len(data)} tables for 'image-retrieval'. Give one.")
    table = read_image_texts(data[0], image_column=image, text_columns=texts)
    return evaluate_image_retrieval(load_pair(model), table, show_progress=progress)


def _loaded(model: str, task: Task, data: Sequence[Path], labels: str | None, views: int) -> Any:
    """Return what the task is about: one encoder or two, or what was made of them."""
    from sememe.encoders.load.by_name import load

    if task.takes_judge:
        from sememe.encoders.load.by_name import load_pair

        return _judge(*load_pair(model), data, labels)
    if labels is not None:
        raise InvalidInputError("--labels is for zero-shot; leave it out.")
    if views != 1 and not task.takes_images:
        raise InvalidInputError("--views is for probe; leave it out.")
    if task.takes_images and views != 1:
        from sememe.encoders.image.test_time_augmentation import AugmentedEncoder

        return AugmentedEncoder(load(model), views)
    if task.takes_masked:
        from sememe.encoders.text.masked_lm import MaskedLM

        return MaskedLM.load(model)
    if task.takes_speech:
        from sememe.encoders.audio.transcriber import Transcriber

        return Transcriber.load(model)
    scorer = _cross_encoder(model) if task.takes_scorer else None
    return scorer or load(model)


def _judge(images: Encoder, texts: Encoder, data: Sequence[Path], labels: str | None) -> ZeroShot:
    """Return what names classes: as told, or by the names of the folders."""
    from sememe.sources.datasets.labelled import read_labelled
    from sememe.tasks.zero_shot import ZeroShot

    names = split_labels(labels) if labels is not None else read_labelled(data[0]).classes
    return ZeroShot(images, texts, names)


def split_labels(labels: str) -> list[str]:
    """Return the labels that commas part.

    >>> split_labels("고양이, 개,배")
    ['고양이', '개', '배']
    """
    return [label.strip() for label in labels.split(",")]


def _cross_encoder(model: str) -> CrossEncoder | None:
    """Return the cross-encoder of that name, None where it names something else."""
    from sememe.encoders.text.cross_encoder import CrossEncoder
    from sememe.models.locate import fetch
    from sememe.models.weights.folder import ModelFolder, ModelKind
    from sememe.models.weights.hub import PREFIX

    source = model.removesuffix(":int8")
    folder = fetch(source) if model.startswith(PREFIX) else Path(source)
    known = bool(model) and ModelFolder.open(folder).kind is ModelKind.CROSS_ENCODER
    return CrossEncoder.load(model) if known else None


def _corpus(folder: Path) -> Path:
    from sememe.evaluate import TASKS

    found = sorted(folder.glob("corpus.jsonl*"))
    if not found:
        raise InvalidInputError(f"{folder} holds no corpus.jsonl; give {TASKS['retrieval'].data}")
    return found[0]


class _ByRecordId:
    """An index whose hits go by the record's own id."""

    def __init__(self, index: Index, name: str) -> None:
        self._index = index
        self.name = name

    def search(self, query: str, *, k: int, mode: Any) -> list[Hit]:
        found = self._index.search(query, k=k, mode=mode)
        return [replace(hit, id=hit.id.removeprefix(f"{hit.source}#")) for hit in found]
