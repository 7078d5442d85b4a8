"""Image networks of timm and torchvision: exported once with the extra `train`, run without torch.

    hf:timm/resnet18.a1_in1k    a checkpoint of timm on the hub, or a folder with its files
    resnet18-f37072fd.pth       a file of torchvision's weights under torchvision's own name

The export is kept in the cache as a folder of `sememe.models.image.folder`, under the hash of the
weights and their config.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sememe._atomic import replace_folder
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe._persistence import hash_file
from sememe.models.image.folder import (
    ImageFolder,
    describe_graph,
    read_image_folder,
    write_image_folder,
)
from sememe.models.image.timm import CONFIG, find_weights
from sememe.models.weights.cache import cache_folder
from sememe.models.weights.folder import ModelKind

FOREIGN = (ModelKind.TIMM, ModelKind.TORCHVISION)
_VERSION = 1  # of exports; older ones are exported again


def export_once(path: Path) -> ImageFolder:
    """Return the exported network of a checkpoint, exporting it unless the cache has it.

    Raises:
        MissingExtraError: If it must be exported and torch, timm or torchvision is not installed.
        InvalidInputError: If it cannot be built or exported, or there is no room for it.
        CorruptFileError: If its files are damaged.
    """
    kept = export_path(path)
    try:
        return read_image_folder(kept)
    except CorruptFileError:  # missing or incomplete
        _export(path, kept)
    return read_image_folder(kept)


def export_path(path: Path) -> Path:
    """Return the folder in the cache for an export; raises as `find_weights` does.

    path: Folder or file of the checkpoint.
    """
    digest = hashlib.sha256(f"{_VERSION} ".encode())
    files = [path / CONFIG, find_weights(path)] if path.is_dir() else [path]
    for file in files:
        digest.update(file.name.encode() + b"\0")
        digest.update(hash_file(file).digest())
    return cache_folder() / "images" / digest.hexdigest()[:32]


def _export(path: Path, kept: Path) -> None:
    for name in ("torch", "timm" if path.is_dir() else "torchvision", "onnxscript"):
        require(name, f"exporting {path.name}, which is done once,")
    from sememe.models.image.backends import open_checkpoint

    image = open_checkpoint(path)
    graph, dim, maps = image.export()
    about = describe_graph(
        graph, preprocess=image.preprocess, dim=dim, labels=image.labels, maps=maps
    )
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replace_folder(kept) as folder:
            write_image_folder(folder, graph, about | {"network": image.metadata()})
    except OSError as error:
        shutil.rmtree(kept, ignore_errors=True)
        raise InvalidInputError(
            f"{kept} cannot be written: {error}. Make room, or set XDG_CACHE_HOME"
        ) from error
