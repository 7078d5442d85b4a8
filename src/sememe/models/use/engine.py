"""The Universal Sentence Encoder, multilingual v3: piece ids to sentence vectors.

The network: each piece has an embedding (512). Three branches project it (256 each; one layer norm
over the three), and slide a convolution over n = 2, 3 and 5 neighbouring pieces, twice, each with a
residual. Embedding and branches together are layer-normed, summed over the sentence, divided by
the root of its length, and pass through a residual feed-forward network and tanh to a unit vector.

Two forms compute it. `forward_few` follows that paragraph in NumPy and serves short queries, for
which starting ONNX Runtime would cost more than it saves. `_forward_many` serves corpora by doing
less: what depends on a piece alone (projection, norm, and the first convolution's product at each
offset of its window: two thirds of the arithmetic) is computed once for a piece and looked up after
(`PieceTable`), so that only the second convolution is left for each token (`use.graph`).

Reference: Yang et al. 2019 (arXiv:1907.04307); weights from the package named in the catalogue.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sememe._blas import one_thread
from sememe._cpus import count_cpus
from sememe._types import FloatArray
from sememe.models.onnx.session import LazySession, open_session, run_into
from sememe.models.use import graph as use_graph
from sememe.models.use.graph import BRANCH, DIM, ORDERS, TABLES
from sememe.models.use.weights import UseWeights

_FEW = 48  # tokens up to which NumPy answers sooner than ONNX Runtime
_MICRO = 512  # tokens in one run of the graph, on one thread: few enough to stay in cache
_MACRO = 8192  # tokens among which unseen pieces are gathered, to be projected together
_TABLE = 12_288  # pieces remembered by default: 189 MB at most


class UseEngine:
    """Run the network on CPU. Not safe to share between threads while encoding."""

    tokens_at_once = _MACRO

    def __init__(
        self, weights: UseWeights, *, threads: int | None = None, remembered: int = _TABLE
    ) -> None:
        """Take the weights; remembered: pieces whose rows are kept, 15 KB each."""
        self._weights = weights
        self._remembered = remembered
        self._threads = threads or count_cpus()
        self._graph = LazySession(partial(use_graph.sentence_graph, weights))

    def forward(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        """Return (n, 512) unit rows for n sequences of piece ids, begin and end tokens included."""
        if len(ids) == 1 and len(ids[0]) <= _FEW:
            with one_thread():
                return self.forward_few(ids[0])[None]
        out = np.empty((len(ids), DIM), np.float32)
        for start, stop in _cut_groups([len(row) for row in ids], _MACRO):
            out[start:stop] = self._forward_many(ids[start:stop])
        return out

    def release(self) -> None:
        """Free memory that only makes the next call faster."""
        self._graph.release()
        if "_table" in self.__dict__:
            self._table.clear()

    def forward_few(self, ids: Sequence[int]) -> FloatArray:
        """Return the (512,) vector of one sequence, step by step in NumPy."""
        w, eps = self._weights.arrays, self._weights.eps
        emb = self._weights.embed_few(np.asarray(ids))  # (T, 512)
        x = np.concatenate([emb @ w[f"proj{n}"] + w[f"proj_b{n}"] for n in ORDERS], axis=1)
        gain, bias = (np.concatenate([w[f"{x}{n}"] for n in ORDERS]) for x in ("ln_g", "ln_b"))
        x = _layer_norm(x, gain, bias, eps)  # (T, 3 * 256)
        features = [emb]
        for i, n in enumerate(ORDERS):
            h = x[:, i * BRANCH : (i + 1) * BRANCH]
            h = np.maximum(_join_windows(h, n) @ w[f"w1_{n}"] + w[f"b1_{n}"], 0) + h
            h = np.maximum(_join_windows(h, n) @ w[f"w2_{n}"] + w[f"b2_{n}"], 0) + h
            features.append(h)
        f = _layer_norm(np.concatenate(features, axis=1), w["ln_g"], w["ln_b"], eps)  # (T, 1280)
        m = (f.sum(axis=0) @ w["cnn_W"] + len(ids) * w["cnn_b"]) / np.sqrt(np.float32(len(ids)))
        y = np.maximum(m @ w["p1"] + np.maximum(m @ w["d0"], 0) @ w["d1"], 0)
        z = np.tanh(y @ w["p3"] + np.maximum(y @ w["d2"], 0) @ w["d3"])
        out: FloatArray = (z / np.sqrt(z @ z)).astype(np.float32)
        return out

    def _forward_many(self, ids: Sequence[Sequence[int]]) -> FloatArray:
        lens = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(chain.from_iterable(ids), np.int64, int(lens.sum()))
        if "_table" not in self.__dict__:  # build the graph while the embeddings are inflated
            inflated = self._pool.submit(getattr, self._weights, "table")
            self._graph.open()
            inflated.result()
        slots = self._table.slots(flat)
        starts = np.concatenate([[0], np.cumsum(lens)])

        def run(group: tuple[int, int]) -> FloatArray:
            first, last = group
            span = slice(starts[first], starts[last])
            batch = use_graph.lay_out_batch(slots[span], lens[first:last])
            return self._graph.run(batch | self._table.inputs)[0]

        return np.concatenate(list(self._pool.map(run, _cut_groups(lens.tolist(), _MICRO))))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="sememe-use")

    @cached_property
    def _table(self) -> PieceTable:
        return PieceTable(self._weights, self._pool, capacity=self._remembered)


class PieceTable:
    """Cache of what the network computes from a piece alone.

    Slot 0 holds zeros, for tokens outside the sentence. The others are a ring: new pieces replace
    the oldest in adjacent slots, so that the graph writes into the table itself.
    """

    def __init__(self, weights: UseWeights, pool: ThreadPoolExecutor, *, capacity: int) -> None:
        self._weights = weights
        self._pool = pool
        self._graph = open_session(use_graph.piece_graph(weights))
        self._slot = np.zeros(len(weights.table), np.int64)  # of each piece; 0: none
        self._next = 1  # the slot to fill next
        self._reserve(capacity)

    def slots(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slot of each piece, computing the rows of pieces that are not cached."""
        pieces = np.unique(ids)
        if len(pieces) >= len(self._piece):
            self._reserve(len(pieces) + 1)
        new = pieces[self._slot[pieces] == 0]
        while True:  # an evicted piece may itself be needed, and is computed again
            if self._next + len(new) > len(self._piece):
                self._next = 1
            room = slice(self._next, self._next + len(new))
            self._slot[self._piece[room]] = 0
            wanted = pieces[self._slot[pieces] == 0]
            if len(wanted) == len(new):
                break
            new = wanted
        self._slot[wanted] = np.arange(room.start, room.stop)
        self._piece[room] = wanted
        self._next = room.stop
        starts = range(room.start, room.stop, _MICRO)
        list(self._pool.map(self._compute, (slice(i, min(i + _MICRO, room.stop)) for i in starts)))
        return self._slot[ids]

    def clear(self) -> None:
        """Forget every piece."""
        if self._next > 1:
            self._reserve(len(self._piece))

    def _compute(self, part: slice) -> None:
        """Compute the rows of the pieces in some slots."""
        rows = {name: array[part] for name, array in self.inputs.items()}
        embedded = self._weights.embed(self._piece[part], out=rows.pop("E"))
        run_into(self._graph, {"E": embedded}, rows)

    def _reserve(self, capacity: int) -> None:
        """Make `capacity` empty slots; pages of memory are taken as they fill."""
        self._slot[:] = 0
        self._piece = np.zeros(capacity, np.int64)  # in each slot; 0 for an empty one too
        self._next = 1
        self.inputs: dict[str, FloatArray] = {
            name: _map_zeros(capacity, width) for name, width in TABLES.items()
        }


