"""The folder of a CLIP model, as transformers or open_clip writes it, or with ONNX files.

    config.json, model.safetensors                      transformers, model_type "clip"
    open_clip_config.json, open_clip_model.safetensors  open_clip
    onnx/text_model.onnx, onnx/vision_model.onnx        towers of any other kind, exported
    tokenizer.json, or vocab.json with merges.txt       the tokenizer
    preprocessor_config.json (processor_config.json)    how images are prepared, but for open_clip

A folder of sentence-transformers with the one step CLIPModel holds such a folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import fingerprint
from sememe.models.clip.config import ClipConfig, read_config, read_open_clip_config
from sememe.models.clip.preprocess import read_open_clip_preprocess, read_preprocess
from sememe.models.image.preprocess import Preprocess
from sememe.models.weights.folder import CLIP_ONNX, CONFIG, OPEN_CLIP, ModelFolder, NetworkFolder
from sememe.models.weights.safetensors import WEIGHTS

_OPEN_WEIGHTS = "open_clip_model.safetensors"
_OPEN_PICKLED = ("open_clip_pytorch_model.bin", "open_clip_pytorch_model.pt")


@dataclass(frozen=True, eq=False)
class ClipFolder(NetworkFolder):
    """The documents of a model's folder.

    Attributes:
        files: The weights; or the ONNX files, text first, and their external data.
        config: The network, for which there is a graph; None: its towers are ONNX files.
        facts: Content of the config file.
        preprocess: How images are prepared.
        tokenizer: tokenizer.json, or vocab.json and merges.txt.
    """

    config: ClipConfig | None
    facts: Mapping[str, Any]
    preprocess: Preprocess
    tokenizer: tuple[Path, ...]

    def fingerprint(self) -> str:
        """Return 32 hex digits of all that shapes a vector of either tower."""
        metadata = [self.facts, self.preprocess.facts()]
        return fingerprint((*self.files, *self.tokenizer), metadata=metadata)


def read_clip_folder(path: Path) -> ClipFolder:
    """Read the documents of a folder, but not the weights.

    Raises:
        InvalidInputError: If a file is missing or of an unsupported kind.
        CorruptFileError: If a file is damaged.
    """
    folder = ModelFolder.open(path)
    if [kind for kind, _ in folder.steps] == ["CLIPModel"]:
        folder = folder.within(folder.steps[0][1])
    tokenizer = _find_tokenizer(folder)
    for read in (_read_transformers, _read_onnx, _read_open_clip):
        if (result := read(folder, tokenizer)) is not None:
            return result
    folder.weight_files()  # reports what is wrong with them
    raise InvalidInputError(f"{folder.path} holds no network that sememe can read")


def _read_transformers(folder: ModelFolder, tokenizer: tuple[Path, ...]) -> ClipFolder | None:
    facts = folder.object(CONFIG, missing={})
    complete = folder.has(WEIGHTS) or folder.has(f"{WEIGHTS}.index.json")
    if facts.get("model_type") != "clip" or not complete:
        return None
    config = read_config(facts, str(folder.path))
    files, preprocess = folder.weight_files(), _read_processor(folder)
    if config.image_size != preprocess.size:
        raise CorruptFileError(
            f"{folder.path}: images are made {preprocess.size} pixels wide, the network reads "
            f"{config.image_size}. Fetch it anew"
        )
    return ClipFolder(folder.path, files, config, facts, preprocess, tokenizer)


def _read_onnx(folder: ModelFolder, tokenizer: tuple[Path, ...]) -> ClipFolder | None:
    if not all(map(folder.has, CLIP_ONNX)):
        return None
    files = [folder.path / name for name in CLIP_ONNX]
    external = [more for file in files for more in sorted(file.parent.glob(f"{file.name}_*"))]
    facts, preprocess = folder.object(CONFIG), _read_processor(folder)
    return ClipFolder(folder.path, (*files, *external), None, facts, preprocess, tokenizer)


def _read_open_clip(folder: ModelFolder, tokenizer: tuple[Path, ...]) -> ClipFolder | None:
    if not folder.has(OPEN_CLIP):
        return None
    facts, path = folder.object(OPEN_CLIP), folder.path
    config = read_open_clip_config(facts, str(path))
    preprocess = read_open_clip_preprocess(facts, size=config.image_size, where=str(path))
    if not folder.has(_OPEN_WEIGHTS):
        pickled = next((name for name in _OPEN_PICKLED if folder.has(name)), None)
        held = f"{pickled}, which may run code when it is opened" if pickled else "no weights"
        raise InvalidInputError(
            f"{path} holds {held}; sememe reads {_OPEN_WEIGHTS}. Write it where you trust the "
            f"weights: from safetensors.torch import save_file; save_file(model.state_dict(), "
            f"{_OPEN_WEIGHTS!r})"
        )
    return ClipFolder(path, (path / _OPEN_WEIGHTS,), config, facts, preprocess, tokenizer)


def _read_processor(folder: ModelFolder) -> Preprocess:
    name, document = folder.processor("image_processor", writer="CLIPImageProcessor")
    return read_preprocess(document, str(folder.path / name))


def _find_tokenizer(folder: ModelFolder) -> tuple[Path, ...]:
    pair = ("vocab.json", "merges.txt")
    if all(map(folder.has, pair)) and not folder.has("tokenizer.json"):
        return tuple(folder.path / name for name in pair)
    return (folder.tokenizer(other=", nor vocab.json with merges.txt"),)
