"""The libraries that image networks come from, by the name that model folders keep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sememe.models.image.preprocess import Preprocess
from sememe.models.image.timm import TimmImage
from sememe.models.image.torch_model import TorchImage
from sememe.models.image.torchvision import TorchvisionImage

BACKENDS: dict[str, type[TorchImage]] = {one.library: one for one in (TimmImage, TorchvisionImage)}


def open_checkpoint(path: Path) -> TorchImage:
    """Open the folder of a checkpoint of timm, or a file of torchvision's weights.

    Raises as the two `open` do.
    """
    return TimmImage.open(path) if path.is_dir() else TorchvisionImage.open(path)


def rebuild(
    metadata: Mapping[str, Any], *, preprocess: Preprocess, labels: tuple[str, ...]
) -> TorchImage:
    """Return the network that `TorchImage.metadata` describes, with random weights.

    labels: Its classes, whose number may be another one than before.
    """
    architecture, arguments = metadata["architecture"], metadata["arguments"]
    backend = BACKENDS[metadata["library"]]
    model = backend.build(architecture, arguments, classes=len(labels))
    return backend(architecture, arguments, model, preprocess, labels)
