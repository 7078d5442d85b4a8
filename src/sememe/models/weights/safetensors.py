"""Reading the tensors of a checkpoint: safetensors alone, as anything pickled may run code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[Any]]

WEIGHTS = "model.safetensors"
_SHARDS = "model.safetensors.index.json"
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "model.pt")
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip


def weight_files(folder: Path) -> list[Path]:
    """Return the files with the weights of a checkpoint, in one piece or several.

    Raises:
        InvalidInputError: There are none, or none in a format that cannot run code.
        CorruptFileError: The list of the pieces is damaged, or a piece is missing.
    """
    import json

    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / _SHARDS).is_file():
        try:
            names = set(json.loads((folder / _SHARDS).read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, AttributeError) as error:
            raise CorruptFileError(f"{folder / _SHARDS} is damaged: {error!r}") from error
        files = [folder / name for name in sorted(names)]
        if missing := [path.name for path in files if not path.is_file()]:
            raise CorruptFileError(f"{folder} lacks {', '.join(missing)}. Fetch it anew")
        return files
    if pickled := next((name for name in _PICKLED if (folder / name).exists()), None):
        raise InvalidInputError(
            f"{folder} holds its weights as {pickled}, which may run code when it is opened; "
            f"sememe reads {WEIGHTS}. Convert it where you trust it: from transformers import "
            f"AutoModel; AutoModel.from_pretrained({str(folder)!r}).save_pretrained('NEW')"
        )
    raise InvalidInputError(f"{folder} holds no {WEIGHTS}. Give the folder of a checkpoint")


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a safetensors file by name, half precision as float32.

    Raises:
        CorruptFileError: The file is cut off or damaged, or of a type sememe does not know.
        MissingExtraError: The package safetensors is not installed.
    """
    library = require("safetensors", "reading a checkpoint")
    try:
        entries = library.deserialize(path.read_bytes())
    except library.SafetensorError as error:
        raise CorruptFileError(f"{path} is damaged ({error}). Fetch it anew") from error
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
