"""Networks for fine-tuning by name, and their saved weights.

efficientnet-lite0             the catalogue's, in torch
hf:timm/NAME, FOLDER, FILE     what `sememe.models.image.exported` opens
FOLDER                         an image encoder that sememe trained: SimCLR's, or one fine-tuned
timm/NAME, torchvision/NAME    an architecture with random weights
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import InvalidInputError
from sememe._persistence import ABOUT
from sememe.models.image.folder import read_image_folder
from sememe.models.image.preprocess import Preprocess
from sememe.models.weights.folder import ModelFolder, ModelKind

if TYPE_CHECKING:
    from sememe.models.image.torch_model import TorchImage

WEIGHTS = "model.safetensors"
_RANDOM = ("timm/", "torchvision/")
_PLAIN = {"size": 224, "resize": 256, "interpolation": "bicubic"}
_PLAIN |= {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@dataclass(frozen=True, eq=False, slots=True)
class Trainable:
    """A network to fine-tune for classification.

    Attributes:
        module: (N, 3, size, size) to a tuple of tensors, the logits last.
        outputs: Names of these tensors.
        kept: The module whose weights are saved, under its library's names.
        preprocess: Preprocessing of images.
        facts: What `rebuild` needs.
    """

    module: Any
    outputs: tuple[str, ...]
    kept: Any
    preprocess: Preprocess
    facts: Mapping[str, Any]


def open_trainable(base: str, labels: tuple[str, ...], *, size: int | None = None) -> Trainable:
    """Open a network with a new last layer for the labels, unless it has just these.

    size: Width of its images, if not its own; most networks read other sizes.

    Raises:
        InvalidInputError: There is no such network, or it lacks weights to train.
        MissingExtraError: torch, timm or torchvision is not installed.
        CorruptFileError: Its files are damaged.
    """
    image = _open(base)
    if size is not None:
        image = replace(image, preprocess=_resize(image.preprocess, size))
    if isinstance(image, Trainable):
        return _add_head(image, len(labels))
    if image.labels != labels:
        image = image.with_classes(labels)
    return Trainable(*image.parts(), image.model, image.preprocess, image.metadata())


def _open(base: str) -> TorchImage | Trainable:
    """Return a network with its own last layer, or of SimCLR's folder the backbone alone."""
    from sememe.models.image.backends import open_checkpoint, rebuild
    from sememe.models.image.exported import FOREIGN
    from sememe.models.locate import locate
    from sememe.models.weights.catalog import IMAGE_MODEL, model_info

    if base == IMAGE_MODEL:
        from sememe.models.image.efficientnet_torch import build_efficientnet
        from sememe.models.weights.torch_pickle import parse_torch_file

        info = model_info(base)
        info.require()
        return build_efficientnet(parse_torch_file(info.read("image"), where=base))
    if base.startswith(_RANDOM):
        library, _, name = base.partition("/")
        facts = {"library": library, "architecture": name, "arguments": {}}
        return rebuild(facts, preprocess=Preprocess.of(_PLAIN), labels=("a", "b"))
    if ModelFolder.open(base).kind is ModelKind.IMAGE:
        return _open_folder(Path(base))
    if (folder := locate(base, *FOREIGN)) is not None:
        return open_checkpoint(folder.path)
    raise InvalidInputError(
        f"{base!r} is no image network that can be trained. Give efficientnet-lite0, hf:timm/NAME, "
        "the folder of one, a file of torchvision's weights, or timm/NAME for random weights."
    )


def _open_folder(folder: Path) -> TorchImage | Trainable:
    from sememe.models.image.backends import rebuild
    from sememe.models.weights.torch_tensors import read_torch_state

    if not (folder / WEIGHTS).is_file():
        raise InvalidInputError(f"{folder} holds no {WEIGHTS}, so it cannot be trained further.")
    image = read_image_folder(folder)
    document = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    state = read_torch_state(folder / WEIGHTS)
    if "network" in document:
        torch_image = rebuild(document["network"], preprocess=image.preprocess, labels=image.labels)
        torch_image.model.load_state_dict(state)
        return torch_image
    from sememe.train.simclr.backbones import make_backbone

    name = str(document["parameters"]["backbone"])
    module, _ = make_backbone(name, image.preprocess.size)
    module.load_state_dict(state)
    facts = {"library": "backbone", "architecture": name, "dim": image.dim}
    return Trainable(module, ("features",), module, image.preprocess, facts)


def _add_head(body: Trainable, classes: int) -> Trainable:
    """Add a linear layer on the features."""
    import torch

    class WithHead(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = body.module
            self.head = torch.nn.Linear(body.facts["dim"], classes)

        def forward(self, images: Any) -> Any:
            features = self.body(images)
            return features, self.head(features)

    module = WithHead()
    return replace(body, module=module, outputs=("features", "logits"), kept=module)


def _resize(preprocess: Preprocess, size: int) -> Preprocess:
    resize = preprocess.resize
    scaled = None if resize is None else max(size, round(resize * size / preprocess.size))
    return replace(preprocess, size=size, resize=scaled)
