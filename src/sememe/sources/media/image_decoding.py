"""Image files to pixels: whatever they hold becomes one upright RGB picture, or a reason why not.

    orientation     as the camera noted it (EXIF), so that what people see is what is encoded
    palette, grey   their colours
    CMYK            converted, inverted first where Adobe stored it inverted
    16 bits         scaled to 8 by the file's range of 65,535, never cut off
    alpha           laid on white
    animated        the first picture
    too large       refused by the size that the header declares, before any pixel is unpacked

Nothing else is done to the pixels: cutting and scaling are each model's own
(`sememe.models.image.preprocess`).
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

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe.sources.magic_bytes import describe_format
from sememe.sources.open_file import open_bytes, reason

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 178_956_970  # Pillow's own bound for refusing: 512 MB as RGB
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP", "AVIF", "PPM")
_HEAD = 64
_ROWS = 256


def make_thumbnail(content: Any, side: int) -> str:
    """Return a small JPEG of a picture as a data URI, its longer side at most `side` pixels.

    Raises:
        CorruptFileError, InvalidInputError, MissingExtraError: As `open_image`.
    """
    image = open_image(content)
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


class _Quiet:
    """Keeps Pillow's warnings (odd EXIF, sizes) from people: what matters to them is raised.

    The filters of warnings are the whole process's, and pictures are read in several threads: who
    comes first sets them, and who goes last puts back what was.
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


_QUIET = _Quiet()


def open_image(content: Any) -> Image:
    """Return the picture in a file, upright and in RGB; see the top of this module.

    content: a path, the bytes of a file, an array (height, width), (height, width, 3) or
    (height, width, 4) of uint8, or a picture of Pillow.

    Raises:
        CorruptFileError: It is no image, cut off, damaged or too large; the reason for people.
        InvalidInputError: Content of another type.
        MissingExtraError: Pillow is not installed.
    """
    image = _open(content)
    try:
        with _QUIET:
            return _to_upright_rgb(image)
    except (
        OSError,
        MemoryError,
        ValueError,
        SyntaxError,
        EOFError,
        IndexError,
        TypeError,
    ) as error:
        raise _damage_error(error) from error


def read_image_metadata(content: Any) -> dict[str, str | int]:
    """Return "width" and "height", and "taken" (ISO time) where the camera noted it.

    Raises:
        CorruptFileError, InvalidInputError, MissingExtraError: As `open_image`, so far as the
            header tells.
    """
    image = _open(content)
    width, height = image.size
    facts: dict[str, str | int] = {"width": width, "height": height}
    with _QUIET:
        if _read_orientation(image) in (5, 6, 7, 8):
            facts = {"width": height, "height": width}
        if taken := _read_timestamp(image):
            facts["taken"] = taken
    return facts


def _read_timestamp(image: Image) -> str:
    """Return when the camera says that the picture was taken, as an ISO time, "" if never."""
    try:
        exif = image.getexif()
        found = exif.get_ifd(0x8769).get(0x9003) or exif.get(0x0132)
        return datetime.strptime(str(found), "%Y:%m:%d %H:%M:%S").isoformat() if found else ""
    except Exception:  # EXIF of any camera, damaged in any way: the picture counts
        return ""


def _open(content: Any) -> Image:
    """Open an image without unpacking its pixels."""
    pillow = require("PIL.Image", "reading images")
    if _is_image(content):
        image: Image = content
        _check_size(image.size)
        return image
    if type(content).__module__ == "numpy":
        return _from_array(content)
    if isinstance(content, str | PathLike):
        content = _read(Path(content))
    if not isinstance(content, bytes | bytearray | memoryview):
        raise InvalidInputError(
            f"an image is {type(content).__name__}; give a path, the bytes of a file, an array of "
            "uint8 (height, width, 3), or a picture of Pillow"
        )
    data = bytes(content)
    if not data:
        raise CorruptFileError("empty: it holds no bytes")
    try:
        with _QUIET:
            pillow.init()
            known = [name for name in FORMATS if name in pillow.OPEN]
            found: Image = pillow.open(io.BytesIO(data), formats=known)
    except pillow.DecompressionBombError as error:
        raise CorruptFileError(_describe_limit()) from error
    except pillow.UnidentifiedImageError:
        what = describe_format(data[:_HEAD])
        raise CorruptFileError(
            f"cut off or damaged (by its first bytes {what})"
            if what and "image" in what
            else f"not an image{f': by its first bytes {what}' if what else ''}"
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, MemoryError) as error:
        raise _damage_error(error) from error
    _check_size(found.size)
    return found


def _read(path: Path) -> bytes:
    try:
        with open_bytes(path) as stream:
            return stream.read()
    except ValueError as error:  # NUL in its name
        raise CorruptFileError(f"no name of a file ({error})") from error
    except OSError as error:
        raise CorruptFileError(reason(error)) from error


def _from_array(array: Any) -> Image:
    import numpy as np
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
        laid = pillow.new("RGB", image.size, (255, 255, 255))
        laid.paste(image, mask=image.getchannel("A"))
        return laid
    return image if mode == "RGB" else image.convert("RGB")


def _to_eight_bits(image: Image) -> Image:
    """Scale grey of 16 bits (or more, or of decimals) to 8, by its type's range."""
    import numpy as np
    from PIL import Image as pillow

    values = np.asarray(image)
    usual = 1.0 if image.mode == "F" else 65535.0  # of another range: its own
    low, high = 0.0, usual
    if image.mode in ("F", "I"):
        known = values[np.isfinite(values)]
        low = min(float(known.min()), 0.0) if image.mode == "F" and known.size else 0.0
        high = max(float(known.max()), usual) if known.size else usual
    eight = np.empty(values.shape, np.uint8)
    for row in range(0, len(values), _ROWS):  # some at a time: a large picture fills the memory
        some = np.nan_to_num(values[row : row + _ROWS].astype(np.float32), posinf=0.0, neginf=0.0)
        scaled = np.clip((some - low) * (255 / (high - low)), 0, 255)
        eight[row : row + _ROWS] = np.rint(scaled)
    return pillow.fromarray(eight).convert("RGB")


def _read_orientation(image: Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it makes no sense."""
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:  # EXIF of any camera, damaged in any way: the picture counts
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise CorruptFileError(f"{width} x {height} pixels: {_describe_limit()}")
    if width < 1 or height < 1:
        raise CorruptFileError(f"{width} x {height} pixels: there is nothing to see")


def _describe_limit() -> str:
    return f"too large, at most {MAX_PIXELS / 1e6:.0f} million pixels are unpacked"


def _damage_error(error: BaseException) -> CorruptFileError:
    if isinstance(error, MemoryError):
        return CorruptFileError("too large for this machine's memory")
    said = " ".join(str(error).split())[:120]
    return CorruptFileError(f"cut off or damaged ({said or type(error).__name__})")


def _is_image(content: Any) -> bool:
    return type(content).__module__.partition(".")[0] == "PIL"
