"""The folder of a CLIP model, as transformers or open_clip writes it, or with ONNX files.

    config.json, model.safetensors                      transformers, model_type "clip"
    open_clip_config.json, open_clip_model.safetensors  open_clip
    onnx/text_model.onnx, onnx/vision_model.onnx        towers of any other kind, exported
    tokenizer.json, or vocab.json with merges.txt       the tokenizer
    preprocessor_config.json (processor_config.json)    how pictures are made, but for open_clip

A folder of sentence-transformers with the one step CLIPModel holds such a folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import read_json
from sememe.models.clip.config import ClipConfig, of_open_clip, of_transformers
from sememe.models.clip.preprocess import of_open_clip_config, of_processor
from sememe.models.weights.checkpoint import weight_files
from sememe.models.weights.folder import TOKENIZER
from sememe.models.weights.safetensors import WEIGHTS, read_tensors

if TYPE_CHECKING:
    from sememe.models.image.preprocess import Preprocess
    from sememe.models.weights.safetensors import Tensors

_OPEN, _OPEN_WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
_OPEN_PICKLED = ("open_clip_pytorch_model.bin", "open_clip_pytorch_model.pt")
_ONNX = ("onnx/text_model.onnx", "onnx/vision_model.onnx")
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True, eq=False, slots=True)
class ClipFolder:
    """What a folder says of its model.

    Attributes:
        path: Where its files lie.
        config: The network, for which there is a graph; None: its towers come as ONNX files.
        facts: The config file as it is.
        preprocess: How pictures are made.
        tokenizer: tokenizer.json, or vocab.json and merges.txt.
        files: The weights; or the ONNX files, text first, and what lies beside them.
    """

    path: Path
    config: ClipConfig | None
    facts: Mapping[str, Any]
    preprocess: Preprocess
    tokenizer: tuple[Path, ...]
    files: tuple[Path, ...]

    def tensors(self) -> Tensors:
        """Read the weights.

        Raises:
            CorruptFileError, MissingExtraError: See `read_tensors`.
        """
        found: Tensors = {}
        for path in self.files:
            found |= read_tensors(path)
        return found

    def fingerprint(self) -> str:
        """Return 32 hex digits of all that shapes a vector of either tower."""
        digest = hashlib.blake2b(digest_size=16)
        for path in (*self.files, *self.tokenizer):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        facts = [self.facts, self.preprocess.facts()]
        digest.update(json.dumps(facts, sort_keys=True).encode())
        return digest.hexdigest()


def read_clip_folder(path: Path) -> ClipFolder:
    """Read what a folder says, but for the weights.

    Raises:
        InvalidInputError: A file is missing, or of a kind that sememe cannot use.
        CorruptFileError: A file is damaged.
    """
    path = _within(path) or path
    tokenizer = _tokenizer(path)
    found = _of_graph(path, tokenizer) or _of_onnx(path, tokenizer) or _of_open(path, tokenizer)
    if found is None:
        weight_files(path)  # says what is wrong with them
        raise InvalidInputError(f"{path} holds no network that sememe can read")
    if found.config is not None and found.config.image_size != found.preprocess.size:
        raise CorruptFileError(
            f"{path}: pictures are made {found.preprocess.size} pixels wide, the network reads "
            f"{found.config.image_size}. Fetch it anew"
        )
    return found


def _of_graph(path: Path, tokenizer: tuple[Path, ...]) -> ClipFolder | None:
    facts = _facts(path / "config.json", missing={})
    index = path / f"{WEIGHTS}.index.json"
    if facts.get("model_type") != "clip" or not ((path / WEIGHTS).is_file() or index.is_file()):
        return None
    config = of_transformers(facts, str(path))
    files = tuple(weight_files(path))
    return ClipFolder(path, config, facts, _processor(path), tokenizer, files)


def _of_onnx(path: Path, tokenizer: tuple[Path, ...]) -> ClipFolder | None:
    files = _onnx(path)
    if not files:
        return None
    facts = _facts(path / "config.json")
    return ClipFolder(path, None, facts, _processor(path), tokenizer, files)


def _of_open(path: Path, tokenizer: tuple[Path, ...]) -> ClipFolder | None:
    facts = _facts(path / _OPEN, missing=None)
    if facts is None:
        return None
    where = str(path)
    config = of_open_clip(facts, where)
    preprocess = of_open_clip_config(facts, size=config.image_size, where=where)
    if not (path / _OPEN_WEIGHTS).is_file():
        pickled = next((name for name in _OPEN_PICKLED if (path / name).is_file()), None)
        held = f"{pickled}, which may run code when it is opened" if pickled else "no weights"
        raise InvalidInputError(
            f"{path} holds {held}; sememe reads {_OPEN_WEIGHTS}. Write it where you trust the "
            f"weights: from safetensors.torch import save_file; save_file(model.state_dict(), "
            f"{_OPEN_WEIGHTS!r})"
        )
    return ClipFolder(path, config, facts, preprocess, tokenizer, (path / _OPEN_WEIGHTS,))


def _processor(path: Path) -> Preprocess:
    for name in _PROCESSORS:
        facts = _facts(path / name, missing={})
        facts = facts.get("image_processor") if name == _PROCESSORS[1] else facts
        if isinstance(facts, dict) and facts:
            return of_processor(facts, f"{path / name}")
    raise InvalidInputError(
        f"{path} holds no {_PROCESSORS[0]}, so nothing says how pictures are made. Write it there "
        f"with transformers: CLIPImageProcessor().save_pretrained({str(path)!r})"
    )


def _tokenizer(path: Path) -> tuple[Path, ...]:
    pair = (path / "vocab.json", path / "merges.txt")
    if (path / TOKENIZER).is_file():
        return (path / TOKENIZER,)
    if all(file.is_file() for file in pair):
        return pair
    raise InvalidInputError(
        f"{path} holds no {TOKENIZER}, nor vocab.json with merges.txt. Write it there with "
        f"transformers: AutoTokenizer.from_pretrained({str(path)!r}).save_pretrained"
        f"({str(path)!r})"
    )


def _onnx(path: Path) -> tuple[Path, ...]:
    """Return both ONNX files, and what they keep beside them; () where one is missing."""
    files = [path / name for name in _ONNX]
    if not all(file.is_file() for file in files):
        return ()
    beside = [more for file in files for more in sorted(file.parent.glob(f"{file.name}_*"))]
    return (*files, *beside)


def _within(path: Path) -> Path | None:
    """Return the folder of the one step CLIPModel, where a folder has modules."""
    steps = _quietly(path / "modules.json")
    try:
        if len(steps) == 1 and steps[0]["type"].rsplit(".", 1)[-1] == "CLIPModel":
            return path / str(steps[0]["path"])
    except (TypeError, KeyError, AttributeError):
        pass
    return None


def _facts(path: Path, **missing: Any) -> Any:
    """Return the object in a JSON file, as `read_json` does."""
    found = read_json(path, **missing)
    if not isinstance(found, dict) and found is not None:
        raise CorruptFileError(f"{path} holds no object. Fetch it anew")
    return found


def _quietly(path: Path) -> Any:
    """Return what a JSON file holds, None where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
