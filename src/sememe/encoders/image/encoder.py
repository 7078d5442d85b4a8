"""Encode images by the features of a classification network, and predict its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._types import FloatArray
from sememe.encoders.base import raise_failures, unit_rows
from sememe.encoders.image.base import BaseImageEncoder, check_images
from sememe.encoders.prediction import Classifier

if TYPE_CHECKING:
    from sememe.models.image.engine import VisionEngine


@dataclass(frozen=True, slots=True)
class ImageModel:
    """Description of a model for `ImageEncoder`.

    Attributes:
        name: How to load it again with `sememe.load`.
        dim: Width of its vectors.
        space: Fingerprint of weights, preprocessing and normalisation.
        output: The network's output that is the vector.
        labels: The classes of its output "logits"; () where it has none.
        maps: Whether it has an output "map", a grid of features.
        scale, reads_captions: As in `BaseEncoder`, for models trained with texts.
    """

    name: str
    dim: int
    space: str
    output: str = "features"
    labels: tuple[str, ...] = ()
    maps: bool = False
    scale: float | None = None
    reads_captions: bool = False


class ImageEncoder(BaseImageEncoder, Classifier):
    """Encode images as unit vectors: paths, bytes of files, arrays or Pillow images.

    Attributes:
        model: Description of the model.
        labels: The classes that its network was trained on, () where there are none.

    >>> import numpy as np
    >>> import sememe
    >>> encoder = sememe.load("efficientnet-lite0")
    >>> encoder.encode([np.zeros((32, 32, 3), np.uint8)]).shape
    (1, 1280)
    """

    def __init__(self, model: ImageModel, engine: VisionEngine) -> None:
        super().__init__(name=model.name, dim=model.dim, space=model.space)
        self.model = model
        self.labels = model.labels
        self.scale = model.scale
        self.reads_captions = model.reads_captions
        self._engine: VisionEngine = engine

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        (rows,), failed = self._run(items, [self.model.output], show_progress)
        return unit_rows(rows.reshape(len(rows), self.dim), self.dim), failed

    def encode_and_classify(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, FloatArray, dict[int, str]]:
        """Run the network once: (n, dim) unit rows, (n, classes) probabilities, {index: reason}."""
        outputs = [self.model.output, "logits"]
        (rows, logits), failed = self._run(check_images(items), outputs, False)
        vectors = unit_rows(rows.reshape(len(rows), self.dim), self.dim)
        return vectors, self._compute_probabilities(logits), failed

    def feature_maps(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, height, width, channels) float32, the features of each region of an image.

        Raises:
            InvalidInputError: The network has no such output.
        """
        if not self.model.maps:
            raise InvalidInputError(f"{self.name} gives no feature maps, only vectors.")
        images = check_images(items)
        (rows,), failed = self._run(images, ["map"], False)
        raise_failures(images, failed)
        maps: FloatArray = rows.transpose(0, 2, 3, 1)  # (n, channels, h, w) -> (n, h, w, channels)
        return maps

    def probabilities_with_failures(
        self, items: Sequence[Any]
    ) -> tuple[FloatArray, dict[int, str]]:
        """Compute probabilities, collecting failures; see `Classifier`.

        Raises:
            InvalidInputError: The network has no classes, or an item of another type.
        """
        if not self.labels:
            raise InvalidInputError(
                f"{self.name} names no classes. Give labels of your own: sememe classify --labels"
            )
        (logits,), failed = self._run(check_images(items), ["logits"], False)
        return self._compute_probabilities(logits), failed

    def _compute_probabilities(self, logits: FloatArray) -> FloatArray:
        from sememe.space.probe import softmax

        return softmax(logits.reshape(len(logits), len(self.labels)))

    def _run(
        self, images: list[Any], outputs: Sequence[str], show_progress: bool
    ) -> tuple[list[FloatArray], dict[int, str]]:
        """Return outputs of the network, one row for each image, NaN for failures."""
        import numpy as np

        arrays: list[FloatArray] = []
        failed: dict[int, str] = {}
        with progress("encoding", total=len(images), show=show_progress) as advance:
            for indices, batch, reasons in self._engine.run(images, outputs):
                failed |= reasons
                if indices and not arrays:
                    shapes = [(len(images), *rows.shape[1:]) for rows in batch]
                    arrays = [np.full(shape, np.nan, np.float32) for shape in shapes]
                for array, rows in zip(arrays, batch, strict=bool(indices)):
                    array[indices] = rows
                advance(max([*indices, *reasons]) + 1)
        if not arrays:  # no image could be read: take the shapes of the graph
            known = self._engine.outputs()
            inner = [[n for n in known[name][1:] if isinstance(n, int)] for name in outputs]
            arrays = [np.full((len(images), *shape), np.nan, np.float32) for shape in inner]
        return arrays, failed
