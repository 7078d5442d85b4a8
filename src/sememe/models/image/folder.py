"""The folder of an image encoder that was trained here, or exported once.

sememe.json         format version, kind, preprocessing, labels, widths, provenance, metrics
model.onnx          "pixels" (N, size, size, 3) uint8 to "features" (N, dim), with
                    classes "logits" (N, classes); optionally "map" (N, dim, height, width)
model.safetensors   the same weights for torch, if training can continue from them
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sememe._atomic import write_atomically
from sememe._errors import CorruptFileError
from sememe._persistence import ABOUT, FORMAT, expect_valid, hash_file
from sememe.models.image.preprocess import Preprocess
from sememe.models.weights.folder import ModelFolder

GRAPH = "model.onnx"
KIND = "image-encoder"


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The content of a folder.

    Attributes:
        graph: The ONNX file.
        preprocess: How images are prepared.
        dim: Width of its features.
        labels: Its classes, in the order of "logits"; () if it has none.
        maps: Whether the graph gives feature maps.
        digest: sha256 of the ONNX file.
    """

    graph: Path
    preprocess: Preprocess
    dim: int
    labels: tuple[str, ...]
    maps: bool
    digest: str


def write_image_folder(folder: Path, graph: bytes, about: Mapping[str, Any]) -> None:
    """Write the graph and sememe.json into an existing folder.

    about: What `describe_graph` returns, and more in the types of JSON: parameters, provenance.
    """
    with write_atomically(folder / GRAPH) as file:
        file.write(graph)
    with write_atomically(folder / ABOUT) as file:
        file.write(json.dumps(about, ensure_ascii=False, indent=1).encode())


def describe_graph(
    graph: bytes,
    *,
    preprocess: Preprocess,
    dim: int,
    labels: tuple[str, ...] = (),
    maps: bool = False,
) -> dict[str, Any]:
    """Return the entries of sememe.json that describe a graph."""
    return {
        "format": FORMAT,
        "kind": KIND,
        "dim": dim,
        "labels": list(labels),
        "maps": maps,
        "preprocess": preprocess.facts(),
        "sha256": hashlib.sha256(graph).hexdigest(),
    }


def read_image_folder(path: Path) -> ImageFolder:
    """Read sememe.json of a folder, and check the graph against its hash.

    Raises:
        CorruptFileError: If a file is missing or damaged, or of a newer format.
    """
    document = ModelFolder.open(path).about()
    with expect_valid(path / ABOUT):
        folder = ImageFolder(
            graph=path / GRAPH,
            preprocess=Preprocess.of(document["preprocess"]),
            dim=int(document["dim"]),
            labels=tuple(map(str, document["labels"])),
            maps=bool(document["maps"]),
            digest=str(document["sha256"]),
        )
    try:
        digest = hash_file(folder.graph).hexdigest()
    except OSError as error:
        raise CorruptFileError(f"{path} lacks {GRAPH}. Fetch it anew") from error
    if digest != folder.digest:
        raise CorruptFileError(f"{folder.graph} is not the file of {ABOUT}. Fetch it anew")
    return folder
