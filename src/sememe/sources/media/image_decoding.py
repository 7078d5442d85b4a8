"""Decode images of any format to upright RGB.

    orientation     applied from EXIF, so that the image is encoded as it is displayed
    palette, grey   converted to RGB
    CMYK            converted, after inverting what Adobe stored inverted
    16 bits         scaled to 8 by the range of 65,535, never clipped
    alpha           composited on white
    animated        the first frame
    too large       refused by the size in the header, before any pixel is decoded

Cropping and scaling are left to each model (`sememe.models.image.preprocess`).
"""

from __future__ import annotations

import base64
import io
import threading
import warnings
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe.sources.magic_bytes import describe_unreadable
from sememe.sources.open_file import open_bytes, reason

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 178_956_970  # Pillow's own limit: 512 MB as RGB
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "AVIF", "PPM")
_TOO_LARGE = f"too large, at most {MAX_PIXELS / 1e6:.0f} million pixels are unpacked"
_DECODER_ERRORS = (OSError, MemoryError, ValueError, SyntaxError, EOFError, IndexError, TypeError)
_ROWS = 256


def make_thumbnail(content: Any, side: int) -> str:
    """Return a small JPEG of an image as a data URI, its longer side at most `side` pixels.

    Raises the errors of `open_image`.
    """
    image = open_image(content)
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


class _IgnoredWarnings:
    """Ignores Pillow's warnings (odd EXIF, sizes); what matters is raised.

    Warning filters are process-wide and images are read in several threads, so the first thread to
    enter sets the filter and the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._kept = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._kept = warnings.catch_warnings()
                self._kept.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._kept.__exit__(None, None, None)


_IGNORED_WARNINGS = _IgnoredWarnings()


def open_image(content: Any, *, least_side: int | None = None) -> Image:
    """Decode an image, upright and in RGB; see the top of this module.

    content: A path, the bytes of a file, a uint8 array (height, width), (height, width, 3) or
    (height, width, 4), or an image of Pillow. least_side: Width and height, in pixels, that
    suffice: a larger JPEG file is decoded at a half, a quarter or an eighth of its size, which
    takes a fraction of the time.

    Raises:
        CorruptFileError: It is not an image, truncated, damaged or too large.
        InvalidInputError: Content of another type.
        MissingExtraError: Pillow is not installed.
    """
    image = _open(content)
    try:
        with _IGNORED_WARNINGS:
            if least_side is not None and image is not content:
                image.draft(None, (least_side, least_side))
            return _to_upright_rgb(image)
    except _DECODER_ERRORS as error:
        raise _damage_error(error) from error


def read_image_metadata(content: Any) -> dict[str, str | int]:
    """Return "width" and "height", and "taken" (ISO time) if the camera recorded it.

    Raises the errors of `open_image`, as far as the header shows.
    """
    image = _open(content)
    width, height = image.size
    with _IGNORED_WARNINGS:
        if _read_orientation(image) >= 5:  # turned by 90 degrees
            width, height = height, width
        taken = _read_timestamp(image)
    return {"width": width, "height": height, **({"taken": taken} if taken else {})}


def _read_timestamp(image: Image) -> str:
    """Return the time the image was taken from EXIF, in ISO format, or ""."""
    try:
        exif = image.getexif()
        taken = exif.get_ifd(0x8769).get(0x9003) or exif.get(0x0132)
        return datetime.strptime(str(taken), "%Y:%m:%d %H:%M:%S").isoformat() if taken else ""
    except Exception:  # EXIF may be damaged in any way; the image counts
        return ""


def _open(content: Any) -> Image:
    """Open an image without decoding its pixels."""
    pillow = require("PIL.Image", "reading images")
    if type(content).__module__.partition(".")[0] == "PIL":
        image: Image = content
        _check_size(image.size)
        return image
    if type(content).__module__ == "numpy":
        return _from_array(content)
    if isinstance(content, str | PathLike):
        try:
            with open_bytes(Path(content)) as stream:
                content = stream.read()
        except OSError as error:
            raise CorruptFileError(reason(error)) from error
    if not isinstance(content, bytes | bytearray | memoryview):
        raise InvalidInputError(
            f"an image is {type(content).__name__}; give a path, the bytes of a file, an array of "
            "uint8 (height, width, 3), or a Pillow image"
        )
    data = bytes(content)
    if not data:
        raise CorruptFileError("empty: it holds no bytes")
    try:
        with _IGNORED_WARNINGS:
            pillow.init()
            known = [name for name in FORMATS if name in pillow.OPEN]
            opened: Image = pillow.open(io.BytesIO(data), formats=known)
    except pillow.DecompressionBombError as error:
        raise CorruptFileError(_TOO_LARGE) from error
    except pillow.UnidentifiedImageError:
        raise CorruptFileError(describe_unreadable(data[:64], "image", "an image")) from None
    except _DECODER_ERRORS as error:
        raise _damage_error(error) from error
    _check_size(opened.size)
    return opened


def _from_array(array: Any) -> Image:
    from PIL import Image

    is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not is_image or 0 in array.shape:
        raise InvalidInputError(
            f"an image is an array of {array.dtype}, shape {array.shape}; give uint8 of shape "
            "(height, width), (height, width, 3) or (height, width, 4)"
        )
    _check_size((array.shape[1], array.shape[0]))
    return Image.fromarray(np.ascontiguousarray(array))


def _to_upright_rgb(image: Image) -> Image:
    from PIL import Image as pillow
    from PIL import ImageOps

    if getattr(image, "n_frames", 1) > 1:
        image.seek(0)
    turned = _read_orientation(image)
    image.load()
    if turned > 1:
        image = ImageOps.exif_transpose(image)
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        return _to_eight_bits(image)
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = pillow.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image) -> Image:
    """Scale greyscale of 16 or more bits, or of floats, to 8 bits, by the range of its type."""
    from PIL import Image as pillow

    values = np.asarray(image)
    usual = 1 if image.mode == "F" else 65535  # an image beyond this uses its own range
    finite = np.isfinite(values)
    low = float(values.min(initial=0, where=finite)) if image.mode == "F" else 0.0
    high = float(values.max(initial=usual, where=finite))
    eight = np.empty(values.shape, np.uint8)
    for row in range(0, len(values), _ROWS):  # in blocks, to save memory
        some = np.nan_to_num(values[row : row + _ROWS].astype(np.float32), posinf=0.0, neginf=0.0)
        scaled = np.clip((some - low) * (255 / (high - low)), 0, 255)
        eight[row : row + _ROWS] = np.rint(scaled)
    return pillow.fromarray(eight).convert("RGB")


def _read_orientation(image: Image) -> int:
    """Return the EXIF orientation, 1 if there is none or it is invalid."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # EXIF may be damaged in any way; the image counts
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise CorruptFileError(f"{width} x {height} pixels: {_TOO_LARGE}")
    if width < 1 or height < 1:
        raise CorruptFileError(f"{width} x {height} pixels: there is nothing to see")


def _damage_error(error: BaseException) -> CorruptFileError:
    if isinstance(error, MemoryError):
        return CorruptFileError("too large for this machine's memory")
    message = " ".join(str(error).split())[:120]
    return CorruptFileError(f"cut off or damaged ({message or type(error).__name__})")
