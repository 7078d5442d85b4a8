"""The network that fine-tuning begins with, by its name, and its weights as they are saved.

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
    """A network that is trained to name classes.

    Attributes:
        module: (N, 3, size, size) to a tuple of tensors, the logits last.
        outputs: Their names.
        kept: The module whose weights are saved, under its library's names.
        preprocess: How its pictures are made.
        facts: How to build it again.
    """

    module: Any
    outputs: tuple[str, ...]
    kept: Any
    preprocess: Preprocess
    facts: Mapping[str, Any]


def trainable_image(base: str, labels: tuple[str, ...], *, size: int | None = None) -> Trainable:
    """Open a network and give it a new last layer for the labels, unless it names just these.

    size: Width of its pictures, where it reads others than it was made for; most do.

    Raises:
        InvalidInputError: There is no such network, or its weights are not there to train.
        MissingExtraError: torch, timm or torchvision is not installed.
        CorruptFileError: Its files are damaged.
    """
    image = _opened(base)
    if isinstance(image, Trainable):
        found = _with_head(image, len(labels))
        return found if size is None else replace(found, preprocess=_sized(found.preprocess, size))
    if image.labels != labels:  # else it goes on with the layer that it has
        image = image.with_classes(labels)
    if size is not None:
        image = replace(image, preprocess=_sized(image.preprocess, size))
    module, outputs = image.parts()
    return Trainable(module, outputs, image.model, image.preprocess, image.metadata())


def _opened(base: str) -> TorchImage | Trainable:
    """Return the network with its own last layer; of SimCLR's folder, which has none, the rest."""
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
        return _trained_here(Path(base))
    if (folder := locate(base, *FOREIGN)) is not None:
        return open_checkpoint(folder.path)
    raise InvalidInputError(
        f"{base!r} is no image network that can be trained. Give efficientnet-lite0, hf:timm/NAME, "
        "the folder of one, a file of torchvision's weights, or timm/NAME for random weights."
    )


def _trained_here(folder: Path) -> TorchImage | Trainable:
    from sememe.models.image.backends import rebuild
    from sememe.models.weights.torch_tensors import read_torch_state

    if not (folder / WEIGHTS).is_file():
        raise InvalidInputError(f"{folder} holds no {WEIGHTS}, so it cannot be trained further.")
    found = read_image_folder(folder)
    document = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    state = read_torch_state(folder / WEIGHTS)
    if "network" in document:
        image = rebuild(document["network"], preprocess=found.preprocess, labels=found.labels)
        image.model.load_state_dict(state)
        return image
    from sememe.train.simclr.backbones import backbone

    name = str(document["parameters"]["backbone"])
    module, _ = backbone(name, found.preprocess.size)
    module.load_state_dict(state)
    facts = {"library": "backbone", "architecture": name, "dim": found.dim}
    return Trainable(module, ("features",), module, found.preprocess, facts)


def _with_head(body: Trainable, classes: int) -> Trainable:
    """Put a linear layer behind features."""
    import torch

    class WithHead(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = body.module
            self.head = torch.nn.Linear(body.facts["dim"], classes)

        def forward(self, pictures: Any) -> Any:
            features = self.body(pictures)
            return features, self.head(features)

    module = WithHead()
    return replace(body, module=module, outputs=("features", "logits"), kept=module)


def _sized(preprocess: Preprocess, size: int) -> Preprocess:
    resize = preprocess.resize
    scaled = None if resize is None else max(size, round(resize * size / preprocess.size))
    return replace(preprocess, size=size, resize=scaled)
