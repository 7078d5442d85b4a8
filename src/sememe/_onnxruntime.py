"""Import ONNX Runtime without the record of its use that it keeps, and the options of sessions."""

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


def make_session_options(threads: int) -> Any:
    """Return options of a session on CPU; threads: Of one run; they sleep while they wait."""
    options = import_onnxruntime().SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