def _map_zeros(rows: int, columns: int) -> FloatArray:
    """Return an array of zeros whose pages are taken as they are written, and given back with it.

    `np.zeros` takes memory that was freed before, and clears all of it.
    """
    pages = mmap.mmap(-1, rows * columns * np.dtype(np.float32).itemsize)
    return np.frombuffer(pages, np.float32).reshape(rows, columns)


def _cut_groups(lens: Sequence[int], budget: int) -> Iterator[tuple[int, int]]:
    """Yield runs of items of at most `budget` tokens; a longer item is a run of its own."""
    start, tokens = 0, 0
    for i, n in enumerate(lens):
        if i > start and tokens + n > budget:
            yield start, i
            start, tokens = i, 0
        tokens += n
    if start < len(lens):
        yield start, len(lens)


def _join_windows(x: FloatArray, n: int) -> FloatArray:
    """Map (T, d) to (T, n * d): each row with its n - 1 neighbours, zeros beyond the ends."""
    left = (n - 1) // 2
    padded = np.pad(x, ((left, n - 1 - left), (0, 0)))
    return np.concatenate([padded[k : k + len(x)] for k in range(n)], axis=1)


def _layer_norm(x: FloatArray, gain: FloatArray, bias: FloatArray, eps: float) -> FloatArray:
    x = x - x.mean(axis=-1, keepdims=True)
    out: FloatArray = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * gain + bias
    return out
