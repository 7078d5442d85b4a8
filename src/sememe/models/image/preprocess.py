"""From a picture to what an image network reads: scaled, cut and normalised as its maker did.

Two steps: `pixels` scales and cuts with Pillow, in whole numbers of 8 bits, as torchvision and
timm do it; the subtraction of the mean and the division by the standard deviation are the first
nodes of each network's graph.
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
    """How a network's pictures are made.

    Attributes:
        size: Width and height of what the network reads, in pixels.
        resize: Length to which the picture's shorter side is scaled before the middle is cut out;
            None scales the whole picture to size x size, whatever its shape.
        interpolation: How pixels are scaled; all but "nearest" smooth when they shrink.
        mean, std: Of each channel, R, G, B, of values from 0 to 1.
        half: Where the cut begins if half of what is over is no whole number: at the "even" one
            beside it, as torchvision has it, or at the one "below", as transformers has it.
    """

    size: int
    resize: int | None
    interpolation: Interpolation
    mean: Triple
    std: Triple
    half: Half = "even"

    def facts(self) -> dict[str, Any]:
        """Return all of it in the types of JSON, as a fingerprint needs it; "even" is not said."""
        found = {name: list(x) if isinstance(x, tuple) else x for name, x in asdict(self).items()}
        return {name: x for name, x in found.items() if (name, x) != ("half", "even")}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Preprocess:
        """Return what `facts` gave; ValueError, KeyError or TypeError where it makes no sense."""
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
        """Return the picture as the network reads it, (size, size, 3) uint8, R, G, B.

        image: upright and in RGB, as `sememe.sources.media.image_decoding.open_image` gives it.

        The lengths are torchvision's: the longer side is cut to a whole number after scaling, the
        cut begins at half of what is over, see `half`; what is too small is framed in black.
        """
        from PIL import Image as pillow

        way = pillow.Resampling[self.interpolation.upper()]
        if self.resize is None:
            scaled = image.resize((self.size, self.size), way)
            return np.asarray(scaled)
        width, height = image.size
        short, long = min(width, height), max(width, height)
        new = max(1, int(self.resize * long / short))
        shape = (self.resize, new) if width <= height else (new, self.resize)
        if new > _LONGEST * self.resize:  # a strip: cut first, its ends would not be seen anyway
            image, shape = _middle(image, short), (self.resize, self.resize)
        scaled = image if image.size == shape else image.resize(shape, way)
        return np.asarray(_cut(scaled, self.size, self.half))


_LONGEST = 64  # times the shorter side, beyond which a strip is cut before it is scaled


def _cut(image: Image, size: int, half: Half) -> Image:
    start = round if half == "even" else math.floor
    left, top = (start((side - size) / 2) for side in image.size)
    return image.crop((left, top, left + size, top + size))


def _middle(image: Image, short: int) -> Image:
    keep = 3 * short
    width, height = min(image.size[0], keep), min(image.size[1], keep)
    left, top = (image.size[0] - width) // 2, (image.size[1] - height) // 2
    return image.crop((left, top, left + width, top + height))


def resize_side(size: int, crop: float) -> int:
    """Return timm's length of the shorter side for a crop of that share.

    >>> resize_side(224, 0.875)
    256
    """
    return math.floor(size / crop)
