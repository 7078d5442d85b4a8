"""CLAP: text and audio encoders in one space, trained on captioned audio.

    texts, audio = sememe.load_encoders("hf:org/name")
    scores = audio.encode(["bark.wav", "rain.mp3"]) @ texts.encode(["a dog barks"]).T

Reference: Wu et al. 2023 (arXiv:2211.06687).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._types import FloatArray
from sememe.encoders.audio.base import BaseAudioEncoder
from sememe.encoders.base import map_items, unit_rows
from sememe.encoders.joint.towers import TwoTowers, check_vocabulary
from sememe.models.clap.folder import read_clap_folder

if TYPE_CHECKING:
    from sememe.models.clap.towers import ClapAudioEngine
    from sememe.models.onnx.token_engine import TokenEngine


class ClapAudioEncoder(BaseAudioEncoder):
    """Encode audio as unit vectors in the space of captions: paths, bytes, (samples, rate).

    The network reads clips of one length, ten seconds in the published models. Shorter audio is
    repeated to that length; longer audio is split into windows of it, the last of which ends with
    the audio, and its vector is their mean, at unit length. A model with feature fusion reads up to
    two minutes at once. The result is deterministic.
    """

    reads_captions = True

    def __init__(self, model: TwoTowers, engine: ClapAudioEngine) -> None:
        """Take the model and the engine of its audio tower; see `open_clap`."""
        super().__init__(name=f"{model.name}:audio", dim=model.dim, space=model.space)
        self.scale = model.scale
        self._engine: ClapAudioEngine = engine

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        engine = self._engine
        engine.open()
        rows, failed = map_items(
            engine.row, items, dim=self.dim, threads=engine.threads, show=show_progress
        )
        return unit_rows(rows, self.dim), failed


def open_clap(path: Path, name: str) -> TwoTowers:
    """Read a folder's model; errors as of `read_clap_folder`.

    name: How it is loaded, without ":text" and ":audio".
    """
    from sememe.models.clap.towers import ClapTowers
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer

    folder = read_clap_folder(path)
    tokenizer = FileTokenizer(folder.tokenizer)
    check_vocabulary(tokenizer, int(folder.config.text["vocab_size"]), str(folder.tokenizer))
    towers = ClapTowers(folder)

    def open_text(threads: int | None) -> tuple[TokenEngine, int]:
        engine = towers.texts(threads)
        return engine, engine.max_tokens

    return TwoTowers(
        name=name,
        dim=towers.dim,
        fingerprint=folder.fingerprint(),
        logit_scale=towers.logit_scale,
        tokenizer=tokenizer,
        passage=75,  # captions of the training data are no longer
        overlap=18,
        open_text=open_text,
        open_media=lambda model, threads: ClapAudioEncoder(model, towers.sounds(threads)),
    )
