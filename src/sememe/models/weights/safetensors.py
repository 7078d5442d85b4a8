"""Read the tensors of a safetensors file, which cannot run code as a pickle can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._errors import CorruptFileError
from sememe._lazy import require
from sememe._persistence import damage_error

Tensors = dict[str, NDArray[Any]]

WEIGHTS = "model.safetensors"
_DTYPES = {
    "BF16": "<u2", "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a safetensors file by name, half precision as float32.

    Raises:
        CorruptFileError: If the file is truncated, damaged or of an unsupported type.
        MissingExtraError: If safetensors is not installed.
    """
    library = require("safetensors", "reading a checkpoint")
    try:
        entries = library.deserialize(path.read_bytes())
    except library.SafetensorError as error:
        raise damage_error(path, str(error)) from error
    return {name: _read_array(path, name, entry) for name, entry in entries}


def _read_array(path: Path, name: str, entry: dict[str, Any]) -> NDArray[Any]:
    kind = entry["dtype"]
    if kind not in _DTYPES:
        known = ", ".join(_DTYPES)
        raise CorruptFileError(f"{path}: {name} has the type {kind}; sememe reads {known}")
    flat = np.frombuffer(entry["data"], _DTYPES[kind])
    return widen(flat, bfloat=kind == "BF16").reshape(entry["shape"])


def widen(array: NDArray[Any], *, bfloat: bool) -> NDArray[Any]:
    """Return float16 and float64 as float32. bfloat: Whether uint16 are upper halves of float32."""
    if bfloat:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if array.dtype in (np.float64, np.float16) else array
