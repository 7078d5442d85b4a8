"""The transformer encoder layer as ONNX nodes: attention, a feed-forward part, normalisation.

    post-norm   x = norm1(x + attention(x));  x = norm2(x + mlp(x))        BERT, wav2vec 2.0
    pre-norm    x = x + attention(norm1(x));  x = x + mlp(norm2(x))        CLIP, HTSAT, wav2vec 2.0

BERT, CLIP, CLAP and wav2vec 2.0 all use it; what differs is passed in. Normalisation is not ONNX
Runtime's SkipLayerNormalization, which takes seven times as long on CPU as an addition and
LayerNormalization do.

Reference: Vaswani et al. 2017 (arXiv:1706.03762); pre-norm: Xiong et al. 2020 (arXiv:2002.04745).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sememe._types import FloatArray
from sememe.models.onnx.builder import Graph
from sememe.models.weights.reader import Reader

Norm = tuple[FloatArray, FloatArray]  # gain and bias, (dim,) each
Product = tuple[FloatArray, FloatArray]  # matrix (inputs, outputs) and bias (outputs,)

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish", "quick_gelu")


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """The weights of one layer; matrices are (inputs, outputs), so that x @ matrix + bias.

    Attributes:
        qkv: (dim, 3 dim), query, key and value side by side.
    """

    qkv: FloatArray
    qkv_bias: FloatArray
    out: FloatArray
    out_bias: FloatArray
    norm1: Norm
    up: FloatArray
    up_bias: FloatArray
    down: FloatArray
    down_bias: FloatArray
    norm2: Norm


class LayerNames(NamedTuple):
    """Names of a layer's tensors, without ".weight" and ".bias".

    Attributes:
        attention: Query, key, value and output.
        feed: The two matrices of the feed-forward part.
        norms: The normalisation of attention and of the feed-forward part.
    """

    attention: tuple[str, str, str, str]
    feed: tuple[str, str]
    norms: tuple[str, str]


class RowTable(Protocol):
    """Token embeddings that are not held as one array; a batch's rows are an input of the graph."""

    @property
    def shape(self) -> tuple[int, int]:
        """(vocabulary, dim)."""
        ...

    def rows(self, ids: NDArray[np.integer[Any]]) -> FloatArray:
        """Return (n, dim), the embeddings of (n,) ids."""
        ...


class Products(Protocol):
    """How matrices are multiplied: in float32, or in 8 bits (`sememe.models.bert.int8`)."""

    def __call__(
        self, g: Graph, x: str, key: tuple[int, str], matrix: FloatArray, bias: FloatArray
    ) -> str:
        """Append x @ matrix + bias; key: (layer, "qkv", "out", "up" or "down")."""
        ...


def in_float32(g: Graph, x: str, key: tuple[int, str], matrix: FloatArray, bias: FloatArray) -> str:
    """Append x @ matrix + bias in float32."""
    return linear(g, x, (matrix, bias))


def linear(g: Graph, x: str, product: Product, *, name: str = "") -> str:
    """Append x @ matrix + bias: (..., inputs) to (..., outputs); name: of the output."""
    matrix, bias = product
    y = g("MatMul", x, g.constant(matrix))
    return g.output(name, "Add", y, g.constant(bias)) if name else g("Add", y, g.constant(bias))


def normalise(g: Graph, x: str, norm: Norm, epsilon: float) -> str:
    """Append layer normalisation over the last axis."""
    return g("LayerNormalization", x, *map(g.constant, norm), axis=-1, epsilon=epsilon)


def activate(g: Graph, x: str, activation: str) -> str:
    """Append an activation, one of ACTIVATIONS: names in transformers' configs."""
    if activation == "relu":
        return g("Relu", x)
    if activation == "quick_gelu":
        return g.contrib("QuickGelu", x, alpha=1.702)
    if activation in ("silu", "swish"):
        return g("Mul", x, g("Sigmoid", x))
    return g("Gelu", x, approximate="none" if activation == "gelu" else "tanh")


