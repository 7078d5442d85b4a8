"""Read the weights of a file as torch tensors, without running code in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def read_torch_state(path: Path) -> dict[str, Any]:
    """Return the tensors of a .safetensors file, or of a .bin, .pt or .pth file, for torch.

    Raises:
        InvalidInputError: If the file holds more than tensors, and might run code when opened.
        CorruptFileError: If it is damaged.
        MissingExtraError: If torch or safetensors is not installed.
    """
    from sememe._lazy import require
    from sememe.models.weights.safetensors import read_tensors
    from sememe.models.weights.torch_pickle import read_torch_file

    torch = require("torch", f"opening {path.name}")
    read = read_tensors if path.suffix == ".safetensors" else read_torch_file
    return {name: torch.from_numpy(np.array(array)) for name, array in read(path).items()}
