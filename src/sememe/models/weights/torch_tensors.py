"""Read the weights of a file as torch tensors, without running code in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sememe._lazy import require
from sememe.models.weights.checkpoint import read_weights


def read_torch_state(path: Path) -> dict[str, Any]:
    """Return the tensors of a .safetensors, .bin, .pt or .pth file; see `read_weights`."""
    torch = require("torch", f"opening {path.name}")
    return {name: torch.from_numpy(np.array(array)) for name, array in read_weights([path]).items()}
