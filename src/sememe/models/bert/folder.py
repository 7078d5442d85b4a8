"""The folder of a sentence encoder, as sentence-transformers writes it.

    config.json, model.safetensors      the network
    tokenizer.json                      the tokenizer, in Hugging Face's format
    modules.json                        Transformer, Pooling, Dense, Normalize
    sentence_bert_config.json           max_seq_length
    config_sentence_transformers.json   prompts

A folder without modules.json is a bare network: its states are averaged, as sentence-transformers
does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import damage_error, fingerprint
from sememe._types import FloatArray
from sememe.models.weights.checkpoint import weight_files
from sememe.models.weights.folder import CONFIG, MODULES, TOKENIZER, ModelFolder
from sememe.models.weights.safetensors import Tensors

_NO_LIMIT = 10**9
_POOLING_NAMES = {
    "cls": "cls", "cls_token": "cls", "max": "max", "max_tokens": "max", "mean": "mean",
    "mean_tokens": "mean", "mean_sqrt_len": "mean_sqrt_len",
    "mean_sqrt_len_tokens": "mean_sqrt_len", "weightedmean": "weighted_mean",
    "weightedmean_tokens": "weighted_mean", "lasttoken": "last",
}  # fmt: skip
_ACTIVATIONS = {"Identity": "", "Tanh": "Tanh", "ReLU": "Relu", "Sigmoid": "Sigmoid"}
_QUERY, _DOCUMENT = ("query", "search_query"), ("document", "passage", "search_document")


@dataclass(frozen=True, eq=False, slots=True)
class Dense:
    """A matrix (inputs, outputs), a bias (outputs,) or None, and the ONNX name of what follows."""

    matrix: FloatArray
    bias: FloatArray | None
    activation: str


@dataclass(frozen=True, eq=False, slots=True)
class SentenceFolder:
    """The documents of an encoder's folder.

    Attributes:
        path: The folder.
        network: The folder of config.json and the weights: `path`, or one inside it.
        config: config.json.
        pooling: How tokens' states become one vector; the results of several are concatenated.
        dense: Layers after pooling.
        max_tokens: The longest sequence that it is meant for, special tokens included; None if
            unknown.
        prompt, query_prompt, document_prompt: Prefixes of a text, a query, and what is searched;
            `prompt` is that for documents unless the folder names a default.
        pool_prompt: Whether the prompt's tokens are pooled with the text's.
    """

    path: Path
    network: Path
    config: Mapping[str, Any]
    pooling: tuple[str, ...]
    dense: tuple[Dense, ...]
    max_tokens: int | None
    prompt: str
    query_prompt: str
    document_prompt: str
    pool_prompt: bool

    def tensors(self) -> Tensors:
        """Read the network's weights; see `ModelFolder.tensors`."""
        return ModelFolder(self.network).tensors()

    def fingerprint(self, weights: Sequence[Path] | None = None) -> str:
        """Return 32 hex digits over all files and settings that shape a vector.

        weights: Files of the network's weights; the checkpoint's by default.
        """
        weights = weight_files(self.network) if weights is None else weights
        parts = []
        for dense in self.dense:
            parts.append(dense.matrix.tobytes() + dense.activation.encode())
            parts.append(b"" if dense.bias is None else dense.bias.tobytes())
        prompts = [self.query_prompt, self.document_prompt, self.pool_prompt]
        if self.prompt != self.document_prompt:
            prompts.append(self.prompt)
        return fingerprint(
            [*weights, self.network / CONFIG, self.tokenizer()],
            parts=parts,
            metadata=[self.pooling, *prompts, self.max_tokens],
        )

    def tokenizer(self) -> Path:
        """Return the path of tokenizer.json; InvalidInputError if there is none."""
        network = ModelFolder(self.network)
        return (network if network.has(TOKENIZER) else ModelFolder(self.path)).tokenizer()


