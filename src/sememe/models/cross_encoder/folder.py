"""The folder of a cross-encoder, as transformers or sentence-transformers' CrossEncoder writes it.

config.json                         the network; labels; up to sentence-transformers 5 the
                                    activation of scores
tokenizer.json                      the tokenizer, in Hugging Face's format
tokenizer_config.json               model_max_length, model_input_names
modules.json                        one step: Transformer (may be missing)
sentence_bert_config.json           max_seq_length (may be missing)
config_sentence_transformers.json   prompts; activation_fn (may be missing)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.bert.folder import read_sentence_folder
from sememe.models.bert.weights import BertWeights, read_bert_weights
from sememe.models.cross_encoder.head import Head, read_classification_head
from sememe.models.weights.folder import ModelFolder

Activation = Literal["sigmoid", "identity"]


@dataclass(frozen=True, eq=False, slots=True)
class CrossFolder:
    """The content of a cross-encoder's folder.

    Attributes:
        weights: The network.
        head: The classification head.
        activation: Of a single score.
        labels: Names of the outputs.
        exclusive: Whether exactly one label applies to a pair, so that probabilities sum to 1.
        tokenizer: Path of the tokenizer.
        window: The longest sequence, special tokens included.
        typed: Whether the network gets token types.
        prompt: Prefix of the first text of every pair.
    """

    weights: BertWeights
    head: Head
    activation: Activation
    labels: tuple[str, ...]
    exclusive: bool
    tokenizer: Path
    window: int
    typed: bool
    prompt: str


def read_cross_folder(path: Path) -> CrossFolder:
    """Read a folder, weights included.

    Raises:
        InvalidInputError: If there is no network or head, or an unsupported one.
        CorruptFileError: If a file is damaged, or its tensors do not fit config.json.
    """
    folder = read_sentence_folder(path)
    config, tensors = folder.config, folder.tensors()
    weights = read_bert_weights(config, tensors, where=str(path))
    head = read_classification_head(config, tensors, dim=weights.dim, where=str(path))
    own = ModelFolder.open(path).json("config_sentence_transformers.json", missing={})
    prompts = own.get("prompts") or {}
    settings = ModelFolder(folder.tokenizer().parent).json("tokenizer_config.json", missing={})
    longest = folder.max_tokens or settings.get("model_max_length") or weights.max_tokens
    return CrossFolder(
        weights=weights,
        head=head,
        activation=_read_activation(config, own, path),
        labels=_read_labels(config, head.outputs, path),
        exclusive=config.get("problem_type") != "multi_label_classification",
        tokenizer=folder.tokenizer(),
        window=min(int(longest), weights.max_tokens),
        typed=_is_typed(settings),
        prompt=prompts.get(own.get("default_prompt_name") or "") or "",
    )


def _is_typed(settings: Mapping[str, Any]) -> bool:
    """Return whether the tokenizer marks token types, as BERT's does by default.

    transformers 5 writes TokenizersBackend for a generic tokenizer, which does not.
    """
    names = settings.get("model_input_names")
    if names is None:
        return settings.get("tokenizer_class") != "TokenizersBackend"
    return "token_type_ids" in names


def _read_activation(config: Mapping[str, Any], own: Mapping[str, Any], path: Path) -> Activation:
    """Return the activation that sentence-transformers uses: the first given, else the sigmoid."""
    older = (config.get("sentence_transformers") or {}).get("activation_fn")
    given = own.get("activation_fn") or older or config.get("sbert_ce_default_activation_function")
    name = str(given or "Sigmoid").rsplit(".", 1)[-1].lower()
    if name in get_args(Activation):
        return cast(Activation, name)
    raise InvalidInputError(
        f"{path} passes its scores through {given!r}; sememe computes "
        f"{', '.join(get_args(Activation))}. Use it with sentence-transformers, or write "
        '"torch.nn.modules.linear.Identity" as the activation_fn of its config'
    )


def _read_labels(config: Mapping[str, Any], outputs: int, path: Path) -> tuple[str, ...]:
    named = config.get("id2label") or {i: f"LABEL_{i}" for i in range(outputs)}
    try:
        by_index = {int(index): str(name) for index, name in named.items()}
        return tuple(by_index[i] for i in range(outputs))
    except (AttributeError, ValueError, KeyError) as error:
        raise CorruptFileError(
            f"{path}: id2label of its config.json does not name the labels 0 to {outputs - 1}"
        ) from error
