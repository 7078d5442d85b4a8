"""An image encoder by its name: one of the catalogue, or a network joined to a text space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sememe._errors import InvalidInputError
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.joint.clip import clip_place, load_clip_image, split_part
from sememe.encoders.load.joint import is_joint, load_joint_image
from sememe.encoders.text.encoder import digest
from sememe.models.image.exported import FOREIGN, export_once
from sememe.models.image.folder import read_image_folder
from sememe.models.locate import locate
from sememe.models.weights.catalog import CATALOG, DEFAULT_MODEL, IMAGE_MODEL, ModelInfo, model_info
from sememe.models.weights.folder import ModelFolder, ModelKind

if TYPE_CHECKING:
    from sememe._types import Encoder
    from sememe.encoders.image.conse import ConseEncoder
    from sememe.encoders.joint.projected import JointImage

CONSE = ":conse"


def is_image(name: str) -> bool:
    """Say whether a name is of an image encoder."""
    if name in CATALOG:
        return CATALOG[name].modality == "image"
    source, part = split_part(name)
    if part == "image" and (source.startswith("hf:") or clip_place(source) or is_joint(source)):
        return True
    source = name.partition(CONSE)[0]
    if source == IMAGE_MODEL or (bool(source) and ModelFolder.open(source).kind is ModelKind.IMAGE):
        return True
    return locate(source, *FOREIGN) is not None


def load_image(
    name: str, *, threads: int | None = None, texts: Encoder | None = None
) -> ImageEncoder | ConseEncoder | JointImage | None:
    """Load an image encoder, None where the name is not of one.

    name: "efficientnet-lite0", or a network of timm or torchvision (see
    `sememe.models.image.exported`); with ":conse" after it, its pictures in the space of the
    default text encoder; with ":conse:NAME", in that of another text encoder; or with ":image"
    after it a CLIP model, or a joint space that was trained here.

    Raises:
        InvalidInputError, UnknownNameError, MissingExtraError, CorruptFileError: As `load`.
    """
    if not is_image(name):
        return None
    if split_part(name)[1] == "image":
        joint = load_joint_image(name, threads=threads)
        return joint or load_clip_image(name, threads=threads)
    source, mark, space = name.partition(CONSE)
    if source == IMAGE_MODEL:
        images = _efficientnet(model_info(source), threads)
    else:
        images = _of_folder(source, threads)
        name = images.name + name[len(source) :]
    if not mark:
        return images
    from sememe.encoders.image.conse import ConseEncoder
    from sememe.encoders.load.by_name import load_text

    named = space.removeprefix(":") or DEFAULT_MODEL
    if texts is None or texts.name != named:
        texts = load_text(named, threads=threads)
    return ConseEncoder(images, texts, name=name)


def _of_folder(source: str, threads: int | None) -> ImageEncoder:
    """Open a folder that sememe wrote, or one that it makes of a foreign network and keeps."""
    from sememe.models.image.engine import VisionEngine

    folder = locate(source, ModelKind.IMAGE, *FOREIGN)
    if folder is None:
        raise InvalidInputError(f"{source!r} holds no image encoder.")
    path = folder.path
    own = folder.kind is ModelKind.IMAGE
    found = read_image_folder(path) if own else export_once(path)
    model = ImageModel(
        name=source if source.startswith("hf:") else str(path),
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
    from sememe.models.image.efficientnet import PREPROCESS, image_graph
    from sememe.models.image.engine import VisionEngine
    from sememe.models.image.imagenet import imagenet_classes
    from sememe.models.weights.torch_pickle import parse_torch_file

    def graph() -> bytes:
        return image_graph(parse_torch_file(info.read("image"), where=info.name))

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
