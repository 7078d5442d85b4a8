"""Load heavy and optional modules when they are first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from sememe._errors import MissingExtraError

_MODULES = {
    "sentences": "huggingface_hub safetensors",
    "images": "PIL",
    "audio": "soundfile soxr",
    "documents": "pypdf docx",
    "korean": "kiwipiepy",
    "classify": "sklearn scipy",
    "words": "numba tokenizers",
    "train": "torch torchvision timm onnxscript transformers sentence_transformers datasets "
    "accelerate matplotlib",
}
EXTRAS = {module: extra for extra, modules in _MODULES.items() for module in modules.split()}


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
