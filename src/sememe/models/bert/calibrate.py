"""Calibrate the int8 form of a sentence encoder, once for each set of weights.

The ranges of the catalogue's models come with the package, in `ranges`. Others are kept in the
user's cache folder (`$XDG_CACHE_HOME/sememe`, else `~/.cache/sememe`) under the weights' hash: a
few kilobytes, which save ten seconds at the next loading. If the folder cannot be written, they are
measured again.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.models.bert.engine import SentenceEngine
from sememe.models.bert.int8 import Int8, Key, Range, measure_ranges
from sememe.models.bert.weights import BertWeights
from sememe.models.onnx.transformer import Products, in_float32
from sememe.models.weights.cache import cache_folder, keep

Encode = Callable[[list[str]], list[list[int]]]
LEAST_COSINE = 0.98  # to the float32 form, in the mean over the sample texts
_SHIPPED = Path(__file__).parent / "ranges"
_MAX_TOKENS = 60  # of a sample text
_VERSION = 2  # of the files, of how ranges are measured, and of the arithmetic
INT8 = f"int8-{_VERSION}"  # in fingerprints


def calibrate_int8(
    weights: BertWeights, encode: Encode, *, key: str, pooling: Sequence[str] = ("mean",)
) -> Int8:
    """Return the products of the network in int8, calibrated now or before.

    encode: Texts to token ids, special tokens included. key: Of the weights and the tokenizer.
    InvalidInputError if sentence vectors differ too much from those in float32.
    """
    name = f"{INT8}-{key}.npz"
    path = cache_folder() / name
    for file in (_SHIPPED / name, path):
        if (ranges := _load(file)) is not None:
            return Int8(ranges)
    texts = _read_sample_texts()
    random.Random(0).shuffle(texts)
    ids = [row[: min(_MAX_TOKENS, weights.max_tokens)] for row in encode(texts)]
    half = len(ids) // 2
    ranges = measure_ranges(weights, ids)
    int8 = Int8(ranges)
    forms: tuple[Products, ...] = (in_float32, int8)
    exact, whole = (
        SentenceEngine(weights, pooling=pooling, products=form, threads=1).forward(ids[half:])
        for form in forms
    )
    cosine = float((exact * whole).sum(axis=1).mean())
    if not cosine >= LEAST_COSINE:
        raise InvalidInputError(
            f"in int8 this network's vectors have a cosine of {cosine:.3f} to those in float32, "
            f"and {LEAST_COSINE} is the least. Load it without :int8."
        )
    keep(path, _pack(ranges, cosine))
    return int8


def _read_sample_texts() -> list[str]:
    """Read the Korean and English texts of the package."""
    lines = files("sememe").joinpath("app/samples/samples.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["text"] for line in lines.splitlines()]


def _load(path: Path) -> dict[Key, Range] | None:
    """Read ranges from a file; None if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            keys = json.loads(str(file["places"]))
            scales, zeros = file["scales"].astype(np.float32), file["zeros"].astype(np.uint8)
            floors = [None if np.isnan(floor) else floor for floor in file["floors"]]
            channels = {name: file[name] for name in file.files if name.startswith("channels")}
        rows = zip(keys, scales, zeros, floors, strict=True)
        return {
            (number, name): Range(scale, zero, channels.get(f"channels{i}"), floor)
            for i, ((number, name), scale, zero, floor) in enumerate(rows)
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _pack(ranges: dict[Key, Range], cosine: float) -> bytes:
    """Return the ranges as the bytes of an .npz file."""
    values = ranges.values()
    arrays: dict[str, Any] = {
        "cosine": np.float64(cosine),
        "places": np.str_(json.dumps(list(ranges))),
        "scales": np.array([one.scale for one in values]),
        "zeros": np.array([one.zero for one in values]),
        "floors": np.array([one.floor for one in values], np.float32),  # NaN for none
    }
    channels = {f"channels{i}": one.channels for i, one in enumerate(values)}
    arrays |= {name: array for name, array in channels.items() if array is not None}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()
