"""Read the weights of BERT's family under one set of names.

BERT (Devlin et al. 2019, arXiv:1810.04805), RoBERTa (1907.11692) and XLM-R (1911.02116), DistilBERT
(1910.01108) and MPNet (2004.09297) are one network: embeddings, then layers of attention and a
feed-forward part, each added to its input and normalised. They differ in the names of tensors and
in where positions begin; MPNet also has a bias by distance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.onnx.transformer import read_layer
from sememe.models.weights.config import check_activation, check_heads
from sememe.models.weights.reader import Reader

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.onnx.transformer import Layer
    from sememe.models.weights.safetensors import Tensors


@dataclass(frozen=True, slots=True)
class Family:
    """Names of the tensors of an architecture, "{}" for the layer's number.

    Attributes:
        layer: Prefix of a layer's tensors.
        attention: Query, key, value and output.
        norms: The normalisation after attention and after the feed-forward part.
        feed: The two matrices of the feed-forward part.
        first_position: "pad" if positions begin after the padding's id, as in RoBERTa.
        keys: Names of width, layers, heads and inner width in its config.
        activation: Name of the activation in its config.
    """

    layer: str = "encoder.layer.{}."
    attention: tuple[str, str, str, str] = (
        "attention.self.query", "attention.self.key", "attention.self.value",
        "attention.output.dense",
    )  # fmt: skip
    norms: tuple[str, str] = ("attention.output.LayerNorm", "output.LayerNorm")
    feed: tuple[str, str] = ("intermediate.dense", "output.dense")
    first_position: str = "0"
    keys: tuple[str, str, str, str] = (
        "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    )  # fmt: skip
    activation: str = "hidden_act"


_ROBERTA = Family(first_position="pad")
FAMILIES = {
    "bert": Family(),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": Family(
        layer="transformer.layer.{}.",
        attention=("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
        norms=("sa_layer_norm", "output_layer_norm"),
        feed=("ffn.lin1", "ffn.lin2"),
        keys=("dim", "n_layers", "n_heads", "hidden_dim"),
        activation="activation",
    ),
    "mpnet": Family(
        attention=("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o"),
        norms=("attention.LayerNorm", "output.LayerNorm"),
        first_position="pad",
    ),
}


@dataclass(frozen=True, eq=False, slots=True)
class BertWeights:
    """The network.

    Attributes:
        words: (vocabulary, dim).
        positions: (max_tokens, dim), the embedding of the first token type added.
        types: (types, dim), embedding of each type less that of the first; None if there is one
            type or none.
        norm: Gain and bias (dim,) each, of the embeddings.
        distances: (heads, max_tokens, max_tokens) added to attention scores, or None.
        heads, epsilon, activation: Of the config.
    """

    words: FloatArray
    positions: FloatArray
    norm: tuple[FloatArray, FloatArray]
    layers: tuple[Layer, ...]
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
    family = _family(config, where)
    reader = Reader(tensors, where)
    try:
        dim, depth, heads, inner = (int(config[key]) for key in family.keys)
        n_words, most = int(config["vocab_size"]), int(config["max_position_embeddings"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{where}: config.json lacks {error}. Fetch it anew") from error
    check_heads(dim, heads, where)
    words = reader.array("embeddings.word_embeddings.weight", n_words, dim)
    positions = reader.array("embeddings.position_embeddings.weight", most, dim)
    types = None
    if reader.has("embeddings.token_type_embeddings.weight"):
        given = reader.array("embeddings.token_type_embeddings.weight", -1, dim)
        positions = positions + given[0]
        types = given - given[0] if len(given) > 1 else None
    if family.first_position == "pad":
        positions = positions[int(config.get("pad_token_id", 1)) + 1 :]
    layers = tuple(
        read_layer(
            reader,
            family.layer.format(i),
            attention=family.attention,
            feed=family.feed,
            norms=family.norms,
            dim=dim,
            inner=inner,
        )
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
        activation=config[family.activation],
        types=types,
    )


def _family(config: Mapping[str, Any], where: str) -> Family:
    kind = config.get("model_type")
    if kind not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise InvalidInputError(
            f"{where} is of the type {kind!r}; sememe builds graphs for {known}. Of another type "
            "only sentence encoders run, by their onnx/model.onnx"
        )
    family = FAMILIES[kind]
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise InvalidInputError(f"{where} has relative positions, which sememe's graph does not")
    check_activation(config.get(family.activation), family.activation, where)
    return family


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
