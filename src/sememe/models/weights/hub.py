"""Checkpoints from the Hugging Face hub: hf:org/name, or hf:org/name@revision.

Only such names use the network, and only the first time: once all files of a revision are complete,
they are used without a request. `huggingface_hub` downloads into its own cache, resumes interrupted
downloads, and honours HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE. Here every file is compared with
the hub's hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, HubError, InvalidInputError, UnknownNameError
from sememe._lazy import require
from sememe._persistence import hash_file
from sememe.models.weights.cache import cache_folder, keep
from sememe.models.weights.folder import ModelFolder

PREFIX = "hf:"
ONNX_FILES = (
    "onnx/model.onnx*", "onnx/model_quantized.onnx*", "model.onnx*",
    "onnx/text_model.onnx*", "onnx/vision_model.onnx*",
)  # fmt: skip
TORCH_FILES = ("pytorch_model*.bin",)
_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_UNWANTED = ["onnx/*", "openvino/*", "*/onnx/*"]


def fetch(name: str, *, instead: Mapping[str, Sequence[str]]) -> Path:
    """Return the folder with the files of hf:org/name[@revision], downloading missing files.

    instead: For each model type whose graph is built from safetensors, the patterns of the files
        that serve where a repository has none. A network of another type comes with ONNX files.

    Raises:
        InvalidInputError: If the name is not of that form.
        UnknownNameError: If the hub has no such repository or revision, or it is private.
        HubError: If the hub cannot be reached.
        CorruptFileError: If a file does not have the hub's hash; it is removed.
        MissingExtraError: If huggingface_hub is not installed.
    """
    match = _NAME.fullmatch(name.removeprefix(PREFIX))
    if match is None:
        raise InvalidInputError(
            f"{name!r} names no model of the hub; give hf:org/name or hf:org/name@revision."
        )
    repository, revision = match[1], match[2] or "main"
    note = cache_folder() / "hub" / f"{repository}@{revision}.json".replace("/", "--")
    if (kept := _read_note(note)) is not None:
        return kept
    folder = _download(repository, revision, _WANTED, _UNWANTED)
    if more := _find_missing(folder, instead):
        unwanted = ["openvino/*"] if more == ONNX_FILES else _UNWANTED
        folder = _download(repository, revision, [*_WANTED, *more], unwanted)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        _check(path)
    names = [str(path.relative_to(folder)) for path in files]
    keep(note, json.dumps({"folder": str(folder), "files": names}).encode())
    return folder


def _find_missing(folder: Path, instead: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the patterns of files that a network still needs, () if it is complete."""
    kind = ModelFolder.open(folder).peek("config.json").get("model_type")
    complete = kind is None or (kind in instead and any(folder.rglob("*.safetensors")))
    return () if complete else tuple(instead.get(str(kind), ONNX_FILES))


def _download(repository: str, revision: str, wanted: list[str], unwanted: list[str]) -> Path:
    hub = require("huggingface_hub", "loading from the hub")
    errors = require("huggingface_hub.errors", "loading from the hub")
    options: dict[str, Any] = {"allow_patterns": wanted, "ignore_patterns": unwanted}
    if endpoint := os.environ.get("HF_ENDPOINT"):
        options["endpoint"] = endpoint  # the library reads it only once, at import
    try:
        return Path(hub.snapshot_download(repository, revision=revision, **options))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise UnknownNameError(
            f"the hub has no {repository}@{revision}, or shows it to its members only. Look for "
            "its name, or log in: hf auth login"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise HubError(
            f"{repository}@{revision} is not on this machine and the hub cannot be reached. Go "
            "online for the first loading, or give a folder that holds the model"
        ) from error
    except Exception as error:  # of the library's HTTP client, whichever it is
        raise HubError(
            f"{repository}@{revision} could not be fetched: {error}. Try again; what came is kept"
        ) from error


def _check(path: Path) -> None:
    """Compare a file with its hash: the name of its link's target, sha256 or git's sha1."""
    blob = path.resolve()
    if re.fullmatch("[0-9a-f]{64}", blob.name):
        got = hash_file(blob).hexdigest()
    elif re.fullmatch("[0-9a-f]{40}", blob.name):
        data = blob.read_bytes()  # a small file: large ones go by their sha256
        got = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
    else:
        return
    if got != blob.name:
        blob.unlink()
        path.unlink(missing_ok=True)
        raise CorruptFileError(
            f"{path.name} came with the hash {got}, the hub has {blob.name}. It is removed; "
            "load the model again to fetch it anew"
        )


def _read_note(note: Path) -> Path | None:
    """Return the folder of a note, if all its files still exist."""
    try:
        document = json.loads(note.read_text(encoding="utf-8"))
        folder, files = Path(document["folder"]), document["files"]
        return folder if all((folder / name).is_file() for name in files) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
