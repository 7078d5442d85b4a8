"""Random views of images, a whole batch at once: crop, flip, colours, grey, blur.

Chen et al. 2020, appendix A (arXiv:2002.05709) on tensors: an image at a time would cost more than
a small network's own work. Brightness, contrast, saturation, hue and grey are all linear in the
colours, so that their product is one matrix for each view; values are cut to 0 .. 1 once, at the
end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.models.image.preprocess import Preprocess

_GREY = np.array([0.299, 0.587, 0.114])  # luma of R, G, B
_YIQ = np.array([_GREY, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_RATIO = math.log(4 / 3)  # of a crop's width to its height, either way
_BLURRED = 64  # pixels: smaller images are not blurred


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How much views of an image differ; the defaults are for small images.

    Attributes:
        crop: The smallest share of the area that a view shows; the largest is all of it.
        flip: How often it is mirrored.
        colour: Strength of the colour jitter: brightness, contrast and saturation change by up to
            0.8 of it, hue by 0.2 of a turn times it.
        jitter: How often colours are jittered.
        grey: How often a view is grey.
        blur: How often it is blurred; images of less than 64 pixels never are.
    """

    crop: float = 0.2
    flip: float = 0.5
    colour: float = 0.5
    jitter: float = 0.8
    grey: float = 0.2
    blur: float = 0.5


def view(pixels: Any, augmentation: Augmentation, rng: np.random.Generator) -> Any:
    """Return a random view of each image.

    pixels: (n, size, size, 3) uint8. Returns (n, 3, size, size) float32 from 0 to 1.
    """
    import torch
    from torch.nn.functional import grid_sample

    n, size = pixels.shape[:2]
    x = torch.as_tensor(pixels).permute(0, 3, 1, 2).float() / 255
    grid = _make_grid(crops(n, augmentation, rng), size)
    x = grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
    matrices, offsets = colours(x.mean((2, 3)).double().numpy(), augmentation, rng)
    flat = torch.baddbmm(torch.from_numpy(offsets), torch.from_numpy(matrices), x.flatten(2))
    x = flat.clamp_(0, 1).view(n, 3, size, size)
    return _blur(x, augmentation, rng) if size >= _BLURRED else x


def crops(n: int, augmentation: Augmentation, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (n, 4) float32: width, height, and the middle's x and y, in -1 .. 1 of the image.

    A negative width mirrors. Areas are uniform; ratios of the sides are uniform in their logarithm,
    from 3/4 to 4/3 as far as both sides fit.
    """
    area = rng.uniform(augmentation.crop, 1, n)
    ratio = np.exp(rng.uniform(-1, 1, n) * np.minimum(_RATIO, -np.log(area)))
    width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
    x, y = rng.uniform(-1, 1, (2, n)) * (1 - np.stack([width, height]))
    mirrored = np.where(rng.random(n) < augmentation.flip, -1, 1)
    return np.stack([width * mirrored, height, x, y], axis=1).astype(np.float32)


def colours(
    means: NDArray[np.float64], augmentation: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a random `colour_change` of each view, of `means` (n, 3)."""
    n, most = len(means), 0.8 * augmentation.colour
    factors = rng.uniform(1 - most, 1 + most, (3, n))
    turns = rng.uniform(-1, 1, n) * 0.2 * augmentation.colour
    still = rng.random(n) >= augmentation.jitter
    factors[:, still], turns[still] = 1, 0
    jitter = dict(zip(("brightness", "contrast", "saturation"), factors, strict=True))
    return colour_change(means, **jitter, turns=turns, grey=rng.random(n) < augmentation.grey)


def colour_change(
    means: NDArray[np.float64],
    *,
    brightness: NDArray[np.float64],
    contrast: NDArray[np.float64],
    saturation: NDArray[np.float64],
    turns: NDArray[np.float64],
    grey: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return matrices (n, 3, 3) and offsets (n, 3, 1): a colour c becomes matrix @ c + offset.

    The steps are done in the order of the arguments. means: (n, 3) Mean colour of each view;
    contrast changes around its brightness. turns: (n,) Rotation of the hue, in whole turns around
    the axis of greys of YIQ. grey: (n,) Whether to remove all colour.
    """
    light, against, full = (x[:, None, None] for x in (brightness, contrast, saturation))
    cos, sin = np.cos(2 * math.pi * turns), np.sin(2 * math.pi * turns)
    one, zero = np.ones_like(cos), np.zeros_like(cos)
    rotation = np.array([[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]])
    hue = np.linalg.inv(_YIQ) @ rotation.transpose(2, 0, 1) @ _YIQ
    to_grey = np.tile(_GREY, (3, 1))
    saturated = full * np.eye(3) + (1 - full) * to_grey
    last = np.where(grey[:, None, None], to_grey, np.eye(3))
    matrices = last @ hue @ saturated * (light * against)
    # what comes after contrast keeps greys as they are, so its offset is that of R, G and B
    offsets = (1 - contrast) * brightness * (means @ _GREY)
    return matrices.astype(np.float32), np.tile(offsets[:, None, None], (3, 1)).astype(np.float32)


def _make_grid(boxes: NDArray[np.float32], size: int) -> Any:
    """Return where each pixel of the views comes from: (n, size, size, 2)."""
    import torch

    width, height, x, y = torch.from_numpy(boxes).T[:, :, None]
    ends = (torch.arange(size) + 0.5) / size * 2 - 1
    across, down = x + width * ends, y + height * ends
    shape = (len(boxes), size, size)
    return torch.stack([across[:, None].expand(shape), down[:, :, None].expand(shape)], dim=-1)


def _blur(x: Any, augmentation: Augmentation, rng: np.random.Generator) -> Any:
    """Blur some of the images by a Gaussian of 0.1 to 2 pixels, a tenth of their width wide."""
    import torch
    from torch.nn.functional import conv2d, pad

    n, _, size, _ = x.shape
    chosen = torch.from_numpy(np.flatnonzero(rng.random(n) < augmentation.blur))
    sigma = torch.from_numpy(rng.uniform(0.1, 2.0, n).astype(np.float32))[chosen]
    if not len(chosen):
        return x
    half = size // 20
    offsets = torch.arange(-half, half + 1).float()
    kernels = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(3, 0)
    rows = pad(x[chosen].flatten(0, 1)[None], (half,) * 4, mode="reflect")
    rows = conv2d(rows, kernels[:, None, None, :], groups=len(kernels))
    rows = conv2d(rows, kernels[:, None, :, None], groups=len(kernels))
    x = x.clone()
    x[chosen] = rows.view(len(chosen), 3, size, size)
    return x


def scale_pixels(pixels: NDArray[np.uint8]) -> Any:
    """Return images (n, size, size, 3) uint8 as (n, 3, size, size) float32 from 0 to 1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def normalise(images: Any, preprocess: Preprocess) -> Any:
    """Return images (n, 3, size, size) less the mean of each channel, by its deviation."""
    import torch

    moments = (preprocess.mean, preprocess.std)
    mean, std = (torch.tensor(x, device=images.device)[:, None, None] for x in moments)  # (3, 1, 1)
    return (images - mean) / std
