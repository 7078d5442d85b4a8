"""Making the int8 form of a sentence encoder, once for each set of weights.

What is measured is kept in the user's cache folder (`$XDG_CACHE_HOME/sememe`, else
`~/.cache/sememe`) under the weights' hash: a few kilobytes, which save some seconds at the next
loading. A folder that cannot be written costs those seconds, nothing else.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import InvalidInputError
from sememe.models.bert.engine import SentenceEngine
from sememe.models.bert.int8 import Int8, Range, measure_ranges
from sememe.models.onnx.transformer import in_float32
from sememe.models.weights.cache import cache_folder, keep

if TYPE_CHECKING:
    from sememe.models.bert.int8 import Place
    from sememe.models.bert.weights import BertWeights
    from sememe.models.onnx.transformer import Products

    Encode = Callable[[list[str]], list[list[int]]]

LEAST_COSINE = 0.98  # to the float32 form, in the mean over the sample texts
_CUT = 60  # tokens of a sample text
_FORMAT = 1  # of the files, and of how ranges are measured


def calibrate_int8(
    weights: BertWeights, encode: Encode, *, key: str, pooling: Sequence[str] = ("mean",)
) -> Int8:
    """Return the products of the network in int8, measured now or read from the cache.

    encode: texts to token ids, marks included. key: names the weights and the tokenizer.

    Raises:
        InvalidInputError: Sentence vectors would differ too much from those in float32.
    """
    path = cache_folder() / f"int8-{_FORMAT}-{key}.npz"
    if (kept := _read(path)) is not None:
        return Int8(kept)
    texts = read_sample_texts()
    random.Random(0).shuffle(texts)
    longest = min(_CUT, weights.max_tokens)
    ids = [row[:longest] for row in encode(texts)]
    half = len(ids) // 2
    ranges = measure_ranges(weights, ids)
    forms: tuple[Products, ...] = (in_float32, Int8(ranges))
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
    keep(path, _packed(ranges, cosine))
    return Int8(ranges)


def read_sample_texts() -> list[str]:
    """Return the Korean and English texts that come with the package."""
    lines = files("sememe").joinpath("app/samples/samples.jsonl").read_text(encoding="utf-8")
    return [json.loads(line)["text"] for line in lines.splitlines()]


def _read(path: Path) -> dict[Place, Range] | None:
    """Return the ranges in a file, None if there is no such file or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            places = json.loads(str(file["places"]))
            scales, zeros = file["scales"].astype(np.float32), file["zeros"].astype(np.uint8)
            channels = {name: file[name] for name in file.files if name.startswith("channels")}
        if not len(places) == len(scales) == len(zeros):
            return None
        return {
            (number, name): Range(scales[i], zeros[i], channels.get(f"channels{i}"))
            for i, (number, name) in enumerate(places)
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _packed(ranges: dict[Place, Range], cosine: float) -> bytes:
    """Return the ranges as the bytes of an .npz file."""
    arrays: dict[str, Any] = {
        f"channels{i}": found.channels
        for i, found in enumerate(ranges.values())
        if found.channels is not None
    }
    packed = io.BytesIO()
    np.savez(
        packed,
        cosine=np.float64(cosine),
        places=np.str_(json.dumps(list(ranges))),
        scales=np.array([found.scale for found in ranges.values()]),
        zeros=np.array([found.zero for found in ranges.values()]),
        **arrays,
    )
    return packed.getvalue()
