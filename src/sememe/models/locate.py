"""Resolve the name of a model to its folder: a local path, or hf:org/name on the hub."""

from __future__ import annotations

from pathlib import Path

from sememe.models.bert.weights import ARCHITECTURES
from sememe.models.weights import hub
from sememe.models.weights.folder import SPEECH_TYPES, ModelFolder, ModelKind

# Further files to fetch where a network of that type has no safetensors.
_INSTEAD = {
    **dict.fromkeys([*ARCHITECTURES, "clip"], hub.ONNX_FILES),
    **dict.fromkeys([*SPEECH_TYPES, "clap"], hub.TORCH_FILES),
}


def fetch(name: str) -> Path:
    """Return the folder of hf:org/name[@revision]; see `sememe.models.weights.hub.fetch`."""
    return hub.fetch(name, instead=_INSTEAD)


def locate(source: str, *kinds: ModelKind) -> ModelFolder | None:
    """Return the model of a name; None if there is none or it is of another kind.

    source: A path, or hf:org/name[@revision], which is fetched unless more follows after a colon.
    Raises what `fetch` raises.
    """
    if not source.startswith(hub.PREFIX):
        known = bool(source) and ModelFolder.open(source).holds(*kinds)
        return ModelFolder(Path(source).resolve()) if known else None
    if ":" in source.removeprefix(hub.PREFIX):
        return None
    folder = ModelFolder(fetch(source))
    return folder if folder.holds(*kinds) else None
