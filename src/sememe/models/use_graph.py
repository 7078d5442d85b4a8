"""The ONNX graphs of `sememe.models.use`, written out node by node, and what they are fed.

Two graphs: `piece_graph` computes what depends on a piece alone; `sentence_graph` gathers those
rows for every token of a batch and computes the rest. Sentences of a batch lie end to end, without
padding; a window that reaches beyond its sentence reads a row of zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sememe.models.use import UseWeights

DIM = 512  # of a piece's embedding, and of the sentence vector
BRANCH = 256  # of each convolution branch
ORDERS = (2, 3, 5)  # window sizes; a window starts (n - 1) // 2 tokens to the left
REACH = 2  # how far the widest window reaches to either side
_OPSET, _IR = 17, 8


class _Graph:
    """A little notation for writing ONNX: `g("Add", a, b)` appends a node, returns its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def columns(self, x: str, start: int, stop: int) -> str:
        ends = [self.constant(np.array([value])) for value in (start, stop, 1)]
        return self("Slice", x, *ends)

    def build(self, inputs: dict[str, list[Any]], outputs: dict[str, list[Any]]) -> bytes:
        """Serialise; a shape is given as a list, an integer input's with "int64" at its head."""
        from onnx import TensorProto, helper

        def value(name: str, shape: list[Any]) -> Any:
            if shape[0] == "int64":
                return helper.make_tensor_value_info(name, TensorProto.INT64, shape[1:])
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            "use",
            [value(*item) for item in inputs.items()],
            [value(*item) for item in outputs.items()],
            self.constants,
        )
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR)
        data: bytes = model.SerializeToString()
        return data


def piece_graph(weights: UseWeights) -> bytes:
    """E (U, 512) to X (U, 768) and P0..P9 (U, 256), P: X times one place of a first window."""
    g, w = _Graph(), weights.arrays
    join = {
        key: np.concatenate([w[f"{key}{n}"] for n in ORDERS], axis=-1)
        for key in ("proj", "proj_b", "ln_g", "ln_b")
    }
    x = g("Gemm", "E", g.constant(join["proj"]), g.constant(join["proj_b"]))
    norm = [g.constant(join["ln_g"]), g.constant(join["ln_b"])]
    x = g("LayerNormalization", x, *norm, epsilon=weights.eps)
    outputs: dict[str, list[Any]] = {x: ["U", len(ORDERS) * BRANCH]}
    for i, n in enumerate(ORDERS):
        own = g.columns(x, i * BRANCH, (i + 1) * BRANCH)
        for k in range(n):
            place = w[f"w1_{n}"][k * BRANCH : (k + 1) * BRANCH]
            outputs[g("MatMul", own, g.constant(place))] = ["U", BRANCH]
    return g.build({"E": ["U", DIM]}, outputs)


def sentence_graph(weights: UseWeights) -> bytes:
    """Pieces' rows and the batch's layout to "out" (S, 512), unit rows. See `batch_inputs`."""
    g, w = _Graph(), weights.arrays
    middle = f"S{REACH}"
    x = g("Gather", "X", middle, axis=0)
    features, place = ["E"], 0
    for i, n in enumerate(ORDERS):
        first = REACH - (n - 1) // 2  # the window's first place among the 2 * REACH + 1
        total = g.constant(w[f"b1_{n}"])
        for k in range(n):
            row = g("Gather", f"P{place}", f"S{first + k}", axis=0)
            total = g("Add", row, total)
            place += 1
        h = g("Add", g("Relu", total), g.columns(x, i * BRANCH, (i + 1) * BRANCH))
        outside = g.constant(np.zeros((1, BRANCH), np.float32))
        window = g(
            "Gather",
            g("Concat", h, outside, axis=0),
            g.columns("window", first, first + n),
            axis=0,
        )  # (T, n, 256)
        window = g("Reshape", window, g.constant(np.array([-1, n * BRANCH])))
        conv = g("Gemm", window, g.constant(w[f"w2_{n}"]), g.constant(w[f"b2_{n}"]))
        features.append(g("Add", g("Relu", conv), h))
    f = g("Concat", *features, axis=1)  # (T, 1280)
    norm = [g.constant(w["ln_g"]), g.constant(w["ln_b"])]
    f = g("LayerNormalization", f, *norm, epsilon=weights.eps)
    out = _head(g, w, g("MatMul", "members", f))
    outputs = {out: ["N", DIM]}
    inputs: dict[str, list[Any]] = {"E": ["T", DIM], "X": ["U", len(ORDERS) * BRANCH]}
    inputs |= {f"P{j}": ["U", BRANCH] for j in range(sum(ORDERS))}
    inputs |= {f"S{d}": ["int64", "T"] for d in range(2 * REACH + 1)}
    inputs |= {"window": ["int64", "T", 2 * REACH + 1], "members": ["N", "T"], "length": ["N", 1]}
    return g.build(inputs, outputs)


def _head(g: _Graph, w: dict[str, Any], total: str) -> str:
    """Sum over the sentence (N, 1280) to its unit vector (N, 512)."""
    c = {key: g.constant(w[key]) for key in ("cnn_W", "cnn_b", "d0", "d1", "d2", "d3", "p1", "p3")}
    m = g("Add", g("MatMul", total, c["cnn_W"]), g("Mul", "length", c["cnn_b"]))
    m = g("Div", m, g("Sqrt", "length"))
    inner = g("MatMul", g("Relu", g("MatMul", m, c["d0"])), c["d1"])
    y = g("Relu", g("Add", g("MatMul", m, c["p1"]), inner))
    inner = g("MatMul", g("Relu", g("MatMul", y, c["d2"])), c["d3"])
    z = g("Tanh", g("Add", g("MatMul", y, c["p3"]), inner))
    return g("LpNormalization", z, axis=1, p=2)


def batch_inputs(slots: NDArray[np.int64], lens: NDArray[np.int64]) -> dict[str, Any]:
    """Lay out a batch for `sentence_graph`.

    slots: (T,) rows of the tokens' pieces in X and P, sentences end to end; lens: (N,) their
    lengths, T in all. Gives S0..S4 (T,), the piece at each place of the widest window, 0 outside
    the sentence; window (T, 5), the token there, T outside; members (N, T), 1 where the token is
    the sentence's; length (N, 1).
    """
    total, count = len(slots), len(lens)
    sentence = np.repeat(np.arange(count), lens)  # (T,)
    start = np.cumsum(lens) - lens
    at = np.arange(total)[:, None] + np.arange(-REACH, REACH + 1)  # (T, 5)
    inside = (at >= start[sentence][:, None]) & (at < (start + lens)[sentence][:, None])
    window = np.where(inside, at, total)
    pieces = np.append(slots, 0)[window]
    members = np.zeros((count, total), np.float32)
    members[sentence, np.arange(total)] = 1
    inputs: dict[str, Any] = {f"S{d}": np.ascontiguousarray(pieces[:, d]) for d in range(5)}
    return inputs | {
        "window": window,
        "members": members,
        "length": lens[:, None].astype(np.float32),
    }


def session(graph: bytes, threads: int) -> Any:
    """Open a graph in ONNX Runtime on the CPU, with `threads` threads inside each operator."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it plans for one batch shape, and ours never repeat
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
