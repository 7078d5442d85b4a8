"""Teach classes of sounds from examples: a folder of recordings for each class, or a table.

    classifier = AudioClassifier("mel-statistics").fit("sounds/")
    classifier.report_.accuracy, classifier.report_.confused
    classifier.save("mine")
    AudioClassifier.load("mine").predict(["clip.wav"])

An encoder stays as it is and a probe learns to tell its vectors apart, in seconds; or a network of
wav2vec 2.0's layout is trained further ("finetune"), which takes torch and longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe._types import Modality
from sememe.evaluate.folds import groups_of
from sememe.sources.labelled import read_labelled
from sememe.sources.labelled_data import Labelled
from sememe.train.classify.learner import ClassLearner

if TYPE_CHECKING:
    from sememe.encoders.classify.probe_classifier import Judge
    from sememe.train.base.options import Rule
    from sememe.train.classify.report import ClassifierReport


@dataclass
class AudioClassifier(ClassLearner):
    """Learns to tell classes of recordings from examples.

    Attributes:
        base: The encoder whose vectors are told apart, as `sememe.load` takes it; to fine-tune,
            the folder of a network of wav2vec 2.0's layout.
        method: "kernel" is kernel ridge regression, which tells best and keeps all examples, up to
            20,000 (of more a "probe" is made); "probe" one linear layer; "knn" the nearest
            examples; "finetune" trains the network.
        shots: Learn from so many recordings of each class, and report the accuracy over `draws`.
        draws: How often they are drawn.
        epochs, batch_size, learning_rate, weight_decay, warmup, evaluations: Fine-tuning.
        seed: Of all random numbers.
        precision, device: Fine-tuning; float32, bfloat16 or auto, and auto, cpu, cuda, cuda:1 or
            mps: auto is a GPU where there is one, and bfloat16 where that has instructions for it.
        label_pattern: A regular expression that finds the label in the name of each file; without
            it, folders or a table have the labels.
        group_pattern: One that finds the group, such as who speaks. What is held out to measure and
            to choose by are whole groups then, as far as each class is in the others.
        seconds: Fine-tuning: at most so much of each recording is learnt from at a time.
    """

    modality: ClassVar[Modality] = "audio"
    command: ClassVar[str] = "train audio-classifier"

    base: str = "mel-statistics"
    label_pattern: str | None = None
    group_pattern: str | None = None
    seconds: float = 5.0

    def _read(self, data: Any) -> Labelled:
        found = super()._read(
            read_labelled(data, modality=self.modality, label_pattern=self.label_pattern)
        )
        return replace(found, groups=groups_of(found, self.group_pattern) or ())

    def _finetuned(
        self,
        given: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        checkpoint: str | Path | None,
        show_progress: bool,
    ) -> tuple[Judge | None, ClassifierReport, Any]:
        from sememe.train.classify.finetune_audio import finetuned

        return finetuned(
            self, given, aside, notes, checkpoint=checkpoint, show_progress=show_progress
        )

    def _write_finetuned(self, place: Path) -> Path:
        from sememe.train.classify.finetune_audio import write_finetuned

        return write_finetuned(place, self, self._tuned)

    @classmethod
    def _load_finetuned(cls, folder: Path) -> Judge | None:
        from sememe.encoders.classify.speech_classifier import (
            is_speech_classifier,
            load_speech_classes,
        )

        return load_speech_classes(folder) if is_speech_classifier(folder) else None

    def _check(self, more: Sequence[Rule] = ()) -> None:
        rules: list[Rule] = [("seconds", self.seconds > 0, "seconds above 0, such as 5")]
        super()._check([*rules, *more])
