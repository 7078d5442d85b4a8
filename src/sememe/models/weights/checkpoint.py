"""The weights of a checkpoint in either form: safetensors, or what torch wrote.

Networks of sound are older than safetensors, most of them, and were published as .bin files; these
are read without running what may be in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import CorruptFileError
from sememe.models.weights.folder import read_json
from sememe.models.weights.safetensors import WEIGHTS, read_tensors, weight_files
from sememe.models.weights.torch_pickle import read_torch_file

if TYPE_CHECKING:
    from sememe.models.weights.safetensors import Tensors

_PICKLED = "pytorch_model.bin"


def any_weight_files(path: Path) -> tuple[Path, ...]:
    """Return the files of safetensors in a folder where there are some, else those of torch.

    Raises:
        InvalidInputError: There are neither.
        CorruptFileError: The list of pieces is damaged, or a piece is missing.
    """
    safe = (path / WEIGHTS).is_file() or (path / f"{WEIGHTS}.index.json").is_file()
    if safe:
        return tuple(weight_files(path))
    if (path / _PICKLED).is_file():
        return (path / _PICKLED,)
    pieces = read_json(path / f"{_PICKLED}.index.json", missing={})
    if not isinstance(pieces, dict):
        raise CorruptFileError(f"{path / _PICKLED}.index.json holds no object. Fetch it anew")
    if isinstance(named := pieces.get("weight_map"), dict):
        files = tuple(path / str(name) for name in sorted(set(named.values())))
        if missing := [file.name for file in files if not file.is_file()]:
            raise CorruptFileError(f"{path} lacks {', '.join(missing)}. Fetch it anew")
        return files
    return tuple(weight_files(path))  # says what is missing


def any_tensors(files: Iterable[Path]) -> Tensors:
    """Read the tensors of all files.

    Raises:
        CorruptFileError: A file is damaged.
        InvalidInputError: A .bin file holds more than tensors.
        MissingExtraError: The package safetensors is not installed.
    """
    found: Tensors = {}
    for path in files:
        found |= read_tensors(path) if path.suffix == ".safetensors" else read_torch_file(path)
    return found
