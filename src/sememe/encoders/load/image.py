"""Families of image encoders."""

from __future__ import annotations

from sememe._errors import InvalidInputError
from sememe._lazy import require
from sememe._types import Encoder
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.load.family import Candidate, Family, Request
from sememe.encoders.space import fingerprint_model, fingerprint_space
from sememe.models.image.exported import export_once
from sememe.models.image.folder import read_image_folder
from sememe.models.weights.catalog import IMAGE_MODEL, STRUCTURE_MODEL, ModelInfo, default_model
from sememe.models.weights.folder import ModelKind


def _is_image_network(model: Candidate) -> bool:
    exported = (ModelKind.TIMM, ModelKind.TORCHVISION)
    return model.name.source == IMAGE_MODEL or model.holds(ModelKind.IMAGE, *exported)


def _open_image_network(request: Request) -> list[Encoder]:
    """Open the network of the catalogue, a folder that sememe wrote, or one it exports once."""
    from sememe.models.image.engine import VisionEngine

    if request.model.info is not None:
        return [_open_efficientnet(request.model.info, request.threads)]
    read = read_image_folder if request.model.holds(ModelKind.IMAGE) else export_once
    folder = read(request.path)
    facts = {"graph": folder.digest, "preprocess": folder.preprocess.facts()}
    space = fingerprint_space(v=1, **facts, output="features", normalize=True)
    model = ImageModel(
        name=request.name, dim=folder.dim, space=space, labels=folder.labels, maps=folder.maps
    )
    engine = VisionEngine(lambda: folder.graph, folder.preprocess, threads=request.threads)
    return [ImageEncoder(model, engine)]


def _open_efficientnet(info: ModelInfo, threads: int | None) -> ImageEncoder:
    from sememe.models.image.efficientnet import PREPROCESS, image_graph
    from sememe.models.image.engine import VisionEngine
    from sememe.models.image.imagenet import imagenet_classes
    from sememe.models.weights.torch_pickle import parse_torch_file

    def build_graph() -> bytes:
        return image_graph(parse_torch_file(info.read("image"), where=info.name))

    info.require()
    preprocess = PREPROCESS.facts()
    space = fingerprint_model(info, preprocess=preprocess, output="features", normalize=True)
    labels = tuple(one.name for one in imagenet_classes())
    model = ImageModel(name=info.name, dim=info.dim, space=space, labels=labels, maps=True)
    return ImageEncoder(model, VisionEngine(build_graph, PREPROCESS, threads=threads))


def _open_conse(request: Request) -> list[Encoder]:
    from sememe.encoders.image.conse import ConseEncoder

    name = request.model.name
    images = request.load(name.source)
    if not isinstance(images, ImageEncoder):
        raise InvalidInputError(
            f"{name.source} encodes {images.modality}; {name.suffix!r} needs a network that names "
            f"ImageNet's classes. Give {IMAGE_MODEL}{name.suffix}"
        )
    return [ConseEncoder(images, request.load(name.conse or default_model()), name=request.name)]


def _open_structure(request: Request) -> list[Encoder]:
    from sememe.encoders.image.structure import StructureEncoder

    require("PIL", f"model {STRUCTURE_MODEL!r}")
    return [StructureEncoder(threads=request.threads)]


IMAGE = Family(
    name="image encoder",
    names="efficientnet-lite0, a folder that sememe wrote, a checkpoint of timm or a file of "
    "torchvision's weights (exported once, with the extra `train`)",
    recognises=_is_image_network,
    open=_open_image_network,
    modalities=("image",),
)
STRUCTURE = Family(
    name="image structure encoder",
    names="image-structure, which tells versions of one picture from other pictures",
    recognises=lambda model: model.name.source == STRUCTURE_MODEL,
    open=_open_structure,
    modalities=("image",),
)
CONSE = Family(
    name="image encoder in a text space",
    names="an image encoder with ImageNet's classes and :conse, for the space of the default text "
    "encoder, or :conse:NAME for another's",
    recognises=lambda model: model.name.form == "conse",
    open=_open_conse,
    modalities=("image",),
    form="conse",
)
