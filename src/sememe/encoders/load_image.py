"""An image encoder by its name: one of the catalogue, or a network joined to a text space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe.encoders.image import ImageEncoder, ImageModel
from sememe.encoders.text import digest
from sememe.models.catalog import DEFAULT_MODEL, IMAGE_MODEL, ModelInfo, model_info
from sememe.models.image_folder import is_image_folder, read_image_folder

if TYPE_CHECKING:
    from sememe.encoders.conse import ConseEncoder

CONSE = ":conse"


def is_image(name: str) -> bool:
    """Say whether a name is of an image encoder."""
    source = name.partition(CONSE)[0]
    return source == IMAGE_MODEL or (bool(source) and is_image_folder(Path(source)))


def load_image(name: str, *, threads: int | None = None) -> ImageEncoder | ConseEncoder | None:
    """Load an image encoder, None where the name is not of one.

    name: "efficientnet-lite0"; with ":conse" after it, its pictures in the space of the default
    text encoder; with ":conse:NAME", in that of another text encoder.

    Raises:
        InvalidInputError, UnknownNameError, MissingExtraError, CorruptFileError: As `load`.
    """
    if not is_image(name):
        return None
    source, mark, texts = name.partition(CONSE)
    if source == IMAGE_MODEL:
        images = _efficientnet(model_info(source), threads)
    else:
        images = _of_folder(Path(source).resolve(), threads)
        name = images.name + name[len(source) :]
    if not mark:
        return images
    from sememe.encoders.conse import ConseEncoder
    from sememe.encoders.load import load_text

    text_encoder = load_text(texts.removeprefix(":") or DEFAULT_MODEL, threads=threads)
    return ConseEncoder(images, text_encoder, name=name)


def _of_folder(folder: Path, threads: int | None) -> ImageEncoder:
    from sememe.models.vision import VisionEngine

    found = read_image_folder(folder)
    model = ImageModel(
        name=str(folder),
        dim=found.dim,
        space=digest(
            v=1,
            graph=found.digest,
            preprocess=found.preprocess.facts(),
            output="features",
            normalize=True,
        ),
        labels=found.labels,
        maps=found.maps,
    )
    return ImageEncoder(model, VisionEngine(lambda: found.graph, found.preprocess, threads=threads))


def _efficientnet(info: ModelInfo, threads: int | None) -> ImageEncoder:
    from sememe.models.efficientnet import PREPROCESS, image_graph
    from sememe.models.imagenet import imagenet_classes
    from sememe.models.torch_file import tensors_of
    from sememe.models.vision import VisionEngine

    def graph() -> bytes:
        return image_graph(tensors_of(info.read("image"), where=info.name))

    info.require()
    model = ImageModel(
        name=info.name,
        dim=info.dim,
        space=digest(
            v=1,
            model=info.name,
            files={role: file.sha256 for role, file in sorted(info.files.items())},
            preprocess=PREPROCESS.facts(),
            output="features",
            normalize=True,
        ),
        labels=tuple(one.name for one in imagenet_classes()),
        maps=True,
    )
    return ImageEncoder(model, VisionEngine(graph, PREPROCESS, threads=threads))
