"""The ONNX graphs of `sememe.models.use.engine`, node by node, and their inputs.

Two graphs: `piece_graph` computes what depends on a piece alone; `sentence_graph` gathers those
rows for every token of a batch and computes the rest. Sentences of a batch are concatenated without
padding; a window that reaches beyond its sentence reads a row of zeros.

The second convolution is three quarters of what is left. It is done four outputs at a time by
minimal filtering (`sememe.models.use.winograd`), in less than half of the products.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe.models.onnx.builder import Graph, floats, integers
from sememe.models.use.weights import UseWeights
from sememe.models.use.winograd import minimal_filter

DIM = 512  # of a piece's embedding, and of the sentence vector
BRANCH = 256  # of each convolution branch
ORDERS = (2, 3, 5)  # window sizes; a window starts (n - 1) // 2 tokens to the left
REACH = 2  # how far the widest window reaches to either side
TILE = 4  # outputs of the second convolution that are computed together
TABLES = {"E": DIM, "X": len(ORDERS) * BRANCH} | {f"P{j}": BRANCH for j in range(sum(ORDERS))}


def piece_graph(weights: UseWeights) -> bytes:
    """Build the graph of E (U, 512) to X (U, 768) and P0..P9 (U, 256).

    Each P is X times one offset of a first convolution.
    """
    g, w = Graph(), weights.arrays
    join = {
        key: np.concatenate([w[f"{key}{n}"] for n in ORDERS], axis=-1)
        for key in ("proj", "proj_b", "ln_g", "ln_b")
    }
    x = g("Gemm", "E", g.constant(join["proj"]), g.constant(join["proj_b"]))
    norm = [g.constant(join["ln_g"]), g.constant(join["ln_b"])]
    x = g.output("X", "LayerNormalization", x, *norm, epsilon=weights.eps)
    number = 0
    for i, n in enumerate(ORDERS):
        own = g.slice(x, i * BRANCH, (i + 1) * BRANCH, axis=1)
        for k in range(n):
            product = w[f"w1_{n}"][k * BRANCH : (k + 1) * BRANCH]
            g.output(f"P{number}", "MatMul", own, g.constant(product))
            number += 1
    outputs = {name: floats("U", width) for name, width in TABLES.items() if name != "E"}
    return g.build({"E": floats("U", DIM)}, outputs)


def sentence_graph(weights: UseWeights) -> bytes:
    """Build the graph of pieces' rows and a batch's layout to unit rows; see `lay_out_batch`."""
    g, w = Graph(), weights.arrays
    middle = f"S{REACH}"
    x = g("Gather", "X", middle, axis=0)
    features, number = [g("Gather", "E", middle, axis=0)], 0
    for i, n in enumerate(ORDERS):
        total = g.constant(w[f"b1_{n}"])
        for k in range(n):
            row = g("Gather", f"P{number}", f"S{_window_start(n) + k}", axis=0)
            total = g("Add", row, total)
            number += 1
        h = g("Add", g("Relu", total), g.slice(x, i * BRANCH, (i + 1) * BRANCH, axis=1))
        conv = g("Add", _convolve(g, h, n, w[f"w2_{n}"]), g.constant(w[f"b2_{n}"]))
        features.append(g("Add", g("Relu", conv), h))
    f = g("Concat", *features, axis=1)  # (T, 1280)
    norm = [g.constant(w["ln_g"]), g.constant(w["ln_b"])]
    f = g("LayerNormalization", f, *norm, epsilon=weights.eps)
    outputs = {_append_head(g, w, g("MatMul", "members", f)): floats("N", DIM)}
    inputs = {name: floats("U", width) for name, width in TABLES.items()}
    inputs |= {f"S{d}": integers("T") for d in range(2 * REACH + 1)}
    inputs |= {"tiles": integers(2 * REACH + TILE, "K"), "back": integers("T")}
    inputs |= {"members": floats("N", "T"), "length": floats("N", 1)}
    return g.build(inputs, outputs)


def _window_start(n: int) -> int:
    """Return a window's first offset within the widest window."""
    return REACH - (n - 1) // 2


