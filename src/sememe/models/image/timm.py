"""Networks of timm: the folder of a checkpoint as timm writes it, or an architecture by name.

config.json         architecture, num_classes, pretrained_cfg (preprocessing), label_names
model.safetensors   the weights (pytorch_model.bin is read too, without running what is in it)

"features" is the output of timm's forward_head(pre_logits=True): in VGG the 4,096 of the hidden
layers, in ResNet and EfficientNet the mean of the feature map.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe._persistence import read_json
from sememe.models.image.preprocess import Preprocess, resize_side
from sememe.models.image.torch_model import TorchImage

CONFIG, WEIGHTS = "config.json", ("model.safetensors", "pytorch_model.bin")
_NEEDED = "opening a network of timm"


def find_weights(folder: Path) -> Path:
    """Return the file with a checkpoint's weights.

    Raises:
        InvalidInputError: If there is none.
    """
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        raise InvalidInputError(f"{folder} holds no {WEIGHTS[0]}. Give the folder of a checkpoint")
    return file


class TimmImage(TorchImage):
    """A network of timm."""

    library = "timm"

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the folder of a checkpoint.

        Raises:
            InvalidInputError: If timm does not know its architecture, or sememe its preprocessing.
            CorruptFileError: If its config or weights are damaged, or of another network.
            MissingExtraError: If timm is not installed.
        """
        config = read_json(folder / CONFIG)
        name = str(config["architecture"])
        arguments = dict(config.get("model_args") or {})
        arguments.pop("num_classes", None)
        pretrained = config.get("pretrained_cfg") or config
        if "global_pool" in config:
            arguments.setdefault("global_pool", config["global_pool"])
        classes = int(config.get("num_classes", pretrained.get("num_classes", 1000)))
        try:
            model = cls.build(name, arguments, classes=classes)
        except InvalidInputError:
            arguments.pop("global_pool", None)  # some architectures take none
            model = cls.build(name, arguments, classes=classes)
        load_weights(model, find_weights(folder))
        labels = _read_labels(config, pretrained, classes)
        preprocess = convert_config(pretrained, str(folder))
        return cls(name, arguments, model, preprocess, labels)

    @staticmethod
    def build(architecture: str, arguments: Mapping[str, Any], *, classes: int) -> Any:
        """Return timm's module with random weights; see `TorchImage.build`."""
        timm = require("timm", _NEEDED)
        try:
            return timm.create_model(
                architecture, pretrained=False, num_classes=classes, **arguments
            )
        except (RuntimeError, TypeError, ValueError, AssertionError, KeyError) as error:
            why = " ".join(str(error).split())[:200]
            raise InvalidInputError(
                f"timm cannot build {architecture!r}: {why}. Look at timm.list_models(), or run: "
                "pip install --upgrade timm"
            ) from error

    def new_head(self, classes: int) -> None:
        """Give the module a new last layer; see `TorchImage.new_head`."""
        self.model.reset_classifier(classes)

    def parts(self) -> tuple[Any, tuple[str, ...]]:
        """Return a module that gives map, features and logits; see `TorchImage.parts`."""
        import torch

        model, size, named = self.model, self.preprocess.size, bool(self.labels)
        module = _wrap(model, named=named)
        training = model.training
        model.eval()
        with torch.no_grad():
            image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
            states = model.forward_features(image)
            if named and module.linear:  # some heads do more after their features than one layer
                logits = module(image)[-1]
                module.linear = torch.allclose(logits, model(image), rtol=1e-4, atol=1e-5)
        model.train(training)
        module.mapped = states.ndim == 4
        maps, logits = ("map",) if module.mapped else (), ("logits",) if named else ()
        return module, (*maps, "features", *logits)


def _wrap(model: Any, *, named: bool) -> Any:
    """Return the module whose outputs `TimmImage.parts` describes; it starts without maps."""
    import torch

    class Parts(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.mapped, self.last = False, getattr(model, "output_fmt", "NCHW") == "NHWC"
            self.linear = isinstance(model.get_classifier(), torch.nn.Linear)

        def forward(self, images: Any) -> Any:
            states = self.model.forward_features(images)
            features = self.model.forward_head(states, pre_logits=True)
            outputs = [states.permute(0, 3, 1, 2) if self.last else states] if self.mapped else []
            outputs.append(features.flatten(1))
            if named and self.linear:
                outputs.append(self.model.get_classifier()(features))
            elif named:
                outputs.append(self.model.forward_head(states))
            return tuple(outputs)

    return Parts()


def load_weights(model: Any, weights: Path) -> None:
    """Read weights into a module; names of older checkpoints are converted by timm.

    Raises:
        CorruptFileError: If the file is damaged, or holds another network's weights.
    """
    from sememe.models.weights.torch_tensors import read_torch_state

    state = read_torch_state(weights)
    names = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    try:
        try:
            model.load_state_dict(state)
        except RuntimeError:
            if names is None:
                raise
            model.load_state_dict(names(state, model))
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CorruptFileError(f"{weights} holds other weights: {reason}. Fetch it anew") from error


def convert_config(pretrained: Mapping[str, Any], where: str) -> Preprocess:
    """Return the preprocessing of timm's pretrained_cfg; the defaults are timm's.

    Raises:
        InvalidInputError: If sememe cannot prepare images so.
        MissingExtraError: If timm is not installed.
    """
    data = require("timm.data", _NEEDED)
    facts = data.resolve_data_config({}, pretrained_cfg={"_": None, **pretrained})
    channels, height, width = facts["input_size"]
    mode, crop = facts["crop_mode"], float(facts["crop_pct"])
    whole = mode == "squash" and crop == 1
    if channels != 3 or height != width or not (mode == "center" or whole):
        raise InvalidInputError(
            f"{where} reads images of {channels} x {height} x {width}, cut by {mode!r} to {crop};"
            " allowed: 3 channels, as high as wide, 'center', or 'squash' to 1.0."
        )
    try:
        known = {name: facts[name] for name in ("interpolation", "mean", "std")}
        resize = None if whole else resize_side(height, crop)
        return Preprocess.of({"size": height, "resize": resize, **known})
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{where}: its preprocessing has {error}; sememe knows nearest, bilinear, bicubic "
            "and lanczos, and a mean and deviation for each of three channels."
        ) from error


def _read_labels(
    config: Mapping[str, Any], pretrained: Mapping[str, Any], classes: int
) -> tuple[str, ...]:
    """Return the classes' names: the checkpoint's own, or ImageNet's where there are 1,000."""
    names = config.get("label_names") or config.get("labels") or pretrained.get("label_names")
    descriptions = config.get("label_descriptions") or pretrained.get("label_descriptions") or {}
    if isinstance(names, Mapping):
        names = [names.get(str(i), str(i)) for i in range(classes)]
    if names and len(names) == classes:
        return tuple(str(descriptions.get(name, name)) for name in names)
    if classes == 1000:
        from sememe.models.image.imagenet import imagenet_classes

        return tuple(one.name for one in imagenet_classes())
    return tuple(f"class {i}" for i in range(classes))
