"""A folder with a model: its kinds, documents and tensors.

    ModelFolder.open("minilm").kind          ModelKind.SENTENCE
    ModelFolder.open("minilm").json("config.json")["hidden_size"]

The kinds follow from documents alone (sememe.json, config.json, modules.json) and from which
files exist; nothing else is read and nothing is fetched. A folder can be of several kinds: most
that hold a config.json can also be read as a bare text network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sememe._errors import CorruptFileError, InvalidInputError, SememeError
from sememe._persistence import ABOUT, FORMAT, check_format, read_json
from sememe.models.weights.checkpoint import read_weights, weight_files
from sememe.models.weights.safetensors import Tensors

CONFIG, MODULES, TOKENIZER = "config.json", "modules.json", "tokenizer.json"
PROCESSOR, _PROCESSORS = "preprocessor_config.json", "processor_config.json"
OPEN_CLIP = "open_clip_config.json"
CLIP_ONNX = ("onnx/text_model.onnx", "onnx/vision_model.onnx")
SPEECH_TYPES = ("wav2vec2", "hubert", "unispeech", "unispeech-sat")
_ABSENT = object()
_WEIGHTS = re.compile(r"[a-z0-9_]+-[0-9a-f]{8}\.pth")  # of torchvision


class ModelKind(Enum):
    """What a folder can be opened as; the value is its name in messages."""

    IMAGE = "image encoder"
    TIMM = "network of timm"
    TORCHVISION = "file of torchvision's weights"
    MEL_STATISTICS = "audio statistics encoder"
    TEXT_CLASSIFIER = "text classifier"
    IMAGE_PROBE = "image classifier"
    AUDIO_PROBE = "audio classifier"
    JOINT = "joint space"
    CLAP = "CLAP model"
    RECOGNISER = "speech recogniser"
    SPEECH_CLASSIFIER = "audio classification network"
    SPEECH = "network of speech"
    CLIP = "CLIP model"
    STATIC = "static encoder"
    CROSS_ENCODER = "cross-encoder"
    MASKED_LM = "masked language model"
    SENTENCE = "sentence encoder"
    WORD_VECTORS = "word vectors"
    TOKENIZER = "tokenizer"


@dataclass(eq=False)
class ModelFolder:
    """A folder with a model, or a file with weights. Each document is read once, when needed.

    Attributes:
        path: The folder or file; it need not exist.
    """

    path: Path
    _documents: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Return the folder of a path. Nothing is read yet."""
        return cls(Path(path))

    @cached_property
    def kinds(self) -> tuple[ModelKind, ...]:
        """All kinds that this folder can be opened as, the one to prefer first; () if none."""
        return tuple(kind for kind, rule in _RULES.items() if rule(self))

    @property
    def kind(self) -> ModelKind | None:
        """The preferred kind; None if the folder holds no model or does not exist."""
        return self.kinds[0] if self.kinds else None

    def holds(self, *kinds: ModelKind) -> bool:
        """Return whether this folder can be opened as one of these kinds."""
        return any(kind in self.kinds for kind in kinds)

    def json(self, name: str, **missing: Any) -> Any:
        """Return the content of a JSON file, or `missing` if given and there is no such file.

        Raises:
            InvalidInputError: If there is no such file.
            CorruptFileError: If the file cannot be read or is not JSON.
        """
        if name not in self._documents:
            self._documents[name] = read_json(self.path / name, missing=_ABSENT)
        document = self._documents[name]
        return read_json(self.path / name, **missing) if document is _ABSENT else document

    def object(self, name: str, **missing: Any) -> Mapping[str, Any]:
        """Return the object in a JSON file, as `json` does; CorruptFileError if it is none."""
        document = self.json(name, **missing)
        if not isinstance(document, dict):
            raise CorruptFileError(f"{self.path / name} holds no object. Fetch it anew")
        return document

    def about(self, *, known: int = FORMAT) -> Mapping[str, Any]:
        """Return sememe.json; CorruptFileError if it is missing, damaged or of another format."""
        document = self.object(ABOUT, missing={})
        if not document:
            raise CorruptFileError(f"{self.path} lacks {ABOUT}. Fetch it anew")
        check_format(self.path / ABOUT, document.get("format"), known)
        return document

    def within(self, name: str) -> ModelFolder:
        """Return a folder inside this one; this one itself for "" or "."."""
        return self if name in ("", ".") else ModelFolder(self.path / name)

    def has(self, name: str) -> bool:
        """Return whether a file of that name exists."""
        try:
            return (self.path / name).is_file()
        except OSError:  # too long for a name
            return False

    def weight_files(self, *, torch: bool = False) -> tuple[Path, ...]:
        """Return the files that hold the weights; see `weight_files` of `weights.checkpoint`."""
        return weight_files(self.path, torch=torch)

    def tensors(self) -> Tensors:
        """Read all tensors; see `weight_files` and `read_weights` of `weights.checkpoint`."""
        return read_weights(self.weight_files())

    def tokenizer(self, *, other: str = "") -> Path:
        """Return tokenizer.json; InvalidInputError if there is none, nor the `other` files."""
        if not self.has(TOKENIZER):
            path = repr(str(self.path))
            raise InvalidInputError(
                f"{self.path} holds no {TOKENIZER}{other}. Write it there with transformers: "
                f"AutoTokenizer.from_pretrained({path}).save_pretrained({path})"
            )
        return self.path / TOKENIZER

    def processor(self, part: str, *, writer: str = "") -> tuple[str, Mapping[str, Any]]:
        """Return the name and content of the file that configures the preprocessing of inputs.

        part: The entry of processor_config.json: "image_processor" or "feature_extractor".
        writer: The class of transformers that writes it. Without one the file may be missing: that
            gives ("", {}).

        Raises:
            InvalidInputError: If it is missing.
            CorruptFileError: If a file cannot be read or holds no object.
        """
        own = self.object(PROCESSOR, missing={})
        shared = {} if own else self.object(_PROCESSORS, missing={}).get(part)
        name, config = (PROCESSOR, own) if own else (_PROCESSORS, shared)
        if config and isinstance(config, dict):
            return name, config
        if writer:
            raise InvalidInputError(
                f"{self.path} holds no {PROCESSOR}, so how inputs are prepared is not known. Write "
                f"it there with transformers: {writer}().save_pretrained({str(self.path)!r})"
            )
        return "", {}

    def peek(self, name: str) -> Mapping[str, Any]:
        """Return the object in a JSON file, {} if it is missing, damaged or something else."""
        try:
            return self.object(name, missing={})
        except (SememeError, OSError, ValueError):
            return {}

    @cached_property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """(kind, folder) of each step in modules.json; () if it is missing or makes no sense."""
        try:
            steps = self.json(MODULES, missing=())
            return tuple((step["type"].rsplit(".", 1)[-1], str(step["path"])) for step in steps)
        except (SememeError, OSError, ValueError, TypeError, KeyError, AttributeError):
            return ()