def _convolve(g: Graph, h: str, n: int, weight: Any) -> str:
    """Slide a window of n over (T, 256), `TILE` outputs at a time; zeros beyond sentences."""
    combine, spread, unmix = minimal_filter(TILE, n)
    reach = TILE + n - 1  # rows that TILE windows read
    kernel = np.einsum("ak,kio->aio", spread, weight.reshape(n, BRANCH, BRANCH)).astype("f4")
    outside = g.constant(np.zeros((1, BRANCH), np.float32))
    start = _window_start(n)
    tiles = g.slice("tiles", start, start + reach, axis=0)
    read = g("Gather", g("Concat", h, outside, axis=0), tiles, axis=0)  # (reach, K, 256)
    mixed = g("MatMul", g.constant(unmix.astype(np.float32)), g.reshape(read, reach, -1))
    product = g("MatMul", g.reshape(mixed, reach, -1, BRANCH), g.constant(kernel))
    out = g("MatMul", g.constant(combine.astype(np.float32)), g.reshape(product, reach, -1))
    return g("Gather", g.reshape(out, -1, BRANCH), "back", axis=0)  # (T, 256)


def _append_head(g: Graph, w: dict[str, Any], total: str) -> str:
    """Append the head: sums over sentences (N, 1280) to unit vectors (N, 512)."""
    c = {key: g.constant(w[key]) for key in ("cnn_W", "cnn_b", "d0", "d1", "d2", "d3", "p1", "p3")}
    m = g("Add", g("MatMul", total, c["cnn_W"]), g("Mul", "length", c["cnn_b"]))
    m = g("Div", m, g("Sqrt", "length"))
    inner = g("MatMul", g("Relu", g("MatMul", m, c["d0"])), c["d1"])
    y = g("Relu", g("Add", g("MatMul", m, c["p1"]), inner))
    inner = g("MatMul", g("Relu", g("MatMul", y, c["d2"])), c["d3"])
    z = g("Tanh", g("Add", g("MatMul", y, c["p3"]), inner))
    return g("LpNormalization", z, axis=1, p=2)


def lay_out_batch(slots: NDArray[np.int64], lens: NDArray[np.int64]) -> dict[str, Any]:
    """Lay out a batch for `sentence_graph`.

    slots: (T,) rows of the tokens' pieces in the tables, sentences concatenated. lens: (N,) their
    lengths, T in all. Returns S0..S4 (T,), the slot at each offset of the widest window, 0 outside
    the sentence; tiles (8, K), the tokens that each group of four outputs reads, T outside; back
    (T,), the index of a token's output among those of the groups; members (N, T), 1 for tokens of
    the sentence; length (N, 1).
    """
    total, numbers = len(slots), np.arange(len(lens))
    start, stop = np.cumsum(lens) - lens, np.cumsum(lens)
    sentence = np.repeat(numbers, lens)  # (T,)
    position = np.arange(total) - start[sentence]
    groups = (lens + TILE - 1) // TILE
    first = np.cumsum(groups) - groups
    of = np.repeat(numbers, groups)  # (K,)
    begin = start[of] + TILE * (np.arange(len(of)) - first[of])
    reads = begin + np.arange(-REACH, REACH + TILE)[:, None]  # (8, K)
    inputs: dict[str, Any] = {
        "tiles": np.where((reads >= start[of]) & (reads < stop[of]), reads, total),
        "back": position % TILE * len(of) + first[sentence] + position // TILE,
        "members": (sentence == numbers[:, None]).astype(np.float32),
        "length": lens[:, None].astype(np.float32),
    }
    for d in range(-REACH, REACH + 1):
        inside = (position + d >= 0) & (position + d < lens[sentence])
        inputs[f"S{d + REACH}"] = np.where(inside, np.roll(slots, -d), 0)
    return inputs
