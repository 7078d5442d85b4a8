"""Read the weights of BERT's family under one set of names.

BERT (Devlin et al. 2019, arXiv:1810.04805), RoBERTa (1907.11692) and XLM-R (1911.02116), DistilBERT
(1910.01108) and MPNet (2004.09297) are one network: embeddings, then layers of attention and a
feed-forward part, each added to its input and normalised. They differ in the names of tensors and
in where positions begin; MPNet also has a bias by distance.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._types import FloatArray
from sememe.models.onnx.transformer import Layer, LayerNames, Norm, RowTable, read_layer
from sememe.models.weights.config import check_activation, check_heads
from sememe.models.weights.reader import Reader
from sememe.models.weights.safetensors import Tensors

_BERT = LayerNames(
    attention=(
        "attention.self.query", "attention.self.key", "attention.self.value",
        "attention.output.dense",
    ),
    feed=("intermediate.dense", "output.dense"),
    norms=("attention.output.LayerNorm", "output.LayerNorm"),
)  # fmt: skip
_KEYS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


@dataclass(frozen=True, slots=True)
class Architecture:
    """Names of an architecture's tensors and config entries.

    Attributes:
        layer: Prefix of a layer's tensors, "{}" for its number.
        names: Of a layer's tensors.
        offset: Whether positions begin after the padding's id, as in RoBERTa.
        keys: Width, layers, heads and inner width in the config.
        activation: The activation in the config.
    """

    layer: str = "encoder.layer.{}."
    names: LayerNames = _BERT
    offset: bool = False
    keys: tuple[str, ...] = _KEYS
    activation: str = "hidden_act"


ARCHITECTURES = {
    "bert": Architecture(),
    **dict.fromkeys(("roberta", "xlm-roberta", "camembert"), Architecture(offset=True)),
    "distilbert": Architecture(
        layer="transformer.layer.{}.",
        names=LayerNames(
            ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
            feed=("ffn.lin1", "ffn.lin2"),
            norms=("sa_layer_norm", "output_layer_norm"),
        ),
        keys=("dim", "n_layers", "n_heads", "hidden_dim"),
        activation="activation",
    ),
    "mpnet": Architecture(
        names=LayerNames(
            ("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o"),
            feed=_BERT.feed,
            norms=("attention.LayerNorm", "output.LayerNorm"),
        ),
        offset=True,
    ),
}


class LazyLayers(Sequence[Layer]):
    """Layers made when asked for, and not kept. Subclasses define `make` and `__len__`."""

    @abstractmethod
    def make(self, number: int) -> Layer:
        """Return a layer; number: from 0."""

    @overload
    def __getitem__(self, at: int) -> Layer: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Layer]: ...
    def __getitem__(self, at: int | slice) -> Layer | Sequence[Layer]:
        numbers = range(len(self))[at]
        if isinstance(numbers, int):
            return self.make(numbers)
        return [self.make(i) for i in numbers]


@dataclass(frozen=True, eq=False, slots=True)
class BertWeights:
    """The network.

    Attributes:
        words: (vocabulary, dim), or a table of which rows are read as they are needed.
        positions: (max_tokens, dim), the embedding of the first token type added.
        types: (types, dim), embedding of each type less that of the first; None if there is one
            type or none.
        norm: Gain and bias (dim,) each, of the embeddings.
        layers: Read once for each graph, in order; they need not be kept.
        distances: (heads, max_tokens, max_tokens) added to attention scores, or None.
        heads, epsilon, activation: Of the config.
    """

    words: FloatArray | RowTable
    positions: FloatArray
    norm: Norm
    layers: Sequence[Layer]
    distances: FloatArray | None
    heads: int
    epsilon: float
    activation: str
    types: FloatArray | None = None

    @property
    def dim(self) -> int:
        """Width of a token's vector."""
        return int(self.words.shape[1])

    @property
    def max_tokens(self) -> int:
        """The longest sequence, special tokens included."""
        return len(self.positions)


def read_bert_weights(config: Mapping[str, Any], tensors: Tensors, *, where: str) -> BertWeights:
    """Read the network from a checkpoint's tensors.

    where: The checkpoint's name, for messages.

    Raises:
        InvalidInputError: If sememe has no graph for the architecture.
        CorruptFileError: If a tensor is missing, misshapen, or holds NaN.
    """
    kind = _find_architecture(config, where)
    reader = Reader(tensors, where)
    try:
        dim, depth, heads, inner = (int(config[key]) for key in kind.keys)
        n_words, most = int(config["vocab_size"]), int(config["max_position_embeddings"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{where}: config.json lacks {error}. Fetch it anew") from error
    check_heads(dim, heads, where)
    words = reader.array("embeddings.word_embeddings.weight", n_words, dim)
    positions, types = _read_positions(reader, most, dim)
    if kind.offset:
        positions = positions[int(config.get("pad_token_id", 1)) + 1 :]
    layers = tuple(
        read_layer(reader, kind.layer.format(i), kind.names, dim=dim, inner=inner)
        for i in range(depth)
    )
    distances = None
    if reader.has("encoder.relative_attention_bias.weight"):
        table = reader.array("encoder.relative_attention_bias.weight", -1, heads)
        distances = distance_bias(table, len(positions))
    return BertWeights(
        words=words,
        positions=positions,
        norm=reader.norm("embeddings.LayerNorm", dim),
        layers=layers,
        distances=distances,
        heads=heads,
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=config[kind.activation],
        types=types,
    )


def _read_positions(reader: Reader, most: int, dim: int) -> tuple[FloatArray, FloatArray | None]:
    """Return the position and the token type embeddings; see `BertWeights`."""
    positions = reader.array("embeddings.position_embeddings.weight", most, dim)
    if not reader.has("embeddings.token_type_embeddings.weight"):
        return positions, None
    types = reader.array("embeddings.token_type_embeddings.weight", -1, dim)
    return positions + types[0], types - types[0] if len(types) > 1 else None


def _find_architecture(config: Mapping[str, Any], where: str) -> Architecture:
    name = config.get("model_type")
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise InvalidInputError(
            f"{where} is of the type {name!r}; sememe builds graphs for {known}. Of another type "
            "only sentence encoders run, by their onnx/model.onnx"
        )
    kind = ARCHITECTURES[name]
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise InvalidInputError(f"{where} has relative positions, which sememe's graph does not")
    check_activation(config.get(kind.activation), kind.activation, where)
    return kind


def distance_bias(table: FloatArray, n: int) -> FloatArray:
    """Return (heads, n, n), added by MPNet to the attention score of token i for token j.

    table: (buckets, heads). Half of the buckets are for j after i. Of each half, the first half
    has one bucket a distance, and the others widen logarithmically up to distance 128 (as in T5,
    Raffel et al. 2020, arXiv:1910.10683).
    """
    half = len(table) // 2
    exact = half // 2
    ahead = np.arange(n)[None, :] - np.arange(n)[:, None]
    distance = np.abs(ahead)
    with np.errstate(divide="ignore"):
        growth = np.log(distance.astype(np.float32) / exact) / np.log(np.float32(128 / exact))
    far = np.minimum(exact + np.maximum(growth, 0) * (half - exact), half - 1).astype(np.int64)
    bucket = np.where(distance < exact, distance, far) + np.where(ahead > 0, half, 0)
    bias: FloatArray = np.ascontiguousarray(table[bucket].transpose(2, 0, 1))
    return bias
