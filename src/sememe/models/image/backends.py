"""An image network in torch, whichever library built it, and what it answers.

The libraries keep their own names for the tensors, so that a network trained here opens there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sememe.models.image.preprocess import Preprocess

    Parts = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class TorchImage:
    """A network that names classes, or only gives features.

    Attributes:
        library: "timm" or "torchvision".
        architecture: Its name there.
        arguments: What it was built with besides, in the types of JSON.
        model: The library's module.
        preprocess: How its pictures are made.
        labels: Its classes, () where it names none.
    """

    library: str
    architecture: str
    arguments: Parts
    model: Any
    preprocess: Preprocess
    labels: tuple[str, ...]

    def facts(self) -> Parts:
        """Return how to build it again, without its weights; see `rebuilt`."""
        return {
            "library": self.library,
            "architecture": self.architecture,
            "arguments": self.arguments,
            "classes": len(self.labels),
        }


def answering(image: TorchImage) -> tuple[Any, tuple[str, ...]]:
    """Return a module that gives a tuple of tensors, and their names: "map", "features", "logits".

    "features" is what the classifier reads, (N, dim): behind the pooling, and behind the hidden
    layers that some heads have. "map" is what is pooled, (N, channels, height, width), where the
    architecture has such. "logits" are there where classes have labels. It shares the network's
    weights and can be trained.
    """
    if image.library == "timm":
        from sememe.models.image.timm import parts
    else:
        from sememe.models.image.torchvision import parts
    return parts(image.model, size=image.preprocess.size, named=bool(image.labels))


def with_classes(image: TorchImage, labels: tuple[str, ...]) -> TorchImage:
    """Return the network with a new layer for other classes; all of its other weights stay."""
    if image.library == "timm":
        from sememe.models.image.timm import new_head
    else:
        from sememe.models.image.torchvision import new_head
    new_head(image.model, len(labels))
    return replace(image, labels=labels)


def exported(image: TorchImage) -> tuple[bytes, int, bool]:
    """Return the ONNX file of a network, the width of its features, and whether it gives maps.

    Raises:
        MissingExtraError, InvalidInputError: As `exported_image`.
    """
    import torch

    from sememe.models.image.export import exported_image

    image.model.eval()
    module, outputs = answering(image)
    size = image.preprocess.size
    with torch.no_grad():
        shapes = dict(zip(outputs, module(torch.zeros(1, 3, size, size)), strict=True))
    graph = exported_image(module, image.preprocess, outputs=outputs)
    return graph, int(shapes["features"].shape[1]), "map" in outputs


def rebuilt(facts: Parts, *, preprocess: Preprocess, labels: tuple[str, ...]) -> TorchImage:
    """Return the network that `TorchImage.facts` tells of, with random weights.

    labels: Its classes, whose number may be another one than before.
    """
    if facts["library"] == "timm":
        from sememe.models.image.timm import build
    else:
        from sememe.models.image.torchvision import build
    model = build(facts["architecture"], facts["arguments"], classes=len(labels))
    return TorchImage(
        facts["library"], facts["architecture"], facts["arguments"], model, preprocess, labels
    )
