"""The classification head of a cross-encoder: the first token's state to scores.

BERT has a pooler between (a linear layer and tanh), RoBERTa and MPNet the same under another name,
DistilBERT uses ReLU: all are act(x A + a) B + b (Devlin et al. 2019, 4.1; Reimers and Gurevych
2019, arXiv:1908.10084, compare such networks with sentence encoders).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.onnx.transformer import Product
from sememe.models.weights.reader import Reader
from sememe.models.weights.safetensors import Tensors


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of a family's head.

    Attributes:
        dense, out: The two linear layers.
        pooler: Whether the first belongs to the network and has its prefix.
        activation: Between them, by ONNX's name.
    """

    dense: str
    out: str
    pooler: bool = False
    activation: str = "Tanh"


_HEADS = {
    "bert": _Names("pooler.dense", "classifier", pooler=True),
    "distilbert": _Names("pre_classifier", "classifier", activation="Relu"),
    **dict.fromkeys(
        ("roberta", "xlm-roberta", "camembert", "mpnet"),
        _Names("classifier.dense", "classifier.out_proj"),
    ),
}


@dataclass(frozen=True, eq=False, slots=True)
class Head:
    """Two matrices (inputs, outputs) with biases, and the ONNX name of the activation between."""

    dense: Product
    activation: str
    out: Product

    @property
    def outputs(self) -> int:
        """Number of scores of a pair of texts."""
        return len(self.out[1])


def read_classification_head(
    config: Mapping[str, Any], tensors: Tensors, *, dim: int, where: str
) -> Head:
    """Read the head from a checkpoint's tensors; the network is read by `read_bert_weights`.

    dim: Width of the network.

    Raises:
        InvalidInputError: If the checkpoint has no head.
        CorruptFileError: If a tensor is missing, misshapen, or holds NaN.
    """
    names = _HEADS[config["model_type"]]
    outer, inner = Reader(tensors, where, prefix=""), Reader(tensors, where)
    if not outer.has(f"{names.out}.weight"):
        raise InvalidInputError(
            f"{where} holds no head ({names.out}.weight), so it is no cross-encoder. For a "
            f"sentence encoder type sememe.load({where!r})"
        )
    dense = (inner if names.pooler else outer).linear(names.dense, inputs=dim, outputs=dim)
    out = outer.linear(names.out, inputs=dim, outputs=_count_labels(config, where))
    return Head(dense, names.activation, out)


def _count_labels(config: Mapping[str, Any], where: str) -> int:
    """Return the number of labels of a config: two by default, as in transformers."""
    named = config.get("id2label")
    try:
        return int(config.get("num_labels", 2)) if named is None else len(named)
    except (TypeError, ValueError) as error:
        raise CorruptFileError(f"{where}: the labels of its config.json are damaged") from error