@dataclass(frozen=True, slots=True)
class Transformer:
    """Appends encoder layers to a graph; states are (N, T, dim).

    Attributes:
        g: The graph.
        heads: Number of attention heads.
        activation: Of the feed-forward part.
        epsilon: What normalisation adds to the variance.
        norm_first: Whether each part normalises its input (pre-norm) or the sum after it.
        lengths: Name of (N,) int32: how many tokens of each sequence are attended to; "": all.
        causal: Whether a token attends only to itself and those before it.
        products: How matrices are multiplied.
    """

    g: Graph
    heads: int
    activation: str
    epsilon: float
    norm_first: bool
    lengths: str = ""
    causal: bool = False
    products: Products = in_float32

    def layer(self, x: str, layer: Layer, *, number: int = 0, bias: str = "") -> str:
        """Append one layer: (N, T, dim) to (N, T, dim).

        number: Of the layer, for `products`. bias: See `attend`.
        """
        y = self.normalise(x, layer.norm1) if self.norm_first else x
        x = self.g("Add", x, self.self_attention(y, layer, number=number, bias=bias))
        x = x if self.norm_first else self.normalise(x, layer.norm1)
        y = self.normalise(x, layer.norm2) if self.norm_first else x
        x = self.g("Add", x, self.feed_forward(y, layer, number=number))
        return x if self.norm_first else self.normalise(x, layer.norm2)

    def self_attention(self, x: str, layer: Layer, *, number: int = 0, bias: str = "") -> str:
        """Append attention with the products around it: (N, T, dim) to (N, T, dim)."""
        y = self.products(self.g, x, (number, "qkv"), layer.qkv, layer.qkv_bias)  # (N, T, 3 dim)
        parts = self.g.many("Split", y, outputs=3, axis=2, num_outputs=3)  # (N, T, dim) each
        y = self.attend(parts, lengths=self.lengths, bias=bias)
        return self.products(self.g, y, (number, "out"), layer.out, layer.out_bias)

    def attend(self, parts: Sequence[str], *, lengths: str = "", bias: str = "") -> str:
        """Append scaled dot-product attention over the heads: (N, T, dim) to (N, T, dim).

        parts: Query, key and value, (N, T, dim) each. bias: (1 or N, heads, T, T), added to the
        scores.
        """
        inputs = [*parts, "", lengths, bias]
        while not inputs[-1]:
            inputs.pop()
        options = {"unidirectional": 1} if self.causal else {}
        return self.g.contrib("MultiHeadAttention", *inputs, num_heads=self.heads, **options)

    def feed_forward(self, x: str, layer: Layer, *, number: int = 0) -> str:
        """Append the feed-forward part: (..., dim) to (..., inner) to (..., dim)."""
        y = self.products(self.g, x, (number, "up"), layer.up, layer.up_bias)
        y = activate(self.g, y, self.activation)
        return self.products(self.g, y, (number, "down"), layer.down, layer.down_bias)

    def normalise(self, x: str, norm: Norm) -> str:
        """Append layer normalisation over the last axis."""
        return normalise(self.g, x, norm, self.epsilon)


def embed_tokens(g: Graph, words: FloatArray | RowTable, positions: FloatArray) -> str:
    """Append word plus position embeddings of the input "ids" (N, T): (N, T, dim).

    words: (vocabulary, dim); of a `RowTable`, "ids" are places in the input "words". positions:
    (most tokens, dim).
    """
    table = g.constant(words) if isinstance(words, np.ndarray) else "words"
    zero, one, two = (g.constant(np.array([i])) for i in range(3))
    length = g("Slice", g("Shape", "ids"), one, two, zero)  # (1,): T
    rows = g("Slice", g.constant(positions), zero, length, zero)  # (T, dim)
    return g("Add", g("Gather", table, "ids", axis=0), rows)


def read_layer(
    reader: Reader, start: str, names: LayerNames, *, dim: int, inner: int, qkv_bias: bool = True
) -> Layer:
    """Read a layer whose query, key and value are tensors of their own.

    start: Prefix of the `names`. dim, inner: Widths of a state and inside the feed-forward part.
    qkv_bias: Whether query, key and value have a bias; without one it is zero. Raises as
    `Reader.array`.
    """
    *qkv, out = (start + name for name in names.attention)
    up, down = (start + name for name in names.feed)
    norm1, norm2 = (reader.norm(start + name, dim) for name in names.norms)
    matrices = [reader.array(f"{name}.weight", dim, dim).T for name in qkv]
    zero = np.zeros(dim, np.float32)
    biases = [reader.array(f"{name}.bias", dim) if qkv_bias else zero for name in qkv]
    return Layer(
        np.ascontiguousarray(np.concatenate(matrices, axis=1)),
        np.concatenate(biases),
        *reader.linear(out, inputs=dim, outputs=dim),
        norm1,
        *reader.linear(up, inputs=dim, outputs=inner),
        *reader.linear(down, inputs=inner, outputs=dim),
        norm2,
    )
