"""Drawing of plots: colours for values, axes with round numbers, PNG."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._lazy import require

# From faint to strong: night, violet, rose, amber, straw. Lightness only grows, so that the plot
# reads the same in grey.
_ANCHORS = (
    (8, 8, 24), (44, 22, 84), (98, 30, 120), (158, 44, 110), (210, 76, 78), (238, 128, 48),
    (250, 186, 62), (252, 238, 170),
)  # fmt: skip
INK, PAPER, FAINT = (40, 40, 48), (255, 255, 255), (214, 214, 222)


def map_colours(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return (..., 3) colours of values from 0, night, to 1, straw.

    >>> map_colours(np.array([0.0, 1.0])).tolist()
    [[8, 8, 24], [252, 238, 170]]
    """
    anchors = np.array(_ANCHORS, np.float64)
    values_of_anchors = np.linspace(0, 1, len(anchors))
    x = np.clip(values, 0, 1)
    channels = [np.interp(x, values_of_anchors, anchors[:, i]) for i in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours


def choose_ticks(length: float, most: int) -> list[float]:
    """Return round numbers from 0 to a length, in at most so many steps of 1, 2 or 5 times tens.

    >>> choose_ticks(7.2, 4)
    [0.0, 2.0, 4.0, 6.0]
    """
    if length <= 0:
        return [0.0]
    rough = length / most
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(s * scale for s in (1, 2, 5, 10) if s * scale >= rough * (1 - 1e-9))
    return [i * step for i in range(int(length / step + 1e-9) + 1)]


def choose_time_ticks(seconds: float, most: int) -> list[tuple[float, str]]:
    """Return ticks of a time axis and their labels: seconds, from two minutes on m:ss or h:mm:ss.

    >>> choose_time_ticks(300.0, 3)
    [(0.0, '0:00'), (120.0, '2:00'), (240.0, '4:00')]
    """
    if seconds < 120:
        return [(at, f"{at:.6g}") for at in choose_ticks(seconds, most)]
    steps = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400)
    step = next((s for s in steps if s * most >= seconds), 86_400 * math.ceil(seconds / 864_000))
    return [(float(at), _format_time(at, seconds)) for at in range(0, int(seconds) + 1, step)]


def encode_png(pixels: NDArray[np.uint8], texts: list[tuple[float, float, str, str]]) -> bytes:
    """Return (height, width, 3) pixels, with texts drawn on them, as the bytes of a PNG.

    texts: (x, y, what, anchor), anchored as Pillow has it: "rm" is the middle of the right end.

    Raises:
        MissingExtraError: If Pillow is not installed.
    """
    for name in ("PIL.Image", "PIL.ImageDraw", "PIL.ImageFont"):
        require(name, "plotting audio")
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    font: Any = ImageFont.load_default(size=12)
    for x, y, what, anchor in texts:
        draw.text((x, y), what, fill=INK, font=font, anchor=anchor)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False)
    return out.getvalue()


def _format_time(at: int, whole: float) -> str:
    minutes, seconds = divmod(at, 60)
    if whole < 3600:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
