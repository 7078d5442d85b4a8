"""What a recipe gives once it has trained a classifier: answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sememe._errors import InvalidInputError

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.encoders.prediction import Classifier

Model = TypeVar("Model", bound="Classifier")


class TrainedClassifier(Generic[Model]):
    """Answers of the classifier that `fit` or `load` made.

    Attributes:
        model_: That classifier; None before.
    """

    model_: Model | None

    def predict(self, items: Sequence[Any]) -> list[str]:
        """Return the most probable class of each item.

        Raises:
            CorruptFileError: One that cannot be read, or an empty text.
            InvalidInputError: Nothing was fitted, or an item of another type.
        """
        model = self._model()
        return [model.labels[i] for i in self.probabilities(items).argmax(axis=1).tolist()]

    def probabilities(self, items: Sequence[Any]) -> FloatArray:
        """Return (n, classes) float32, rows adding up to 1; see `labels`. Raises: As `predict`."""
        return self._model().probabilities(items)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted; grades from the lowest."""
        return self._model().labels

    def _model(self) -> Model:
        if self.model_ is None:
            raise InvalidInputError("nothing is trained yet. Call fit first.")
        return self.model_
