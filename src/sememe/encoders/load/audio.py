"""Families of audio encoders."""

from __future__ import annotations

from sememe._lazy import require
from sememe._types import Encoder
from sememe.encoders.load.family import Candidate, Family, Request
from sememe.models.weights.catalog import EVERYDAY_MODEL, SOUND_MODEL, default_model
from sememe.models.weights.folder import ModelKind


def _is_statistics(model: Candidate) -> bool:
    return model.name.source == SOUND_MODEL or model.holds(ModelKind.MEL_STATISTICS)


def _open_statistics(request: Request) -> list[Encoder]:
    from sememe.encoders.audio.statistics import SoundEncoder

    _require_decoding(SOUND_MODEL)
    if request.model.info is not None:
        return [SoundEncoder(threads=request.threads)]
    return [SoundEncoder.load(request.path, threads=request.threads)]


def _open_everyday(request: Request) -> list[Encoder]:
    from sememe.encoders.audio.everyday_sounds import EverydaySounds, SoundNameEncoder

    _require_decoding(EVERYDAY_MODEL)
    sounds = EverydaySounds(threads=request.threads)
    name = request.model.name
    if name.form != "conse":
        return [sounds]
    return [SoundNameEncoder(sounds, request.load(name.conse or default_model()), name=str(name))]


def _require_decoding(model: str) -> None:
    for module in ("soundfile", "soxr"):
        require(module, f"model {model!r}")


def _open_speech(request: Request) -> list[Encoder]:
    from sememe.encoders.audio.speech import SpeechEncoder

    folder = f"{request.path}{request.model.name.suffix}"
    return [SpeechEncoder.load(folder, name=request.name, threads=request.threads)]


STATISTICS = Family(
    name="audio statistics encoder",
    names="mel-statistics, or a folder that `sememe train mel-statistics` wrote",
    recognises=_is_statistics,
    open=_open_statistics,
    modalities=("audio",),
)
EVERYDAY = Family(
    name="classifier of everyday sounds",
    names="everyday-sounds; everyday-sounds:conse in the space of the default text encoder, or "
    ":conse:NAME in another's",
    recognises=lambda model: model.name.source == EVERYDAY_MODEL,
    open=_open_everyday,
    modalities=("audio",),
    form="conse",
)
SPEECH = Family(
    name="speech network",
    names="a folder of wav2vec 2.0 or HuBERT that transformers wrote; :layer6 takes the states of "
    "layer 6, not the last",
    recognises=lambda model: model.holds(ModelKind.SPEECH),
    open=_open_speech,
    modalities=("audio",),
    form="layer",
)
