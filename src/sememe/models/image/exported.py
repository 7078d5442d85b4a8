"""Image networks that others trained: exported once with the extra `train`, then run without torch.

    hf:timm/resnet18.a1_in1k    a checkpoint of timm on the hub, or a folder with its files
    resnet18-f37072fd.pth       a file of torchvision's weights under torchvision's own name

What is made of them is kept in the cache as a folder of `sememe.models.image.folder`, under the
hash of the weights and of what says how to read them.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from sememe._atomic import replace_folder
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe.models.image.folder import ImageFolder, read_image_folder, write_image_folder
from sememe.models.image.timm import CONFIG, weights_file
from sememe.models.weights.cache import cache_folder
from sememe.models.weights.folder import ModelKind

FOREIGN = (ModelKind.TIMM, ModelKind.TORCHVISION)
_VERSION = 1  # of what is made; another one is made anew


def export_once(path: Path) -> ImageFolder:
    """Return the exported network of a checkpoint; made when it is not kept yet.

    Raises:
        MissingExtraError: torch, timm or torchvision is not installed, and it is not kept yet.
        InvalidInputError: It cannot be built or exported, or there is no room for it.
        CorruptFileError: Its files are damaged.
    """
    kept = export_path(path)
    try:
        return read_image_folder(kept)
    except CorruptFileError:  # not there, or not whole
        _make(path, kept)
    return read_image_folder(kept)


def export_path(path: Path) -> Path:
    """Return where the export of a checkpoint's folder, or of a file of weights, is kept.

    Raises:
        InvalidInputError: The folder holds no weights.
    """
    found = hashlib.sha256(f"{_VERSION} ".encode())
    files = [path / CONFIG, weights_file(path)] if path.is_dir() else [path]
    for file in files:
        found.update(file.name.encode() + b"\0")
        with file.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return cache_folder() / "images" / found.hexdigest()[:32]


def _make(path: Path, kept: Path) -> None:
    for name in ("torch", "timm" if path.is_dir() else "torchvision", "onnxscript"):
        require(name, f"exporting {path.name}, which is done once,")
    from sememe.models.image.backends import open_checkpoint

    image = open_checkpoint(path)
    graph, dim, maps = image.export()
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replace_folder(kept) as fresh:
            write_image_folder(
                fresh,
                graph,
                preprocess=image.preprocess,
                dim=dim,
                labels=image.labels,
                maps=maps,
                facts={"network": image.metadata()},
            )
    except OSError as error:
        shutil.rmtree(kept, ignore_errors=True)
        raise InvalidInputError(
            f"{kept} cannot be written: {error}. Make room, or set XDG_CACHE_HOME"
        ) from error
