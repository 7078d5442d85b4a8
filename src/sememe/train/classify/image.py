"""Classify images by examples: a folder of images for each class, or a table.

    classifier = ImageClassifier("efficientnet-lite0").fit("images/")
    classifier.report_.accuracy, classifier.report_.confused
    classifier.save("mine")
    ImageClassifier.load("mine").predict(["image.jpg"])

A probe on the vectors of a frozen encoder is fitted in seconds; or the whole network is fine-tuned,
the most accurate, which needs torch and takes far longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sememe._errors import InvalidInputError
from sememe._types import Modality
from sememe.encoders.image.encoder import ImageEncoder
from sememe.encoders.image.test_time_augmentation import VIEWS
from sememe.models.weights.folder import ModelFolder, ModelKind
from sememe.train.base.options import check, option
from sememe.train.classify.learner import ClassLearner

if TYPE_CHECKING:
    from sememe.train.classify.finetuning import FineTuning


@dataclass
class ImageClassifier(ClassLearner):
    """Learns to classify images from examples.

    Attributes:
        base: Encoder whose vectors are classified, as `sememe.load` takes it; to fine-tune, the
            network (see `sememe.train.classify.image_network`).
        views: Test-time augmentation: average an image's vector over 1, 2 (mirrored) or 4 (also
            resized without cropping) views; the time grows with them.
        size: Side of the images in pixels for fine-tuning; by default the network's own.

    Further options are those of `ClassLearner` and `LoopRecipe`.
    """

    modality: ClassVar[Modality] = "image"
    command: ClassVar[str] = "train classifier"

    base: str = "efficientnet-lite0"
    views: int = option(4, group="data")
    size: int | None = option(None, at_least=8, group="data")

    def _fine_tuning(self) -> FineTuning:
        from sememe.train.classify.finetune_image import ImageFineTuning

        return ImageFineTuning(self, size=self.size)

    @classmethod
    def _load_finetuned(cls, folder: Path) -> ImageEncoder | None:
        from sememe.encoders.load.by_name import load

        if ModelFolder.open(folder).kind is not ModelKind.IMAGE:
            return None
        model = load(str(folder))
        if not isinstance(model, ImageEncoder) or not model.labels:
            raise InvalidInputError(f"{folder} names no classes. Train it to: sememe train")
        return model

    def _n_views(self) -> int:
        return self.views

    def _check(self) -> None:
        super()._check()
        check(self, ("views", self.views in VIEWS, "1, 2 or 4"))
