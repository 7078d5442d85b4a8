"""The Universal Sentence Encoder, multilingual v3: piece ids to sentence vectors.

The network: each piece has an embedding (512). Three branches project it (256 each; one layer norm
over the three), and slide a convolution over n = 2, 3 and 5 neighbouring pieces, twice, each with a
residual. Embedding and branches together are layer-normed, summed over the sentence, divided by
the root of its length, and pass through a residual feed-forward network and tanh to a unit vector.

Two forms compute it. `forward_few` follows that paragraph in NumPy and serves short queries, for
which starting ONNX Runtime would cost more than it saves. `forward_many` serves corpora by doing
less: what depends on a piece alone (projection, norm, and the first convolution's product at each
place of its window: two thirds of the arithmetic) is computed once for a piece and looked up after
(`PieceTable`), so that only the second convolution is left for each token (`use_graph`).

Reference: Yang et al. 2019 (arXiv:1907.04307); weights from the package named in the catalogue.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.models import use_graph
from sememe.models.use_graph import BRANCH, DIM, ORDERS

_FEW = 48  # tokens up to which NumPy answers sooner than ONNX Runtime
_MICRO = 1024  # tokens in one run of the graph, on one thread: few enough to stay in cache
_MACRO = 8192  # tokens among which unseen pieces are gathered, to be projected together
_TABLE = 12_288  # pieces remembered: 13 KB each, so 164 MB at most


@dataclass(frozen=True)
class UseWeights:
    """The network's arrays: 6-bit embeddings in blocks, everything else in float32."""

    blocks: list[NDArray[np.uint8]]  # piece i stands in row i // 17 of block i % 17
    arrays: dict[str, FloatArray]

    @classmethod
    def from_bytes(cls, data: bytes, *, threads: int) -> UseWeights:
        """Read the weights' npz file, its compressed members side by side."""
        with np.load(io.BytesIO(data), allow_pickle=False) as npz:
            names = npz.files

        def read(mine: Sequence[str]) -> dict[str, Any]:
            with np.load(io.BytesIO(data), allow_pickle=False) as own:
                return {name: own[name] for name in mine}

        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(read, [names[i::threads] for i in range(threads)]))
        found = {name: array for part in parts for name, array in part.items()}
        blocks = [found.pop(f"q{i + 1}") for i in range(17)]
        return cls(blocks, found)

    def embed(self, ids: NDArray[np.int64]) -> FloatArray:
        """Return the embeddings of pieces: (n,) ids to (n, 512)."""
        which, row = ids % len(self.blocks), ids // len(self.blocks)
        out = np.empty((len(ids), DIM), np.float32)
        for block in np.unique(which):
            mine = np.flatnonzero(which == block)
            out[mine] = self.blocks[block][row[mine]]
        out *= self.arrays["scale"][which, None]
        out += self.arrays["lo"][which, None]
        return out

    @property
    def eps(self) -> float:
        """What the layer norms add to the variance."""
        return float(self.arrays["eps"])


