"""Classify audio by examples: a folder of recordings for each class, or a table.

    classifier = AudioClassifier("mel-statistics").fit("sounds/")
    classifier.report_.accuracy, classifier.report_.confused
    classifier.save("mine")
    AudioClassifier.load("mine").predict(["clip.wav"])

A probe on the vectors of a frozen encoder is fitted in seconds; or a network of wav2vec 2.0's
layout is fine-tuned, which needs torch and takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe._types import Modality
from sememe.evaluate.data.folds import read_groups
from sememe.sources.datasets.labelled import read_labelled
from sememe.sources.datasets.labelled_data import Labelled
from sememe.train.base.options import option
from sememe.train.classify.learner import ClassLearner

if TYPE_CHECKING:
    from sememe.encoders.prediction import Classifier
    from sememe.train.classify.finetuning import FineTuning


@dataclass
class AudioClassifier(ClassLearner):
    """Learns to classify recordings from examples.

    Attributes:
        base: Encoder whose vectors are classified, as `sememe.load` takes it; to fine-tune, a
            folder with the layout of wav2vec 2.0.
        label_pattern: Regular expression that finds the label in a file's name, such as "^[^_]+";
            by default folders or a table give the labels.
        group_pattern: Regular expression that finds the group in a file's name, such as the
            speaker, "_(.+)_"; whole groups are held out then, as far as every class has others.
        seconds: Length of audio to fine-tune on per recording and step, in seconds.

    Further options are those of `ClassLearner` and `LoopRecipe`.
    """

    modality: ClassVar[Modality] = "audio"
    command: ClassVar[str] = "train audio-classifier"

    base: str = "mel-statistics"
    label_pattern: str | None = option(None, group="data")
    group_pattern: str | None = option(None, group="data")
    seconds: float = option(5.0, above=0, group="data")

    def _read(self, data: Any) -> Labelled:
        labelled = read_labelled(data, modality=self.modality, label_pattern=self.label_pattern)
        labelled = super()._read(labelled)
        return replace(labelled, groups=read_groups(labelled, self.group_pattern) or ())

    def _fine_tuning(self) -> FineTuning:
        from sememe.train.classify.finetune_audio import AudioFineTuning

        return AudioFineTuning(self, seconds=self.seconds)

    @classmethod
    def _load_finetuned(cls, folder: Path) -> Classifier | None:
        from sememe.encoders.classify.speech_classifier import load_speech_classifier
        from sememe.models.weights.folder import ModelFolder, ModelKind

        is_tuned = ModelFolder.open(folder).holds(ModelKind.SPEECH_CLASSIFIER)
        return load_speech_classifier(folder) if is_tuned else None
