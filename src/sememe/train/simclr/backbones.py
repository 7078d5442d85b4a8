"""Backbones of SimCLR by name, with random weights.

small              `sememe.train.simclr.small_resnet`, the default
resnet18, ...      torchvision's; on images of up to 64 pixels a ResNet begins with a 3 x 3
                   convolution of stride 1 and without pooling (Chen et al. 2020, B.9)
timm/NAME          timm's
"""

from __future__ import annotations

from typing import Any

from sememe._errors import InvalidInputError
from sememe._lazy import require

SMALL, TIMM = "small", "timm/"
_SMALL_IMAGES = 64  # pixels


def make_backbone(name: str, size: int) -> tuple[Any, int]:
    """Return a module, (N, 3, size, size) float32 to features (N, dim), and dim.

    Raises:
        InvalidInputError: No network of that name, or one that cannot read images of that size.
        MissingExtraError: The package that has it is not installed.
    """
    if name == SMALL:
        from sememe.train.simclr.small_resnet import SmallResNet

        module: Any = SmallResNet()
    elif name.startswith(TIMM):
        module = _make_timm(name, size)
    else:
        module = _make_torchvision(name, size)
    return module, _measure_width(module, name, size)


def _make_timm(name: str, size: int) -> Any:
    timm = require("timm", f"the backbone {name}")
    own = name.removeprefix(TIMM)
    if own not in timm.list_models():
        raise InvalidInputError(
            f"backbone={name!r}: timm has no {own!r}. Look at timm.list_models(), or give {SMALL}."
        )
    try:
        return timm.create_model(own, pretrained=False, num_classes=0, img_size=size)
    except (TypeError, AssertionError, ValueError):  # convolutions read any size
        return timm.create_model(own, pretrained=False, num_classes=0)


def _make_torchvision(name: str, size: int) -> Any:
    from torch import nn

    models = require("torchvision.models", f"the backbone {name}")
    if name not in models.list_models(module=models):
        raise InvalidInputError(
            f"backbone={name!r}: give {SMALL}, a name of torchvision.models.list_models() such as "
            f"resnet18, or {TIMM} and a name of timm."
        )
    module = models.get_model(name, weights=None)
    if isinstance(module, models.ResNet) and size <= _SMALL_IMAGES:
        module.conv1 = nn.Conv2d(3, module.conv1.out_channels, 3, padding=1, bias=False)
        module.maxpool = nn.Identity()
    last = [path for path, part in module.named_modules() if isinstance(part, nn.Linear)]
    if not last:
        raise InvalidInputError(f"backbone={name!r} ends in no linear layer. Give resnet18.")
    path, _, attribute = last[-1].rpartition(".")
    setattr(module.get_submodule(path), attribute, nn.Identity())
    return module


def _measure_width(module: Any, name: str, size: int) -> int:
    """Return the width of a module's features, measured on black images."""
    import torch

    training = module.training
    try:
        with torch.no_grad():
            features = module.eval()(torch.zeros(2, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidInputError(
            f"backbone={name!r} cannot read images of {size} x {size}: {reason}. Give a larger "
            f"size, or {SMALL}."
        ) from error
    finally:
        module.train(training)
    if getattr(features, "ndim", 0) != 2:
        raise InvalidInputError(f"backbone={name!r} gives no features (N, dim). Give resnet18.")
    return int(features.shape[1])
