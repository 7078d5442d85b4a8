"""Import ONNX Runtime without the record of its use that it keeps."""

from __future__ import annotations

import os
from typing import Any


def import_onnxruntime() -> Any:
    """Import ONNX Runtime.

    It would keep a record of its use in the user's home, to be sent. That is switched off unless
    the environment sets ORT_DISABLE_TELEMETRY itself.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
