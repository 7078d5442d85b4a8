"""Read the weights of a file as torch tensors, without running code in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sememe._lazy import require
from sememe.models.weights.checkpoint import read_weights


def read_torch_state(path: Path) -> dict[str, Any]:
    """Return the tensors of a .safetensors file, or of a .bin, .pt or .pth file, for torch.

    Raises:
        InvalidInputError: If the file holds more than tensors, and might run code when opened.
        CorruptFileError: If it is damaged.
        MissingExtraError: If torch or safetensors is not installed.
    """
    torch = require("torch", f"opening {path.name}")
    return {name: torch.from_numpy(np.array(array)) for name, array in read_weights([path]).items()}
