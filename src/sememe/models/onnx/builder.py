"""A little notation for writing ONNX graphs node by node, and sessions that run them on CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OPSET, _IR = 20, 10
_LARGE = 4096  # bytes of an array that may lie apart
_FUSED = "com.microsoft"  # ONNX Runtime's own operators


class Port(NamedTuple):
    """Type and shape of a graph's input or output; a dimension is a number or a name."""

    dtype: str
    shape: tuple[int | str, ...]


def floats(*shape: int | str) -> Port:
    """Return the port of a float32 array."""
    return Port("FLOAT", shape)


def whole(*shape: int | str, bits: int = 64) -> Port:
    """Return the port of an array of whole numbers."""
    return Port(f"INT{bits}", shape)


class Graph:
    """Nodes in the order of computing: `g("Add", a, b)` appends one and returns its output.

    Names are strings; "" stands for an optional input that is left out.

    Attributes:
        beside: With `apart`, the large arrays: name -> array. They are for `session`, and not in
            what `build` gives, which holds 2 GB at most and is copied more than once.
    """

    def __init__(self, *, apart: bool = False) -> None:
        self.beside: dict[str, NDArray[Any]] = {}
        self._apart = apart
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        return self.named(self._name(), op, *inputs, **attributes)

    def named(self, name: str, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node whose output goes by `name`, as a graph's own outputs do."""
        self._add(op, inputs, [name], **attributes)
        return name

    def fused(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator of ONNX Runtime that does the work of several; see `many`."""
        return self.many(op, *inputs, domain=_FUSED, **attributes)[0]

    def many(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Append a node and return the names of its outputs."""
        names = [f"{self._name()}_{i}" for i in range(outputs)]
        self._add(op, inputs, names, **attributes)
        return names

    def constant(self, value: Any) -> str:
        """Put an array into the graph."""
        from onnx import numpy_helper

        name, array = f"c{len(self._constants)}", np.ascontiguousarray(value)
        if self._apart and array.nbytes >= _LARGE and array.dtype == np.float32:
            self._constants.append(_mentioned(name, array))
            self.beside[name] = array
        else:
            self._constants.append(numpy_helper.from_array(array, name))
        return name

    def columns(self, x: str, start: int, stop: int) -> str:
        """Return the columns of a matrix from start to stop."""
        return self._slice(x, start, stop, axis=1)

    def rows(self, x: str, start: int, stop: int) -> str:
        """Return the rows of a matrix from start to stop."""
        return self._slice(x, start, stop, axis=0)

    def reshape(self, x: str, *shape: int) -> str:
        """Return the array in another shape; -1 stands for what is left."""
        return self("Reshape", x, self.constant(np.array(shape)))

    def build(self, inputs: dict[str, Port], outputs: dict[str, Port]) -> bytes:
        """Serialise the graph with the names and ports of its inputs and outputs."""
        from onnx import TensorProto, helper

        def values(ports: dict[str, Port]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, getattr(TensorProto, port.dtype), port.shape)
                for name, port in ports.items()
            ]

        graph = helper.make_graph(
            self._nodes, "sememe", values(inputs), values(outputs), self._constants
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
        data: bytes = model.SerializeToString()
        return data

    def _name(self) -> str:
        return f"n{len(self._nodes)}"

    def _add(self, op: str, inputs: Any, outputs: list[str], **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(op, list(inputs), outputs, **attributes))

    def _slice(self, x: str, start: int, stop: int, axis: int) -> str:
        ends = [self.constant(np.array([value])) for value in (start, stop, axis)]
        return self("Slice", x, *ends)


def _mentioned(name: str, array: NDArray[Any]) -> Any:
    """Return a constant's name, type and shape alone, its numbers being elsewhere."""
    from onnx import TensorProto

    found = TensorProto(name=name, dims=array.shape, data_type=TensorProto.FLOAT)
    found.data_location = TensorProto.EXTERNAL
    for key, value in (("location", name), ("offset", "0"), ("length", str(array.nbytes))):
        entry = found.external_data.add()
        entry.key, entry.value = key, value
    return found


def session(
    graph: bytes | str, *, threads: int = 1, beside: Mapping[str, NDArray[Any]] | None = None
) -> Any:
    """Open a graph (its bytes, or the path of its file) in ONNX Runtime.

    threads: 1 runs it on the calling thread alone. beside: The arrays that a graph made `apart`
    leaves out.

    Unless told otherwise before it is imported, ONNX Runtime keeps a record of its use in the
    user's home, to be sent; sememe is a quiet guest.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it plans for one batch shape, and ours never repeat
    options.log_severity_level = 3
    values = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(array)
        for name, array in (beside or {}).items()
    }
    if values:
        options.add_external_initializers(list(values), list(values.values()))
    found = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    found.beside = values  # it reads some of them where they lie: they must live as long
    return found


def run_into(session: Any, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """Run a session and let it write each output where its array lies, without a copy."""
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_cpu_input(name, array)
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    session.run_with_iobinding(binding)
