"""Read the tensors of a safetensors file, which cannot run code as a pickle can."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe._lazy import require
from sememe._persistence import damage_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[Any]]

WEIGHTS = "model.safetensors"
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a safetensors file by name, half precision as float32.

    Raises:
        CorruptFileError: If the file is cut off or damaged, or of a type that sememe does not know.
        MissingExtraError: If safetensors is not installed.
    """
    library = require("safetensors", "reading a checkpoint")
    try:
        entries = library.deserialize(path.read_bytes())
    except library.SafetensorError as error:
        raise damage_error(path, str(error)) from error
    return {name: _array(path, name, entry) for name, entry in entries}


def _array(path: Path, name: str, entry: dict[str, Any]) -> NDArray[Any]:
    kind, shape = entry["dtype"], entry["shape"]
    if kind == "BF16":  # the upper half of a float32
        upper = np.frombuffer(entry["data"], "<u2").astype(np.uint32)
        return (upper << 16).view(np.float32).reshape(shape)
    if kind not in _DTYPES:
        known = ", ".join(["BF16", *_DTYPES])
        raise CorruptFileError(f"{path}: {name} has the type {kind}; sememe reads {known}")
    array = np.frombuffer(entry["data"], _DTYPES[kind]).reshape(shape)
    return array.astype(np.float32) if kind in ("F64", "F16") else array
