"""The product of one query with many rows in whole numbers of 8 bits, by ONNX Runtime.

A product of a vector with a matrix is bound by memory, so a quarter of the bytes takes a quarter of
the time. Sums are exact as long as no pair of products exceeds 16 bits, which x86-64 CPUs without
VNNI add up first: a query of 0 to 127 keeps to that whatever the rows are.

Two threads serve where one cannot use the memory's whole bandwidth, and cost where other processes
keep the cores busy. Which is so is measured on the first large product.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._cpus import count_cpus
from sememe._onnxruntime import import_onnxruntime, make_session_options

LARGE = 10_000_000  # bytes of a matrix from which a product takes a thread long enough to measure
_ROUNDS = 5
_WORTHWHILE = 0.8  # of one thread's time: what many must save to be kept busy
_OPSET, _IR = 20, 10


class IntegerProduct:
    """Multiplies a query with matrices, with as many threads as answer soonest here.

    Safe to share between threads.

    Attributes:
        threads: How many that are; 0 as long as it is not known.
    """

    def __init__(self) -> None:
        self.threads = 0
        self._sessions: dict[int, Any] = {}
        self._lock = Lock()

    def __call__(self, query: NDArray[np.uint8], matrix: NDArray[np.int8]) -> NDArray[np.int32]:
        """Return (r,) sums of products of (dim,) `query`, at most 127, with (dim, r) `matrix`."""
        with self._lock:
            if not self.threads and matrix.nbytes >= LARGE:
                self.threads = self._choose_threads(query, matrix)
            session = self._open(self.threads or 1)
        return _run(session, query, matrix)

    def _choose_threads(self, query: NDArray[np.uint8], matrix: NDArray[np.int8]) -> int:
        many = count_cpus()
        if many == 1:
            return 1
        sessions = self._open(1), self._open(many)
        one, all_ = measure(*(partial(_run, session, query, matrix) for session in sessions))
        return many if all_ < _WORTHWHILE * one else 1

    def _open(self, threads: int) -> Any:
        if threads not in self._sessions:
            self._sessions[threads] = _open_session(threads)
        return self._sessions[threads]


def measure(*works: Callable[[], object]) -> list[float]:
    """Return the seconds that each of some works takes: the median of a few runs, in turns."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(_ROUNDS):
        for work, taken in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    return [median(taken) for taken in seconds]


def _run(session: Any, query: NDArray[np.uint8], matrix: NDArray[np.int8]) -> NDArray[np.int32]:
    sums = np.empty(matrix.shape[1], np.int32)
    binding = session.io_binding()
    binding.bind_cpu_input("query", query[None])
    binding.bind_input("rows", "cpu", 0, np.int8, matrix.shape, matrix.ctypes.data)
    binding.bind_output("sums", "cpu", 0, np.int32, (1, len(sums)), sums.ctypes.data)
    session.run_with_iobinding(binding)
    return sums


def _open_session(threads: int) -> Any:
    """Open the graph of one product; the matrix is an input, read in place."""
    from onnx import TensorProto, helper

    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["query", "rows"], ["sums"])],
        "sememe",
        [
            port("query", TensorProto.UINT8, [1, "dim"]),
            port("rows", TensorProto.INT8, ["dim", "n"]),
        ],
        [port("sums", TensorProto.INT32, [1, "n"])],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=_IR)
    data, options = model.SerializeToString(), make_session_options(threads)
    open_session = import_onnxruntime().InferenceSession
    return open_session(data, options, providers=["CPUExecutionProvider"])
