"""Families of models with two encoders in one space."""

from __future__ import annotations

from sememe._types import Encoder
from sememe.encoders.load.family import Family, Request
from sememe.models.weights.folder import ModelKind


def _open_towers(request: Request) -> list[Encoder]:
    """Read a model once and open the towers that are requested."""
    if request.model.holds(ModelKind.CLIP):
        from sememe.encoders.joint.clip import open_clip as open_model
    else:
        from sememe.encoders.joint.clap import open_clap as open_model
    model = open_model(request.path, request.model.name.source)
    return [
        model.open(modality, overflow=request.overflow, threads=request.threads)
        for modality in request.modalities
    ]


def _open_projected(request: Request) -> list[Encoder]:
    from sememe.encoders.joint.projected import load_projected

    return [load_projected(request.path, one, load=request.load) for one in request.modalities]


CLIP = Family(
    name="CLIP model",
    names="a folder that transformers or open_clip wrote, or one with ONNX files of both towers; "
    ":text or :image",
    recognises=lambda model: model.holds(ModelKind.CLIP),
    open=_open_towers,
    modalities=("text", "image"),
    form="part",
)
CLAP = Family(
    name="CLAP model",
    names="a folder that transformers wrote; :text or :audio",
    recognises=lambda model: model.holds(ModelKind.CLAP),
    open=_open_towers,
    modalities=("text", "audio"),
    form="part",
)
JOINT = Family(
    name="joint space",
    names="a folder that `sememe train clip` wrote; :text or :image",
    recognises=lambda model: model.holds(ModelKind.JOINT),
    open=_open_projected,
    modalities=("text", "image"),
    form="part",
)
