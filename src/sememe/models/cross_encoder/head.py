"""The head of a cross-encoder: from the state of the first token to one score or one per label.

BERT puts a pooler between (a matrix and tanh), RoBERTa and MPNet have the same under another name,
DistilBERT takes relu: all are act(x A + a) B + b (Devlin et al. 2019, 4.1; Reimers and Gurevych
2019, arXiv:1908.10084, compare such networks with sentence encoders).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.weights.reader import Reader

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.weights.safetensors import Tensors


@dataclass(frozen=True, slots=True)
class _Names:
    """What a family calls its head.

    Attributes:
        dense, out: The two matrices.
        pooler: Whether the first is the network's own and carries its prefix.
        activation: What stands between them, as ONNX calls it.
    """

    dense: str
    out: str
    pooler: bool = False
    activation: str = "Tanh"


_ROBERTA = _Names("classifier.dense", "classifier.out_proj")
_HEADS = {
    "bert": _Names("pooler.dense", "classifier", pooler=True),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "distilbert": _Names("pre_classifier", "classifier", activation="Relu"),
    "mpnet": _ROBERTA,
}


@dataclass(frozen=True, eq=False, slots=True)
class Head:
    """Two matrices (inputs, outputs) with their biases, and the ONNX name of what is between."""

    dense: FloatArray
    dense_bias: FloatArray
    activation: str
    out: FloatArray
    out_bias: FloatArray

    @property
    def outputs(self) -> int:
        """How many numbers a pair of texts gets."""
        return len(self.out_bias)


def read_classification_head(
    config: Mapping[str, Any], tensors: Tensors, *, dim: int, where: str
) -> Head:
    """Take the head out of a checkpoint's tensors; the network is read by `read_bert_weights`.

    dim: Width of the network.

    Raises:
        InvalidInputError: The checkpoint has no head.
        CorruptFileError: A part of it is missing, of another shape than its config.json says, or
            holds NaN.
    """
    names = _HEADS[config["model_type"]]
    outer, inner = Reader(tensors, where, prefix=""), Reader(tensors, where)
    if not outer.has(f"{names.out}.weight"):
        raise InvalidInputError(
            f"{where} holds no head ({names.out}.weight), so it is no cross-encoder. For a "
            f"sentence encoder type sememe.load({where!r})"
        )
    reader = inner if names.pooler else outer
    dense, dense_bias = reader.linear(names.dense, inputs=dim, outputs=dim)
    out, out_bias = outer.linear(names.out, inputs=dim, outputs=_outputs(config, where))
    return Head(dense, dense_bias, names.activation, out, out_bias)


def _outputs(config: Mapping[str, Any], where: str) -> int:
    """Return how many labels a config has: as transformers says, two where it names none."""
    named = config.get("id2label")
    try:
        return int(config.get("num_labels", 2)) if named is None else len(named)
    except (TypeError, ValueError) as error:
        raise CorruptFileError(f"{where}: the labels of its config.json are damaged") from error
