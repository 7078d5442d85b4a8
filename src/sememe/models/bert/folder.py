"""The folder of a sentence encoder, as sentence-transformers writes it: what is done to states.

    config.json                         the network (its weights beside it)
    tokenizer.json                      the tokenizer, in Hugging Face's format
    modules.json                        the steps: Transformer, Pooling, Dense, Normalize
    sentence_bert_config.json           max_seq_length
    config_sentence_transformers.json   prompts

A folder without modules.json is a bare network: its states are averaged, as sentence-transformers
does with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import read_json
from sememe.models.weights.checkpoint import weight_files
from sememe.models.weights.folder import TOKENIZER
from sememe.models.weights.safetensors import read_tensors

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.weights.safetensors import Tensors

_NO_LIMIT = 10**9
_POOLING_NAMES = {
    "cls": "cls", "cls_token": "cls", "max": "max", "max_tokens": "max", "mean": "mean",
    "mean_tokens": "mean", "mean_sqrt_len": "mean_sqrt_len",
    "mean_sqrt_len_tokens": "mean_sqrt_len", "weightedmean": "weighted_mean",
    "weightedmean_tokens": "weighted_mean", "lasttoken": "last",
}  # fmt: skip
DENSE_ACTIVATIONS = {"Identity": "", "Tanh": "Tanh", "ReLU": "Relu", "Sigmoid": "Sigmoid"}
_QUERY, _DOCUMENT = ("query", "search_query"), ("document", "passage", "search_document")


@dataclass(frozen=True, eq=False, slots=True)
class Dense:
    """A matrix (inputs, outputs), a bias (outputs,) or None, and the ONNX name of what follows."""

    matrix: FloatArray
    bias: FloatArray | None
    activation: str


@dataclass(frozen=True, eq=False, slots=True)
class SentenceFolder:
    """What a folder says of its encoder.

    Attributes:
        path: The folder.
        network: Where config.json and the weights lie, the folder or one inside it.
        config: config.json.
        pooling: How tokens' states become one vector; several are put side by side.
        dense: What that vector passes through.
        max_tokens: The longest sequence that it is meant for, marks included; None: unsaid.
        query_prompt, document_prompt: What is put before a text.
        pool_prompt: Whether the prompt's tokens are pooled with the text's.
    """

    path: Path
    network: Path
    config: Mapping[str, Any]
    pooling: tuple[str, ...]
    dense: tuple[Dense, ...]
    max_tokens: int | None
    query_prompt: str
    document_prompt: str
    pool_prompt: bool

    def tensors(self) -> Tensors:
        """Read the network's weights.

        Raises:
            InvalidInputError, CorruptFileError: See `weight_files` and `read_tensors`.
        """
        found: Tensors = {}
        for path in weight_files(self.network):
            found |= read_tensors(path)
        return found

    def fingerprint(self, weights: Sequence[Path] | None = None) -> str:
        """Return 32 hex digits of the bytes of all files that shape a vector.

        weights: Those with the network; the checkpoint's unless told.
        """
        digest = hashlib.blake2b(digest_size=16)
        weights = weight_files(self.network) if weights is None else weights
        files = [*weights, self.network / "config.json", self.tokenizer()]
        for path in files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        for dense in self.dense:
            digest.update(dense.matrix.tobytes() + dense.activation.encode())
            digest.update(b"" if dense.bias is None else dense.bias.tobytes())
        facts = [self.pooling, self.query_prompt, self.document_prompt, self.pool_prompt]
        digest.update(json.dumps([*facts, self.max_tokens]).encode())
        return digest.hexdigest()

    def tokenizer(self) -> Path:
        """Return the tokenizer's file.

        Raises:
            InvalidInputError: There is none.
        """
        for folder in dict.fromkeys((self.network, self.path)):
            if (folder / TOKENIZER).is_file():
                return folder / TOKENIZER
        raise InvalidInputError(
            f"{self.path} holds no {TOKENIZER}. Write it there with transformers: "
            f"AutoTokenizer.from_pretrained({str(self.path)!r}).save_pretrained"
            f"({str(self.path)!r})"
        )


def read_sentence_folder(path: Path) -> SentenceFolder:
    """Read what a folder says, but for the network's weights.

    Raises:
        InvalidInputError: A step or pooling that sememe does not know, or no network.
        CorruptFileError: A file is damaged.
    """
    steps = _steps(path)
    network = path / next((place for kind, place in steps if kind == "Transformer"), "")
    pooling: tuple[str, ...] = ("mean",)
    pool_prompt, dense = True, []
    for kind, place in steps:
        if kind == "Pooling":
            facts = read_json(path / place / "config.json")
            pooling, pool_prompt = _pooling(facts, path), bool(facts.get("include_prompt", True))
        elif kind == "Dense":
            dense.append(_dense(path / place))
    limit = _limit(path, network)
    facts = read_json(path / "config_sentence_transformers.json", missing={})
    prompts = facts.get("prompts") or {}
    usual = prompts.get(facts.get("default_prompt_name") or "", "")
    return SentenceFolder(
        path=path,
        network=network,
        config=read_json(network / "config.json"),
        pooling=pooling,
        dense=tuple(dense),
        max_tokens=limit,
        query_prompt=next((prompts[name] for name in _QUERY if prompts.get(name)), usual),
        document_prompt=next((prompts[name] for name in _DOCUMENT if prompts.get(name)), usual),
        pool_prompt=pool_prompt,
    )


def _limit(path: Path, network: Path) -> int | None:
    """Return the longest sequence that a folder is meant for, marks included.

    sentence-transformers 6 writes it with the tokenizer, where transformers writes a number beyond
    all measure for none.
    """
    limit = read_json(network / "sentence_bert_config.json", missing={}).get("max_seq_length")
    if limit is not None:
        return int(limit)
    for folder in dict.fromkeys((network, path)):
        found = read_json(folder / "tokenizer_config.json", missing={}).get("model_max_length")
        if found is not None and found < _NO_LIMIT:
            return int(found)
    return None


def _steps(path: Path) -> list[tuple[str, str]]:
    """Return the kind and the folder of each step."""
    modules = read_json(path / "modules.json", missing=None)
    if modules is None:
        return [("Transformer", "")]
    try:
        steps = [(step["type"].rsplit(".", 1)[-1], step["path"]) for step in modules]
    except (TypeError, KeyError, AttributeError) as error:
        raise CorruptFileError(f"{path / 'modules.json'} is damaged: {error!r}") from error
    known = ("Transformer", "Pooling", "Dense", "Normalize")
    for kind, _ in steps:
        if kind not in known:
            raise InvalidInputError(
                f"{path} has a step {kind!r}; sememe knows {', '.join(known)}. Use it with "
                "sentence-transformers"
            )
    kinds = [kind for kind, _ in steps]
    if kinds != sorted(kinds, key=known.index):
        raise InvalidInputError(
            f"{path} takes the steps {', '.join(kinds)}; sememe takes them as {', '.join(known)}"
        )
    return steps


def _pooling(facts: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the poolings that a module's config names, in the order they are put together."""
    given = facts.get("pooling_mode")
    if given is not None:
        names = [given] if isinstance(given, str) else list(given)
    else:
        marks = {key.removeprefix("pooling_mode_"): value for key, value in facts.items()
                 if key.startswith("pooling_mode_")}  # fmt: skip
        names = [name for name in [*_POOLING_NAMES, *marks] if marks.get(name)]
    names = list(dict.fromkeys(names))
    if unknown := [name for name in names if name not in _POOLING_NAMES]:
        raise InvalidInputError(
            f"{path} pools by {', '.join(map(str, unknown))}; sememe pools by "
            f"{', '.join(_POOLING_NAMES)}"
        )
    if not names:
        raise InvalidInputError(f"{path}: its pooling names no way, such as mean or cls")
    return tuple(_POOLING_NAMES[name] for name in names)


def _dense(path: Path) -> Dense:
    facts = read_json(path / "config.json")
    name = str(facts.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if name not in DENSE_ACTIVATIONS:
        known = ", ".join(DENSE_ACTIVATIONS)
        raise InvalidInputError(f"{path} ends in {name!r}; sememe computes {known}")
    tensors = read_tensors(weight_files(path)[0])
    try:
        matrix = tensors["linear.weight"].T
    except KeyError as error:
        raise CorruptFileError(f"{path} lacks {error}. Fetch it anew") from error
    return Dense(matrix, tensors.get("linear.bias"), DENSE_ACTIVATIONS[name])
