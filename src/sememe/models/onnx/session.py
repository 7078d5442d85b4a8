"""Run ONNX graphs on CPU: those written here, and files exported elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from sememe._errors import CorruptFileError
from sememe._onnxruntime import import_onnxruntime, make_session_options
from sememe._types import FloatArray
from sememe.models.onnx.builder import LargeGraph

_DTYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


def open_session(graph: bytes | Path | LargeGraph, *, threads: int = 1) -> Any:
    """Open a graph, or a file of one, in ONNX Runtime.

    threads: 1 runs it on the calling thread alone; others sleep while they wait for work.
    """
    onnxruntime, options = import_onnxruntime(), make_session_options(threads)
    options.enable_mem_pattern = False  # it plans for one batch shape, and ours never repeat
    model, arrays = graph if isinstance(graph, LargeGraph) else (graph, {})
    make_value = onnxruntime.OrtValue.ortvalue_from_numpy
    values = {name: make_value(array) for name, array in arrays.items()}
    if values:
        options.add_external_initializers(list(values), list(values.values()))
    data = str(model) if isinstance(model, Path) else model
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    session.external_values = values  # some are read without a copy: they must live as long
    return session


def run_into(session: Any, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """Run a session and let it write each output into an array, without a copy."""
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_cpu_input(name, array)
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    session.run_with_iobinding(binding)


class LazySession:
    """A session that is opened when it is first needed, and can be closed to free memory.

    make: Makes the graph. threads: Of one run. Safe to share between threads: one opens it, the
    others wait for it.
    """

    def __init__(self, make: Callable[[], bytes | Path | LargeGraph], *, threads: int = 1) -> None:
        self._make = make
        self._threads = threads
        self._lock = Lock()
        self._session: Any = None

    def open(self) -> Any:
        """Return the session, opening it if that is not done."""
        with self._lock:
            if self._session is None:
                self._session = open_session(self._make(), threads=self._threads)
            return self._session

    def run(
        self, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None
    ) -> list[FloatArray]:
        """Return the outputs, by default all, in the order of the graph's."""
        results: list[FloatArray] = self.open().run(outputs, inputs)
        return results

    def release(self) -> None:
        """Close the session; the next run opens it again."""
        with self._lock:
            self._session = None


class OnnxFile:
    """An ONNX file that was exported elsewhere.

    Attributes:
        path: The file.
        inputs: Names of its inputs, with their types as ONNX Runtime names them.
        outputs: Names of its outputs, with their shapes.
    """

    def __init__(self, path: Path) -> None:
        """Open the file; CorruptFileError if ONNX Runtime cannot."""
        self.path = path
        try:
            self._session = open_session(path)
        except Exception as error:  # ONNX Runtime has many classes of them
            raise CorruptFileError(f"{path} cannot be opened: {error}. Fetch it anew") from error
        self.inputs: dict[str, str] = {one.name: one.type for one in self._session.get_inputs()}
        outputs = self._session.get_outputs()
        self.outputs: dict[str, list[Any]] = {one.name: list(one.shape) for one in outputs}

    def run(self, output: str, values: Mapping[str, Any]) -> FloatArray:
        """Return one output as float32; CorruptFileError if ONNX Runtime cannot run the file.

        values: Inputs of any numeric type, cast to what the file takes; others are left out.
        """
        inputs = {
            name: values[name].astype(_DTYPES.get(kind, np.float32), copy=False)
            for name, kind in self.inputs.items()
        }
        try:
            result = self._session.run([output], inputs)[0]
        except Exception as error:
            raise CorruptFileError(f"{self.path} does not run: {error}") from error
        return np.asarray(result, np.float32)
