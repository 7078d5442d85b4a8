"""Teach classes of your own from a folder of pictures: one folder for each class.

    classifier = ImageClassifier("efficientnet-lite0").fit("pictures/")
    classifier.report_.accuracy, classifier.report_.confused
    classifier.save("mine")
    ImageClassifier.load("mine").predict(["picture.jpg"])

An encoder stays as it is and a probe learns to tell its vectors apart, in seconds; or the whole
network is trained further ("finetune"), which takes torch and far longer, and tells best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.image.encoder import ImageEncoder
from sememe.encoders.image.test_time_augmentation import VIEWS
from sememe.models.image.folder import is_image_folder
from sememe.train.classify.learner import ClassLearner

if TYPE_CHECKING:
    from sememe.sources.labelled_data import Labelled
    from sememe.train.base.options import Rule
    from sememe.train.classify.report import ClassifierReport


@dataclass
class ImageClassifier(ClassLearner):
    """Learns to tell classes of pictures from examples.

    Attributes:
        base: The encoder whose vectors are told apart, as `sememe.load` takes it; to fine-tune,
            the network (see `sememe.train.classify.image_network`).
        method: "kernel" is kernel ridge regression, which tells best and keeps all examples, up to
            20,000 (of more a "probe" is made); "probe" one linear layer; "knn" the nearest
            examples; "finetune" trains the network.
        shots: Learn from so many pictures of each class, and report the accuracy over `draws`.
        draws: How often they are drawn.
        epochs, batch_size, learning_rate, weight_decay, warmup, evaluations: Fine-tuning.
        seed: Of all random numbers.
        precision, device: Fine-tuning; float32, bfloat16 or auto, and auto, cpu, cuda, cuda:1 or
            mps: auto is a GPU where there is one, and bfloat16 where that has instructions for it.
        views: Each picture's vector is the mean of 1, 2 (and mirrored) or 4 (and with its edges
            drawn out) views, which take as many times as long.
        size: Fine-tuning: width of the pictures, the network's own unless told.
    """

    modality: ClassVar[Modality] = "image"
    command: ClassVar[str] = "train classifier"

    base: str = "efficientnet-lite0"
    views: int = 4
    size: int | None = None

    def _finetuned(
        self,
        given: Labelled,
        aside: Labelled | None,
        notes: tuple[str, ...],
        *,
        checkpoint: str | Path | None,
        show_progress: bool,
    ) -> tuple[ImageEncoder, ClassifierReport, Any]:
        from sememe.train.classify.finetune_image import finetuned

        return finetuned(
            self, given, aside, notes, checkpoint=checkpoint, show_progress=show_progress
        )

    def _write_finetuned(self, place: Path) -> Path:
        from sememe.train.classify.finetune_image import write_finetuned

        return write_finetuned(place, self, self._tuned)

    @classmethod
    def _load_finetuned(cls, folder: Path) -> ImageEncoder | None:
        from sememe.encoders.load.by_name import load

        if not is_image_folder(folder):
            return None
        model = load(str(folder))
        if not isinstance(model, ImageEncoder) or not model.labels:
            raise InvalidInputError(f"{folder} names no classes. Train it to: sememe train")
        return model

    def _n_views(self) -> int:
        return self.views

    def _check(self, more: Sequence[Rule] = ()) -> None:
        rules: list[Rule] = [
            ("views", self.views in VIEWS, "1, 2 or 4"),
            ("size", self.size is None or self.size >= 8, "8 pixels or more, or None"),
        ]
        super()._check([*rules, *more])
