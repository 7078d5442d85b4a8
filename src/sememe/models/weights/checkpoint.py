"""The weights of a checkpoint: their files, and the tensors by name.

safetensors files are preferred. Many older networks were published as pytorch_model.bin alone;
families that allow it read that file without running code in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import expect_valid, read_json
from sememe.models.weights.safetensors import WEIGHTS, Tensors, read_tensors
from sememe.models.weights.torch_pickle import read_torch_file

_TORCH = "pytorch_model.bin"
_PICKLED = (_TORCH, f"{_TORCH}.index.json", "tf_model.h5", "model.pt")


def weight_files(folder: Path, *, torch: bool = False) -> tuple[Path, ...]:
    """Return the files with the weights of a checkpoint, in one piece or several.

    torch: Whether pytorch_model.bin counts too, where there is no safetensors file.

    Raises:
        InvalidInputError: If there are none, or none that can be read safely.
        CorruptFileError: If the list of the pieces is damaged, or a piece is missing.
    """
    for name in (WEIGHTS, _TORCH) if torch else (WEIGHTS,):
        if files := _find_pieces(folder, name):
            return files
    if pickled := next((name for name in _PICKLED if (folder / name).exists()), None):
        raise InvalidInputError(
            f"{folder} holds its weights as {pickled}, which may run code when it is opened; "
            f"sememe reads {WEIGHTS}. Convert it where you trust it: from transformers import "
            f"AutoModel; AutoModel.from_pretrained({str(folder)!r}).save_pretrained('NEW')"
        )
    raise InvalidInputError(f"{folder} holds no {WEIGHTS}. Give the folder of a checkpoint")


def _find_pieces(folder: Path, name: str) -> tuple[Path, ...]:
    """Return the file of that name, or the pieces that its index lists; () if there is neither."""
    if (folder / name).is_file():
        return (folder / name,)
    index = folder / f"{name}.index.json"
    document = read_json(index, missing=None)
    if document is None:
        return ()
    with expect_valid(index):
        files = tuple(folder / str(piece) for piece in sorted(set(document["weight_map"].values())))
    if missing := [path.name for path in files if not path.is_file()]:
        raise CorruptFileError(f"{folder} lacks {', '.join(missing)}. Fetch it anew")
    return files


def read_weights(files: Iterable[Path]) -> Tensors:
    """Read the tensors of all files by name; raises as `read_tensors` and `read_torch_file`."""
    tensors: Tensors = {}
    for path in files:
        tensors |= read_tensors(path) if path.suffix == ".safetensors" else read_torch_file(path)
    return tensors
