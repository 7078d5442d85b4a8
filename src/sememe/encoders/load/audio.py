"""An encoder of sound by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe._lazy import require
from sememe.encoders.audio.speech import SpeechEncoder, split_layer
from sememe.encoders.joint.clap import load_clap_audio
from sememe.models.locate import locate
from sememe.models.weights.catalog import SOUND_MODEL
from sememe.models.weights.folder import ModelFolder, ModelKind

if TYPE_CHECKING:
    from sememe.encoders.audio.statistics import SoundEncoder
    from sememe.encoders.joint.clap import ClapAudioEncoder

    AudioEncoder = SpeechEncoder | SoundEncoder | ClapAudioEncoder


def load_audio(name: str, *, threads: int | None = None) -> AudioEncoder | None:
    """Load an encoder of sound, None where the name is not of one.

    name: "mel-statistics", or a folder with a scale of its own that `SoundEncoder.save` wrote; or
    the folder of a wav2vec 2.0 or HuBERT network as transformers writes it, or hf:org/name,
    ":layer6" after it for the states of another layer than the last; or a CLAP model, ":audio"
    after its name.

    Raises:
        InvalidInputError, UnknownNameError, MissingExtraError, CorruptFileError: As `load`.
    """
    if name == SOUND_MODEL or (name and ModelFolder.open(name).kind is ModelKind.MEL_STATISTICS):
        from sememe.encoders.audio.statistics import SoundEncoder

        for module in ("soundfile", "soxr"):
            require(module, f"model {SOUND_MODEL!r}")
        if name == SOUND_MODEL:
            return SoundEncoder(threads=threads)
        return SoundEncoder.load(name, threads=threads)
    return load_clap_audio(name, threads=threads) or _load_speech(name, threads=threads)


def _load_speech(name: str, *, threads: int | None) -> SpeechEncoder | None:
    source, _ = split_layer(name)
    folder = speech_place(source)
    if folder is None:
        return None
    mark = name[len(source) :]
    named = name if source.startswith("hf:") else ""
    return SpeechEncoder.load(f"{folder}{mark}", name=named, threads=threads)


def speech_place(source: str) -> Path | None:
    """Return the folder of a network of speech that goes by this name, None if none does.

    A name of the hub is fetched, unless something is said after it.
    """
    folder = locate(source, ModelKind.SPEECH)
    return None if folder is None else folder.path
