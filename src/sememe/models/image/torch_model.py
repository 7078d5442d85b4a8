"""An image network in torch, whichever library built it.

A subclass per library builds networks, finds their features and gives them new last layers.
Tensors keep the library's names, so that a network trained here opens there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from sememe.models.image.preprocess import Preprocess


@dataclass(frozen=True, eq=False)
class TorchImage(ABC):
    """A network that names classes, or only gives features.

    Attributes:
        library: "timm" or "torchvision".
        architecture: Its name there.
        arguments: Further arguments of its constructor, in the types of JSON.
        model: The library's module.
        preprocess: How its images are prepared.
        labels: Its classes, () if it names none.
    """

    library: ClassVar[str]
    architecture: str
    arguments: Mapping[str, Any]
    model: Any
    preprocess: Preprocess
    labels: tuple[str, ...]

    @staticmethod
    @abstractmethod
    def build(architecture: str, arguments: Mapping[str, Any], *, classes: int) -> Any:
        """Return the library's module with random weights.

        Raises:
            InvalidInputError: If the library cannot build it.
            MissingExtraError: If the library is not installed.
        """

    @abstractmethod
    def new_head(self, classes: int) -> None:
        """Give the module a last layer with random weights for so many classes."""

    @abstractmethod
    def parts(self) -> tuple[Any, tuple[str, ...]]:
        """Return a module that gives a tuple of tensors, and the names of these.

        "features" is what the classifier reads, (N, dim): behind the pooling, and behind the hidden
        layers that some heads have. "map" is what is pooled, (N, channels, height, width), where
        the architecture has such. "logits" (N, classes) are there if the network has labels. The
        module shares the network's weights and can be trained.
        """

    def metadata(self) -> dict[str, Any]:
        """Return how to build the network again, without its weights; see `backends.rebuild`."""
        return {
            "library": self.library,
            "architecture": self.architecture,
            "arguments": self.arguments,
            "classes": len(self.labels),
        }

    def with_classes(self, labels: tuple[str, ...]) -> Self:
        """Return the network with a new layer for other classes; its other weights stay."""
        self.new_head(len(labels))
        return replace(self, labels=labels)

    def export(self) -> tuple[bytes, int, bool]:
        """Return the ONNX file, the width of the features, and whether there are maps.

        Raises as `export_image` does.
        """
        import torch

        from sememe.models.image.export import export_image

        self.model.eval()
        module, outputs = self.parts()
        size = self.preprocess.size
        with torch.no_grad():
            shapes = dict(zip(outputs, module(torch.zeros(1, 3, size, size)), strict=True))
        graph = export_image(module, self.preprocess, outputs=outputs)
        return graph, int(shapes["features"].shape[1]), "map" in outputs
