"""Load heavy and optional modules when they are first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from sememe._errors import MissingExtraError

EXTRAS = {
    "huggingface_hub": "sentences",
    "safetensors": "sentences",
    "PIL": "images",
    "soundfile": "audio",
    "soxr": "audio",
    "pypdf": "documents",
    "docx": "documents",
    "kiwipiepy": "korean",
    "numba": "words",
    "sklearn": "words",
    "tokenizers": "words",
    "torch": "train",
    "torchvision": "train",
    "timm": "train",
    "onnxscript": "train",
    "transformers": "train",
    "sentence_transformers": "train",
    "datasets": "train",
    "accelerate": "train",
    "matplotlib": "train",
}


def require(module: str, needed_by: str) -> ModuleType:
    """Import an optional module; if it is absent, raise MissingExtraError naming the extra.

    A module that is installed but broken raises its own error.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.split(".")[0]
        if error.name and error.name.split(".")[0] != top:
            raise
        extra = EXTRAS.get(top)
        cure = f"pip install 'sememe[{extra}]'" if extra else f"pip install {top}"
        raise MissingExtraError(
            f"{needed_by} needs {top!r}, which is not installed. Run: {cure}"
        ) from None