def read_sentence_folder(path: Path) -> SentenceFolder:
    """Read the documents of a folder, but not the network's weights.

    Raises:
        InvalidInputError: If there is no network, or an unsupported module or pooling.
        CorruptFileError: If a file is damaged.
    """
    folder = ModelFolder.open(path)
    steps = _read_steps(folder)
    network = folder.within(next((name for kind, name in steps if kind == "Transformer"), ""))
    pooling: tuple[str, ...] = ("mean",)
    pool_prompt, dense = True, []
    for kind, name in steps:
        if kind == "Pooling":
            settings = folder.within(name).json(CONFIG)
            pooling = _read_pooling(settings, path)
            pool_prompt = bool(settings.get("include_prompt", True))
        elif kind == "Dense":
            dense.append(_read_dense(folder.within(name)))
    settings = folder.json("config_sentence_transformers.json", missing={})
    prompts = settings.get("prompts") or {}
    default = prompts.get(settings.get("default_prompt_name") or "", "")
    document = next((prompts[name] for name in _DOCUMENT if prompts.get(name)), default)
    return SentenceFolder(
        path=path,
        network=network.path,
        config=network.json(CONFIG),
        pooling=pooling,
        dense=tuple(dense),
        max_tokens=_read_limit(folder, network),
        prompt=default or document,
        query_prompt=next((prompts[name] for name in _QUERY if prompts.get(name)), default),
        document_prompt=document,
        pool_prompt=pool_prompt,
    )


def _read_limit(folder: ModelFolder, network: ModelFolder) -> int | None:
    """Return the longest sequence that a folder is meant for, special tokens included.

    sentence-transformers 6 writes it with the tokenizer, where transformers writes a number beyond
    all measure for none.
    """
    limit = network.json("sentence_bert_config.json", missing={}).get("max_seq_length")
    if limit is not None:
        return int(limit)
    for one in dict.fromkeys((network, folder)):
        limit = one.json("tokenizer_config.json", missing={}).get("model_max_length")
        if limit is not None and limit < _NO_LIMIT:
            return int(limit)
    return None


def _read_steps(folder: ModelFolder) -> tuple[tuple[str, str], ...]:
    """Return the kind and the folder of each module."""
    if folder.json(MODULES, missing=None) is None:
        return (("Transformer", ""),)
    if not folder.steps:
        raise damage_error(folder.path / MODULES, "it lists no modules by type and path")
    kinds = [kind for kind, _ in folder.steps]
    known = ("Transformer", "Pooling", "Dense", "Normalize")
    if unknown := [kind for kind in kinds if kind not in known]:
        raise InvalidInputError(
            f"{folder.path} has a step {unknown[0]!r}; sememe supports {', '.join(known)}. Use it "
            "with sentence-transformers"
        )
    if kinds != sorted(kinds, key=known.index):
        raise InvalidInputError(
            f"{folder.path} takes the steps {', '.join(kinds)}; sememe takes them as "
            f"{', '.join(known)}"
        )
    return folder.steps


def _read_pooling(facts: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the poolings that a module's config names, in the order they are put together."""
    names = facts.get("pooling_mode")
    if names is None:
        start = "pooling_mode_"
        flags = [key.removeprefix(start) for key in facts if key.startswith(start) and facts[key]]
        names = [*(name for name in _POOLING_NAMES if name in flags), *flags]
    names = [names] if isinstance(names, str) else names
    names = list(dict.fromkeys(names))
    if unknown := [name for name in names if name not in _POOLING_NAMES]:
        raise InvalidInputError(
            f"{path} pools by {', '.join(map(str, unknown))}; sememe pools by "
            f"{', '.join(_POOLING_NAMES)}"
        )
    if not names:
        raise InvalidInputError(f"{path}: its pooling names no way, such as mean or cls")
    return tuple(_POOLING_NAMES[name] for name in names)


def _read_dense(folder: ModelFolder) -> Dense:
    settings, path = folder.json(CONFIG), folder.path
    name = str(settings.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if name not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise InvalidInputError(f"{path} ends in {name!r}; sememe computes {known}")
    tensors = folder.tensors()
    if "linear.weight" not in tensors:
        raise CorruptFileError(f"{path} lacks 'linear.weight'. Fetch it anew")
    matrix = tensors["linear.weight"].T  # (inputs, outputs)
    return Dense(matrix, tensors.get("linear.bias"), _ACTIVATIONS[name])
