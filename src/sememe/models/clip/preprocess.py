"""Read how images are prepared for CLIP, from the config of transformers or open_clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from sememe._errors import InvalidInputError
from sememe._persistence import expect_valid
from sememe.models.image.preprocess import Interpolation, Preprocess

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_RESAMPLE: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


def read_preprocess(facts: Mapping[str, Any], where: str) -> Preprocess:
    """Read a preprocessor_config.json of transformers; the defaults are CLIP's.

    where: Name of the file, for messages.

    Raises:
        InvalidInputError: If sememe cannot prepare images so.
        CorruptFileError: If an entry makes no sense.
    """
    if facts.get("do_resize") is False or facts.get("do_rescale") is False:
        _refuse(where, "does not scale images, or their values")
    factor = facts.get("rescale_factor", 1 / 255)
    with expect_valid(where):
        if abs(float(factor) * 255 - 1) > 1e-6:
            _refuse(where, f"multiplies values by {factor} and not by 1/255")
        size, resize = _read_sizes(facts, where)
        plain = facts.get("do_normalize") is False
        mean = (0, 0, 0) if plain else facts.get("image_mean") or _MEAN
        std = (1, 1, 1) if plain else facts.get("image_std") or _STD
        way = _RESAMPLE.get(int(facts.get("resample", 3)))
        if way is None:
            _refuse(where, f"scales by resample={facts['resample']}")
        facts = {"size": size, "resize": resize, "interpolation": way, "half": "below"}
        return Preprocess.of(facts | {"mean": mean, "std": std})


def read_open_clip_preprocess(facts: Mapping[str, Any], *, size: int, where: str) -> Preprocess:
    """Read the preprocessing of an open_clip_config.json; raises as `read_preprocess`.

    size: Of the images that the network reads.
    """
    with expect_valid(f"{where}: preprocess_cfg"):
        given = facts.get("preprocess_cfg") or {}
        way = given.get("interpolation") or "bicubic"
        mode = given.get("resize_mode") or "shortest"
        if mode not in ("shortest", "squash"):
            _refuse(where, f"scales by resize_mode={mode!r}")
        resize = size if mode == "shortest" else None
        way = "bicubic" if way == "random" else way  # random in training only
        colours = {"mean": given.get("mean") or _MEAN, "std": given.get("std") or _STD}
        return Preprocess.of({"size": size, "resize": resize, "interpolation": way} | colours)


def _read_sizes(facts: Mapping[str, Any], where: str) -> tuple[int, int | None]:
    """Return the side of the image, and the length its shorter side is scaled to or None."""
    size = facts.get("size", 224)
    size = {"shortest_edge": size} if isinstance(size, int) else size
    edge = size.get("shortest_edge") if isinstance(size, dict) else None
    cuts = facts.get("do_center_crop", True)
    if edge is None:
        square = _read_square(size, where)
        if cuts and _read_square(facts.get("crop_size") or square, where) != square:
            _refuse(where, "scales images to one square and cuts another")
        return square, None
    if not cuts:
        _refuse(where, "scales the shorter side and cuts nothing, so that images differ in shape")
    return _read_square(facts.get("crop_size") or 224, where), int(edge)


def _read_square(size: Any, where: str) -> int:
    if isinstance(size, dict):
        height, width = int(size["height"]), int(size["width"])
        if height != width:
            _refuse(where, f"makes images of {width} x {height} pixels, and no squares")
        return height
    return int(size)


def _refuse(where: str, what: str) -> NoReturn:
    raise InvalidInputError(
        f"{where} {what}; sememe scales images, cuts out a square and divides by 255. Take "
        "another checkpoint"
    )
