"""Prepare images for a network: scale, crop and normalise.

`pixels` scales and crops 8-bit values with Pillow, as torchvision and timm do; mean and standard
deviation are applied by the first nodes of each network's graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Half = Literal["even", "below"]
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How images are prepared for a network. `facts` is part of fingerprints.

    Attributes:
        size: Width and height of the network's input, in pixels.
        resize: Length to which the shorter side is scaled before the centre crop; None scales the
            whole image to size x size, whatever its shape.
        interpolation: Of scaling; all but "nearest" antialias.
        mean, std: Of each channel, R, G, B, of values from 0 to 1.
        half: How half of an odd margin is rounded: to the "even" neighbour, as in torchvision, or
            down to the one "below", as in transformers.
    """

    size: int
    resize: int | None
    interpolation: Interpolation
    mean: Triple
    std: Triple
    half: Half = "even"

    def facts(self) -> dict[str, Any]:
        """Return all settings in the types of JSON, for a fingerprint; "even" is left out."""
        entries = {name: list(x) if isinstance(x, tuple) else x for name, x in asdict(self).items()}
        return {name: x for name, x in entries.items() if (name, x) != ("half", "even")}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Preprocess:
        """Read what `facts` returns; ValueError, KeyError or TypeError if it makes no sense."""
        if facts["interpolation"] not in get_args(Interpolation):
            raise ValueError(f"interpolation {facts['interpolation']!r}")
        half = facts.get("half", "even")
        if half not in get_args(Half):
            raise ValueError(f"half {half!r}")
        mean, std = (tuple(float(x) for x in facts[name]) for name in ("mean", "std"))
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0 or int(facts["size"]) < 1:
            raise ValueError("mean, std or size")
        resize = None if facts["resize"] is None else int(facts["resize"])
        return cls(int(facts["size"]), resize, facts["interpolation"], mean, std, half)

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """Return the network's input for an image, (size, size, 3) uint8, R, G, B.

        image: Upright and in RGB, as `sememe.sources.media.image_decoding.open_image` returns it.

        Lengths are torchvision's: the longer side is rounded down after scaling, the crop begins at
        half of the margin, see `half`; an image that is too small is framed in black.
        """
        from PIL import Image as pillow

        way = pillow.Resampling[self.interpolation.upper()]
        if self.resize is None:
            return np.asarray(image.resize((self.size, self.size), way))
        width, height = image.size
        short, long = sorted(image.size)
        new = max(1, int(self.resize * long / short))
        shape = (self.resize, new) if width <= height else (new, self.resize)
        if new > _LONGEST * self.resize:  # a strip: crop first, as its ends are cropped anyway
            image = _crop(image, min(width, 3 * short), min(height, 3 * short), "below")
            shape = (self.resize, self.resize)
        scaled = image if image.size == shape else image.resize(shape, way)
        return np.asarray(_crop(scaled, self.size, self.size, self.half))


_LONGEST = 64  # ratio of sides from which a strip is cropped before it is scaled


def _crop(image: Image, width: int, height: int, half: Half) -> Image:
    start = round if half == "even" else math.floor
    left, top = start((image.size[0] - width) / 2), start((image.size[1] - height) / 2)
    return image.crop((left, top, left + width, top + height))


def resize_side(size: int, crop: float) -> int:
    """Return the length that timm scales the shorter side to, for a crop ratio.

    >>> resize_side(224, 0.875)
    256
    """
    return math.floor(size / crop)