@dataclass(frozen=True, eq=False)
class NetworkFolder:
    """Base of the families' folders: the documents are read, the weights are not.

    Attributes:
        path: The folder of the network.
        files: The files with the weights.
    """

    path: Path
    files: tuple[Path, ...]

    def tensors(self) -> Tensors:
        """Read all tensors; see `read_weights`."""
        return read_weights(self.files)


def _declares(kind: str) -> Callable[[ModelFolder], bool]:
    """Return the rule that sememe.json declares a kind."""
    return lambda folder: folder.peek(ABOUT).get("kind") == kind


def _is_of_type(*types: str, head: str = "") -> Callable[[ModelFolder], bool]:
    """Return the rule that config.json names one of these model types, and this head if any."""
    return lambda folder: (
        folder.peek(CONFIG).get("model_type") in types and (not head or _has_head(folder, head))
    )


def _has_head(folder: ModelFolder, head: str) -> bool:
    """Return whether one of config.json's architectures ends in `head`."""
    names = folder.peek(CONFIG).get("architectures")
    return isinstance(names, list) and any(str(name).endswith(head) for name in names)


def _is_timm(folder: ModelFolder) -> bool:
    config = folder.peek(CONFIG)
    return "architecture" in config and "model_type" not in config


def _is_clip(folder: ModelFolder) -> bool:
    nested = [kind for kind, _ in folder.steps] == ["CLIPModel"]
    exported = all(map(folder.has, CLIP_ONNX))
    return nested or exported or folder.has(OPEN_CLIP) or _is_of_type("clip")(folder)


def _is_static(folder: ModelFolder) -> bool:
    first = folder.steps[:1]
    return _is_of_type("model2vec")(folder) or [kind for kind, _ in first] == ["StaticEmbedding"]


def _is_cross_encoder(folder: ModelFolder) -> bool:
    """Return whether a single network classifies sequences and nothing pools its states."""
    if len(folder.steps) != int(folder.has(MODULES)):
        return False
    network = folder.within(folder.steps[0][1]) if folder.steps else folder
    return _has_head(network, "ForSequenceClassification")


def _is_masked_lm(folder: ModelFolder) -> bool:
    return not folder.has(MODULES) and _has_head(folder, "ForMaskedLM")


def _is_tokenizer(folder: ModelFolder) -> bool:
    others = (CONFIG, MODULES, ABOUT, OPEN_CLIP)
    return folder.has(TOKENIZER) and not any(map(folder.has, others))


_RULES: dict[ModelKind, Callable[[ModelFolder], bool]] = {
    ModelKind.IMAGE: _declares("image-encoder"),
    ModelKind.TIMM: _is_timm,
    ModelKind.TORCHVISION: lambda file: bool(_WEIGHTS.fullmatch(file.path.name)) and file.has(""),
    ModelKind.MEL_STATISTICS: _declares("mel-statistics"),
    ModelKind.TEXT_CLASSIFIER: _declares("text-classifier"),
    ModelKind.IMAGE_PROBE: _declares("image-classifier"),
    ModelKind.AUDIO_PROBE: _declares("audio-classifier"),
    ModelKind.JOINT: _declares("joint"),
    ModelKind.CLAP: _is_of_type("clap"),
    ModelKind.RECOGNISER: _is_of_type(*SPEECH_TYPES, head="ForCTC"),
    ModelKind.SPEECH_CLASSIFIER: _is_of_type(*SPEECH_TYPES, head="ForSequenceClassification"),
    ModelKind.SPEECH: _is_of_type(*SPEECH_TYPES),
    ModelKind.CLIP: _is_clip,
    ModelKind.STATIC: _is_static,
    ModelKind.CROSS_ENCODER: _is_cross_encoder,
    ModelKind.MASKED_LM: _is_masked_lm,
    ModelKind.SENTENCE: lambda folder: folder.has(MODULES) or folder.has(CONFIG),
    ModelKind.WORD_VECTORS: lambda folder: "vectors" in folder.peek(ABOUT),
    ModelKind.TOKENIZER: _is_tokenizer,
}
