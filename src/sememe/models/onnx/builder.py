"""Write ONNX graphs node by node: `g("Add", a, b)` appends a node and returns its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_OPSET, _IR = 20, 10
_LARGE = 4096  # bytes from which an array is kept out of the graph
_FUSED = "com.microsoft"  # ONNX Runtime's own operators


class Port(NamedTuple):
    """Type and shape of a graph's input or output; a dimension is a number or a name."""

    dtype: str
    shape: tuple[int | str, ...]


def floats(*shape: int | str) -> Port:
    """Return the port of a float32 array."""
    return Port("FLOAT", shape)


def integers(*shape: int | str, bits: int = 64) -> Port:
    """Return the port of an array of whole numbers."""
    return Port(f"INT{bits}", shape)


class LargeGraph(NamedTuple):
    """A graph of which the large arrays are kept outside, as a graph itself holds at most 2 GB.

    Attributes:
        graph: The serialised graph.
        arrays: The arrays that it refers to, by name.
    """

    graph: bytes
    arrays: Mapping[str, NDArray[Any]]


class Graph:
    """Nodes in the order of computation; values go by names, "" is an optional input left out.

    external: Whether large arrays are kept outside; such a graph ends with `build_large`.
    """

    def __init__(self, *, external: bool = False) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._external = external
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        return self.output(self._name(), op, *inputs, **attributes)

    def output(self, name: str, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node whose output goes by `name`, as a graph's own outputs do."""
        self._add(op, inputs, [name], **attributes)
        return name

    def contrib(self, op: str, *inputs: str, **attributes: Any) -> str:
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
        if self._external and array.nbytes >= _LARGE and array.dtype == np.float32:
            self._constants.append(_refer_to(name, array))
            self._arrays[name] = array
        else:
            self._constants.append(numpy_helper.from_array(array, name))
        return name

    def slice(self, x: str, start: int, stop: int, *, axis: int) -> str:
        """Return the part of an array from start to stop along an axis."""
        ends = [self.constant(np.array([value])) for value in (start, stop, axis)]
        return self("Slice", x, *ends)

    def reshape(self, x: str, *shape: int) -> str:
        """Return the array in another shape; -1 is inferred."""
        return self("Reshape", x, self.constant(np.array(shape)))

    def build(self, inputs: dict[str, Port], outputs: dict[str, Port]) -> bytes:
        """Serialise the graph with the names and ports of its inputs and outputs."""
        from onnx import TensorProto, helper

        def values(ports: dict[str, Port]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, getattr(TensorProto, port.dtype), port.shape)
                for name, port in ports.items()
            ]

        ports = values(inputs), values(outputs)
        graph = helper.make_graph(self._nodes, "sememe", *ports, self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
        return bytes(model.SerializeToString())

    def build_large(self, inputs: dict[str, Port], outputs: dict[str, Port]) -> LargeGraph:
        """Serialise an `external` graph; see `build`."""
        return LargeGraph(self.build(inputs, outputs), self._arrays)

    def _name(self) -> str:
        return f"n{len(self._nodes)}"

    def _add(self, op: str, inputs: Any, outputs: list[str], **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(op, list(inputs), outputs, **attributes))


def _refer_to(name: str, array: NDArray[Any]) -> Any:
    """Return a constant with name, type and shape, whose numbers are external data."""
    from onnx import TensorProto

    constant = TensorProto(name=name, dims=array.shape, data_type=TensorProto.FLOAT)
    constant.data_location = TensorProto.EXTERNAL
    for key, value in (("location", name), ("offset", "0"), ("length", str(array.nbytes))):
        entry = constant.external_data.add()
        entry.key, entry.value = key, value
    return constant
