"""Encode pictures: the features of a network that learnt to name them, and the names themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._progress import progress
from sememe._types import Modality
from sememe.encoders.base import Streams, refuse, unit_rows
from sememe.encoders.prediction import Guess, best_guesses
from sememe.vectors.nearest import check_k

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.image.engine import VisionEngine


@dataclass(frozen=True, slots=True)
class ImageModel:
    """What an image encoder needs to know of its model.

    Attributes:
        name: How to load it again.
        dim: Width of its vectors.
        space: Fingerprint of weights, preprocessing and normalisation.
        output: Which output of the network is the vector.
        labels: The classes that its output "logits" names; () where it has none.
        maps: Whether it has an output "map", features for each place in the picture.
    """

    name: str
    dim: int
    space: str
    output: str = "features"
    labels: tuple[str, ...] = ()
    maps: bool = False


class Pictures(Streams, ABC):
    """What all encoders of pictures share: it follows from `encode_readable`."""

    modality: Modality = "image"
    items_at_once = 256

    @abstractmethod
    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why pictures could not be read: place -> reason.

        The rows of those pictures hold NaN.
        """

    def encode(
        self, items: Sequence[Any], *, batch_size: int | None = None, show_progress: bool = False
    ) -> FloatArray:
        """Return (n, dim) float32, one unit row for each picture.

        items: paths, bytes of files, arrays (height, width, 3) of uint8 or pictures of Pillow.
        batch_size: has no influence; pictures are read a few at a time, in all threads.

        Raises:
            CorruptFileError: A picture that cannot be read. `encode_readable` goes on instead.
            InvalidInputError: Something that can be no picture.
            MissingExtraError: Pillow or the weights are not installed.
        """
        pictures = checked_pictures(items)
        vectors, reasons = self.encode_readable(pictures, show_progress=show_progress)
        refuse(pictures, reasons)
        return vectors


class ImageEncoder(Pictures):
    """Turn pictures into unit vectors: paths, bytes of files, arrays or pictures of Pillow.

    >>> import numpy as np
    >>> import sememe
    >>> encoder = sememe.load("efficientnet-lite0")
    >>> encoder.encode([np.zeros((32, 32, 3), np.uint8)]).shape
    (1, 1280)
    """

    def __init__(self, model: ImageModel, engine: VisionEngine) -> None:
        self.model = model
        self._engine = engine

    @property
    def name(self) -> str:
        """How to load it again with `sememe.load`."""
        return self.model.name

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.model.dim

    @property
    def space(self) -> str:
        """Fingerprint of the vector space: equal if and only if vectors may be compared."""
        return self.model.space

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes its network was trained to name, () where it names none."""
        return self.model.labels

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why pictures could not be read: place -> reason.

        The rows of those pictures hold NaN.
        """
        (rows,), reasons = self._outputs(items, [self.model.output], show_progress)
        return unit_rows(rows.reshape(len(rows), self.dim), self.dim), reasons

    def both_readable(self, items: Sequence[Any]) -> tuple[FloatArray, FloatArray, dict[int, str]]:
        """Return what `encode_readable` and `probabilities_readable` do, in one pass."""
        outputs = [self.model.output, "logits"]
        (rows, logits), reasons = self._outputs(items, outputs, False)
        vectors = unit_rows(rows.reshape(len(rows), self.dim), self.dim)
        return vectors, self._softmax(logits), reasons

    def feature_maps(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, height, width, channels) float32: the features at each place of a picture.

        Raises:
            InvalidInputError: The network gives none.
        """
        if not self.model.maps:
            raise InvalidInputError(f"{self.name} gives no feature maps, only vectors.")
        pictures = checked_pictures(items)
        (rows,), reasons = self._outputs(pictures, ["map"], False)
        refuse(pictures, reasons)
        maps: FloatArray = rows.transpose(0, 2, 3, 1)
        return maps

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32: how probable each of `labels` is, rows adding up to 1.

        Raises:
            InvalidInputError: The network names no classes.
        """
        pictures = checked_pictures(items)
        rows, reasons = self.probabilities_readable(pictures)
        refuse(pictures, reasons)
        return rows

    def probabilities_readable(self, items: Sequence[Any]) -> tuple[FloatArray, dict[int, str]]:
        """Return what `probabilities` does, and why pictures could not be read."""
        if not self.labels:
            raise InvalidInputError(
                f"{self.name} names no classes. Give labels of your own: sememe classify --labels"
            )
        (logits,), reasons = self._outputs(items, ["logits"], False)
        return self._softmax(logits), reasons

    def classify(self, items: Sequence[Any], *, k: int = 5) -> list[list[Guess]]:
        """Return the k most probable classes of each picture, best first."""
        check_k(k)
        return [best_guesses(self.labels, row, k) for row in self.probabilities(items)]

    def release(self) -> None:
        """Give back the memory that only makes the next encode faster."""
        self._engine.release()

    def _softmax(self, logits: FloatArray) -> FloatArray:
        import numpy as np

        logits = logits.reshape(len(logits), len(self.labels))
        rows = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
        found: FloatArray = rows / rows.sum(axis=1, keepdims=True)
        return found

    def _outputs(
        self, items: Sequence[Any], outputs: Sequence[str], show_progress: bool
    ) -> tuple[list[FloatArray], dict[int, str]]:
        """Return outputs of the network, one row for each picture, NaN where there is none."""
        import numpy as np

        pictures = checked_pictures(items)
        found: list[FloatArray] = []
        reasons: dict[int, str] = {}
        with progress("encoding", total=len(pictures), show=show_progress) as advance:
            for places, parts, why in self._engine.run(pictures, outputs):
                reasons |= why
                if places and not found:
                    shapes = [(len(pictures), *rows.shape[1:]) for rows in parts]
                    found = [np.full(shape, np.nan, np.float32) for shape in shapes]
                for whole, rows in zip(found, parts, strict=bool(places)):
                    whole[places] = rows
                advance(max([*places, *why]) + 1)
        if not found:  # none could be read: the shapes are the graph's
            known = self._engine.outputs()
            inner = [[n for n in known[name][1:] if isinstance(n, int)] for name in outputs]
            found = [np.full((len(pictures), *shape), np.nan, np.float32) for shape in inner]
        return found, reasons


def checked_pictures(items: Sequence[Any]) -> list[Any]:
    """Return the pictures as a list, or say that one alone was given."""
    if isinstance(items, str | bytes | PathLike) or type(items).__module__.startswith("PIL"):
        kind = type(items).__name__
        raise InvalidInputError(
            f"encode takes a list of pictures, got one {kind}. Use encode([picture])."
        )
    try:
        return list(items)
    except TypeError:
        kind = type(items).__name__
        raise InvalidInputError(f"encode takes a list of pictures, got {kind}.") from None
