r"""Run tests as on another processor: what networks give differs in its last bits.

    OPENBLAS_CORETYPE=Nehalem ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 \
        python -m pytest -p tests.other_processor tests/index tests/encoders

The three switches lower what OpenBLAS (NumPy), PyTorch and oneDNN use; on AMD's Zen without AVX-512
OPENBLAS_CORETYPE=Haswell changes nothing. ONNX Runtime has no such switch, so its results are moved
by what another order of sums changes in them: up to 3e-7 of the largest number.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import onnxruntime
import pytest

_MOST = 3e-7


def move_last_bits(patch: pytest.MonkeyPatch, *, seed: int = 0) -> None:
    """Move the float32 results of every ONNX Runtime session, until the patch is undone.

    The same call moves them the same way; a copy in another batch is moved in another way.
    """
    run = onnxruntime.InferenceSession.run

    def moved(self: Any, names: Any, inputs: Any, *more: Any) -> list[Any]:
        digest = seed
        for values in inputs.values():
            digest = zlib.crc32(np.ascontiguousarray(values).tobytes(), digest)
        generator = np.random.default_rng(digest)
        return [_moved(one, generator) for one in run(self, names, inputs, *more)]

    patch.setattr(onnxruntime.InferenceSession, "run", moved)


def _moved(result: Any, generator: np.random.Generator) -> Any:
    if not isinstance(result, np.ndarray) or result.dtype != np.float32 or not result.size:
        return result
    most = _MOST * np.abs(result[np.isfinite(result)]).max(initial=0)
    return result + generator.uniform(-most, most, result.shape).astype(np.float32)


def pytest_configure() -> None:
    """Do so for the whole run."""
    move_last_bits(pytest.MonkeyPatch())
