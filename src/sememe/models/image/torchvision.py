"""Networks of torchvision: a file of weights under the name that torchvision gave it.

    resnet18-f37072fd.pth   vgg16-397923af.pth   efficientnet_b0_rwightman-7f5810bc.pth

Architecture, preprocessing and classes follow from the name.

"features" is the input of the last linear layer, by torchvision's create_feature_extractor: in VGG
the 4,096 of the last hidden layer after ReLU, in ResNet and EfficientNet the mean of the feature
map.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe.models.image.preprocess import Preprocess
from sememe.models.image.torch_model import TorchImage

_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")  # DenseNet's, as it was first saved
_POOLS = ("avgpool", "adaptive_avg_pool2d")
_NEEDED = "opening a network of torchvision"


class TorchvisionImage(TorchImage):
    """A network of torchvision."""

    library = "torchvision"

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file of weights.

        Raises:
            InvalidInputError: If torchvision has no classification weights of that name.
            CorruptFileError: If the file is damaged, or holds another network's weights.
            MissingExtraError: If torchvision is not installed.
        """
        from sememe.models.weights.torch_tensors import read_torch_state

        architecture, weights = _find_weights(path.name)
        labels = tuple(map(str, weights.meta["categories"]))
        model = cls.build(architecture, {}, classes=len(labels))
        state = {_OLD.sub(r"\1\2", name): x for name, x in read_torch_state(path).items()}
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            why = " ".join(str(error).split())[:200]
            raise CorruptFileError(f"{path} holds other weights: {why}. Fetch it anew") from error
        return cls(architecture, {}, model, convert_transforms(weights.transforms()), labels)

    @staticmethod
    def build(architecture: str, arguments: Mapping[str, Any], *, classes: int) -> Any:
        """Return torchvision's module with random weights; see `TorchImage.build`."""
        models = require("torchvision.models", _NEEDED)
        try:
            return models.get_model(architecture, weights=None, num_classes=classes, **arguments)
        except (ValueError, TypeError) as error:
            raise InvalidInputError(
                f"torchvision cannot build {architecture!r}: {error}. Look at "
                "torchvision.models.list_models()"
            ) from error

    def new_head(self, classes: int) -> None:
        """Give the module a new last layer; InvalidInputError unless it ends in a linear one."""
        import torch

        model = self.model
        path, last = list(model.named_modules())[-1]
        if not isinstance(last, torch.nn.Linear):
            raise _features_error(model)
        above, _, name = path.rpartition(".")
        setattr(model.get_submodule(above), name, torch.nn.Linear(last.in_features, classes))

    def parts(self) -> tuple[Any, tuple[str, ...]]:
        """Return a module that gives map, features and logits; see `new_head` for errors."""
        import torch

        model = self.model
        extraction = require("torchvision.models.feature_extraction", _NEEDED)
        nodes = extraction.get_graph_node_names(model)[1]
        last = dict(model.named_modules()).get(nodes[-1])
        if not isinstance(last, torch.nn.Linear):
            raise _features_error(model)
        taken = {nodes[-2]: "features"}
        pool = next((i for i, node in enumerate(nodes) if node in _POOLS), 0)
        if pool and nodes[pool - 1] not in taken:
            taken[nodes[pool - 1]] = "map"
        if self.labels:
            taken[nodes[-1]] = "logits"
        names = tuple(name for name in ("map", "features", "logits") if name in taken.values())
        extractor = extraction.create_feature_extractor(model, taken)

        class Parts(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.model = extractor

            def forward(self, images: Any) -> Any:
                outputs = self.model(images)
                return tuple(outputs[name] for name in names)

        return Parts(), names


def convert_transforms(transforms: Any) -> Preprocess:
    """Return the preprocessing of torchvision's Weights.transforms()."""
    facts = {
        "size": transforms.crop_size[0],
        "resize": transforms.resize_size[0],
        "interpolation": transforms.interpolation.value,
        "mean": transforms.mean,
        "std": transforms.std,
    }
    return Preprocess.of(facts)


def _features_error(model: Any) -> InvalidInputError:
    return InvalidInputError(
        f"{type(model).__name__} does not end in a linear layer, so its features are not known. "
        "Give a ResNet, VGG, EfficientNet, MobileNet, DenseNet, ConvNeXt or the like."
    )


def _find_weights(name: str) -> tuple[str, Any]:
    """Return the architecture and the entry of torchvision's list whose file has that name."""
    models = require("torchvision.models", _NEEDED)
    for architecture in models.list_models(module=models):
        for weights in models.get_model_weights(architecture):
            if weights.url.rsplit("/", 1)[-1] == name:
                return architecture, weights
    raise InvalidInputError(
        f"torchvision has no weights {name!r} for classification. Give a file as torchvision "
        "names it, such as resnet18-f37072fd.pth, or run: pip install --upgrade torchvision"
    )
