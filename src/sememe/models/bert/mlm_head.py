"""The head of a masked language model: the states of masked tokens to scores of all tokens.

    states (n, dim) -> dense, activation, LayerNormalization -> times the tokens' rows, plus a bias

BERT (Devlin et al. 2019, arXiv:1810.04805, 3.1), RoBERTa, XLM-R, CamemBERT, DistilBERT and MPNet
have the same head under different names. The tokens' rows are those of the embeddings if the
checkpoint has no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from sememe._errors import InvalidInputError
from sememe._types import FloatArray
from sememe.models.bert.weights import BertWeights
from sememe.models.onnx.builder import Graph, floats
from sememe.models.onnx.session import open_session
from sememe.models.onnx.transformer import activate, linear
from sememe.models.weights.reader import Norm, Reader
from sememe.models.weights.safetensors import Tensors

_BLOCK = 16_000_000  # scores held at once: 64 MB


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of the tensors of a head, and its fixed settings.

    Attributes:
        bias: Possible names of the scores' bias, the preferred first.
        activation: Of the head; "" for that of the network.
        epsilon: Of its normalisation; None for that of the network.
    """

    dense: str = "lm_head.dense"
    norm: str = "lm_head.layer_norm"
    decoder: str = "lm_head.decoder.weight"
    bias: tuple[str, ...] = ("lm_head.decoder.bias", "lm_head.bias")
    activation: str = "gelu"
    epsilon: float | None = None


_HEADS = {
    "bert": _Names(
        dense="cls.predictions.transform.dense",
        norm="cls.predictions.transform.LayerNorm",
        decoder="cls.predictions.decoder.weight",
        bias=("cls.predictions.decoder.bias", "cls.predictions.bias"),
        activation="",
    ),
    "distilbert": _Names(
        dense="vocab_transform",
        norm="vocab_layer_norm",
        decoder="vocab_projector.weight",
        bias=("vocab_projector.bias",),
        activation="",
        epsilon=1e-12,
    ),
    **dict.fromkeys(("roberta", "xlm-roberta", "camembert", "mpnet"), _Names()),
}


@dataclass(frozen=True, eq=False, slots=True)
class MaskedHead:
    """The weights of a head.

    Attributes:
        dense, dense_bias: (dim, dim) as (inputs, outputs), and (dim,).
        norm: Gain and bias (dim,) each.
        rows: (vocabulary, dim), one for each token.
        bias: (vocabulary,).
        activation, epsilon: As in BertWeights.
    """

    dense: FloatArray
    dense_bias: FloatArray
    norm: Norm
    rows: FloatArray
    bias: FloatArray
    activation: str
    epsilon: float


def read_masked_head(
    config: Mapping[str, Any], tensors: Tensors, weights: BertWeights, *, where: str
) -> MaskedHead:
    """Read the head from a checkpoint's tensors; `weights`: of the network below it.

    where: The checkpoint's name, for messages. Raises as `check_has_head` and `Reader.array`.
    """
    check_has_head(config, tensors, where=where)
    names = _HEADS[config["model_type"]]
    reader = Reader(tensors, where, prefix="")
    n_words, dim = weights.words.shape
    dense, dense_bias = reader.linear(names.dense, inputs=dim, outputs=dim)
    bias = next((name for name in names.bias if reader.has(name)), names.bias[-1])
    tied = not reader.has(names.decoder) and config.get("tie_word_embeddings", True)
    return MaskedHead(
        dense=dense,
        dense_bias=dense_bias,
        norm=reader.norm(names.norm, dim),
        rows=cast(FloatArray, weights.words) if tied else reader.array(names.decoder, n_words, dim),
        bias=reader.array(bias, n_words),
        activation=names.activation or weights.activation,
        epsilon=weights.epsilon if names.epsilon is None else names.epsilon,
    )


def check_has_head(config: Mapping[str, Any], tensors: Tensors, *, where: str) -> None:
    """Raise InvalidInputError if a checkpoint of a known type has no head for masked tokens."""
    names = _HEADS.get(config.get("model_type", ""))
    if names is None:
        return  # `read_bert_weights` refuses it
    wanted = f"{names.dense}.weight"
    if wanted not in tensors:
        raise InvalidInputError(
            f"{where} has no head that predicts masked words: the tensor {wanted} is not there, as "
            "in a checkpoint made for sentences or classes. Give one of a masked language model, "
            "as AutoModelForMaskedLM of transformers writes it"
        )


class HeadEngine:
    """A head on CPU: the small part as a graph, the product with all tokens in NumPy.

    So the tokens' rows, the largest tensor of all, are in memory once.

    Attributes:
        n_tokens: Number of tokens that are scored.
    """

    def __init__(self, head: MaskedHead, *, threads: int = 1) -> None:
        self.n_tokens = len(head.bias)
        self._head = head
        self._session = open_session(head_graph(head), threads=threads)

    def blocks(self, states: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Yield slices of (n, dim) states with their (rows, vocabulary) scores, at most 64 MB each.

        The softmax of a row of scores is the probability of each token there.
        """
        step = max(1, _BLOCK // self.n_tokens)
        for start in range(0, len(states), step):
            part = slice(start, min(start + step, len(states)))
            inner = self._session.run(None, {"states": np.ascontiguousarray(states[part])})[0]
            scores = inner @ self._head.rows.T
            scores += self._head.bias
            yield part, scores


def head_graph(head: MaskedHead) -> bytes:
    """Build the head without its last product: "states" (N, dim) to "inner" (N, dim)."""
    g = Graph()
    dim = len(head.dense_bias)
    x = linear(g, "states", (head.dense, head.dense_bias))
    x = activate(g, x, head.activation)
    norm = map(g.constant, head.norm)
    g.output("inner", "LayerNormalization", x, *norm, axis=-1, epsilon=head.epsilon)
    return g.build({"states": floats("N", dim)}, {"inner": floats("N", dim)})