class UseEngine:
    """Run the network on CPU. Not safe to share between threads while encoding."""

    def __init__(self, weights: UseWeights, *, threads: int | None = None) -> None:
        self._weights = weights
        self._threads = threads or os.cpu_count() or 1

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, 512) unit rows for n sequences of piece ids, begin and end marks included."""
        if not ids:
            return np.empty((0, DIM), np.float32)
        out = np.empty((len(ids), DIM), np.float32)
        few = [i for i, row in enumerate(ids) if len(row) <= _FEW]
        if len(ids) == 1 and few:
            out[0] = self.forward_few(ids[0])
            return out
        for start, stop in _groups([len(row) for row in ids], _MACRO):
            out[start:stop] = self._forward_many(ids[start:stop])
        return out

    def forward_few(self, ids: Sequence[int]) -> FloatArray:
        """Return the (512,) vector of one sequence, step by step in NumPy."""
        w, eps = self._weights.arrays, self._weights.eps
        emb = self._weights.embed(np.asarray(ids))  # (T, 512)
        x = np.concatenate([emb @ w[f"proj{n}"] + w[f"proj_b{n}"] for n in ORDERS], axis=1)
        gain = np.concatenate([w[f"ln_g{n}"] for n in ORDERS])
        bias = np.concatenate([w[f"ln_b{n}"] for n in ORDERS])
        x = _layer_norm(x, gain, bias, eps)  # (T, 3 * 256)
        features = [emb]
        for i, n in enumerate(ORDERS):
            h = x[:, i * BRANCH : (i + 1) * BRANCH]
            h = np.maximum(_windows(h, n) @ w[f"w1_{n}"] + w[f"b1_{n}"], 0) + h
            h = np.maximum(_windows(h, n) @ w[f"w2_{n}"] + w[f"b2_{n}"], 0) + h
            features.append(h)
        f = _layer_norm(np.concatenate(features, axis=1), w["ln_g"], w["ln_b"], eps)  # (T, 1280)
        m = (f.sum(axis=0) @ w["cnn_W"] + len(ids) * w["cnn_b"]) / np.sqrt(np.float32(len(ids)))
        y = np.maximum(m @ w["p1"] + np.maximum(m @ w["d0"], 0) @ w["d1"], 0)
        z = np.tanh(y @ w["p3"] + np.maximum(y @ w["d2"], 0) @ w["d3"])
        out: FloatArray = (z / np.sqrt(z @ z)).astype(np.float32)
        return out

    def _forward_many(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        flat = np.concatenate([np.asarray(row, np.int64) for row in ids])
        lens = np.fromiter(map(len, ids), np.int64, len(ids))
        slots = self._table.slots(flat)
        starts = np.concatenate([[0], np.cumsum(lens)])

        def run(group: tuple[int, int]) -> FloatArray:
            first, last = group
            span = slice(starts[first], starts[last])
            batch = use_graph.batch_inputs(slots[span], lens[first:last])
            batch["E"] = self._weights.embed(flat[span])
            rows: FloatArray = self._graph.run(None, batch | self._table.inputs)[0]
            return rows

        return np.concatenate(list(self._pool.map(run, _groups(lens.tolist(), _MICRO))))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-use")

    @cached_property
    def _graph(self) -> Any:
        return use_graph.session(use_graph.sentence_graph(self._weights), threads=1)

    @cached_property
    def _table(self) -> PieceTable:
        return PieceTable(self._weights, self._threads)


class PieceTable:
    """What the network computes from a piece alone, remembered for the pieces met lately.

    Slot 0 holds zeros and stands for "outside the sentence". When the table is full, the half that
    was not needed for longest makes room.
    """

    def __init__(self, weights: UseWeights, threads: int, *, capacity: int = _TABLE) -> None:
        self._weights = weights
        self._graph = use_graph.session(use_graph.piece_graph(weights), threads)
        self._slot = np.zeros(sum(map(len, weights.blocks)), np.int64)  # of each piece; 0: none
        self._piece = np.zeros(capacity, np.int64)  # in each slot
        self._needed = np.zeros(capacity, np.int64)  # when each slot was needed last
        self._free = np.arange(1, capacity)
        self._time = 0
        names = ["X", *(f"P{j}" for j in range(sum(ORDERS)))]
        widths = [len(ORDERS) * BRANCH, *[BRANCH] * sum(ORDERS)]
        self.inputs: dict[str, FloatArray] = {  # pages of memory are taken as they fill
            name: np.zeros((capacity, width), np.float32)
            for name, width in zip(names, widths, strict=True)
        }

    def slots(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where each piece's rows stand, computing those of pieces not met lately."""
        pieces = np.unique(ids)
        self._time += 1
        self._needed[self._slot[pieces]] = self._time
        new = pieces[self._slot[pieces] == 0]
        if len(new) > len(self._free):
            self._make_room(len(new))
        for start in range(0, len(new), _MICRO):
            part = new[start : start + _MICRO]
            here, self._free = self._free[: len(part)], self._free[len(part) :]
            rows = self._graph.run(None, {"E": self._weights.embed(part)})
            for array, values in zip(self.inputs.values(), rows, strict=True):
                array[here] = values
            self._slot[part] = here
            self._piece[here] = part
            self._needed[here] = self._time
        return self._slot[ids]

    def _make_room(self, wanted: int) -> None:
        """Free the older half of the slots, or as many as needed; grow where all are in use."""
        used = np.flatnonzero(self._slot[self._piece] == np.arange(len(self._piece)))
        used = used[used > 0]
        idle = used[self._needed[used] < self._time]
        count = max(len(self._piece) // 2, wanted)
        oldest = idle[np.argsort(self._needed[idle], kind="stable")][:count]
        self._slot[self._piece[oldest]] = 0
        self._free = np.concatenate([self._free, oldest])
        more = wanted - len(self._free)
        if more > 0:
            size = len(self._piece)
            self._free = np.concatenate([self._free, np.arange(size, size + more)])
            self._piece = np.pad(self._piece, (0, more))
            self._needed = np.pad(self._needed, (0, more))
            for name, array in self.inputs.items():
                self.inputs[name] = np.pad(array, ((0, more), (0, 0)))


def _groups(lens: Sequence[int], budget: int) -> Iterator[tuple[int, int]]:
    """Cut a sequence into runs of at most `budget` tokens, a longer item in a run of its own."""
    start, tokens = 0, 0
    for i, n in enumerate(lens):
        if i > start and tokens + n > budget:
            yield start, i
            start, tokens = i, 0
        tokens += n
    if start < len(lens):
        yield start, len(lens)


def _windows(x: FloatArray, n: int) -> FloatArray:
    """(T, d) to (T, n * d): each row with its n - 1 neighbours, zeros beyond the ends."""
    left = (n - 1) // 2
    padded = np.pad(x, ((left, n - 1 - left), (0, 0)))
    return np.concatenate([padded[k : k + len(x)] for k in range(n)], axis=1)


def _layer_norm(x: FloatArray, gain: FloatArray, bias: FloatArray, eps: float) -> FloatArray:
    x = x - x.mean(axis=-1, keepdims=True)
    out: FloatArray = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * gain + bias
    return out
