"""CLAP: text and audio encoders in one space, trained on captioned audio.

    texts, audio = sememe.load_encoders("hf:org/name")
    scores = audio.encode(["bark.wav", "rain.mp3"]) @ texts.encode(["a dog barks"]).T

Reference: Wu et al. 2023 (arXiv:2211.06687).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sememe._errors import CorruptFileError
from sememe._progress import progress
from sememe.encoders.audio.base import BaseAudioEncoder
from sememe.encoders.base import unit_rows
from sememe.encoders.joint.towers import TwoTowers, check_vocabulary
from sememe.models.clap.folder import read_clap_folder

if TYPE_CHECKING:
    from sememe._types import FloatArray
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

    def __init__(
        self, engine: ClapAudioEngine, *, name: str, dim: int, space: str, scale: float
    ) -> None:
        """Take the engine of the audio tower; see `open_clap`."""
        super().__init__(name=name, dim=dim, space=space)
        self.scale = scale
        self._engine = engine

    def _encode(self, items: list[Any], show_progress: bool) -> tuple[FloatArray, dict[int, str]]:
        import numpy as np

        rows = np.full((len(items), self.dim), np.nan, np.float32)
        failed: dict[int, str] = {}
        self._engine.open()
        with (
            progress("encoding", total=len(items), show=show_progress) as advance,
            ThreadPoolExecutor(self._engine.threads) as pool,
        ):
            for index, row in enumerate(pool.map(self._encode_item, items)):
                if isinstance(row, str):
                    failed[index] = row
                else:
                    rows[index] = row
                advance(index + 1)
        return unit_rows(rows, self.dim), failed

    def release(self) -> None:
        """Free memory that only makes the next encode faster."""
        self._engine.release()

    def _encode_item(self, item: Any) -> FloatArray | str:
        """Return the (dim,) mean over windows, or the reason why the item cannot be read."""
        try:
            return self._engine.row(item)
        except CorruptFileError as error:
            return str(error)


def open_clap(path: Path, name: str) -> TwoTowers:
    """Read a folder's model. name: How it is loaded, without ":text" and ":audio".

    Raises:
        InvalidInputError: A file is missing, or of a kind that sememe cannot use.
        CorruptFileError: A file is damaged, or files do not belong together.
        MissingExtraError: `safetensors` or `tokenizers` is not installed.
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

    def open_audio(model: TwoTowers, threads: int | None) -> ClapAudioEncoder:
        return ClapAudioEncoder(
            towers.sounds(threads),
            name=f"{name}:audio",
            dim=model.dim,
            space=model.space,
            scale=model.scale,
        )

    return TwoTowers(
        name=name,
        dim=towers.dim,
        fingerprint=folder.fingerprint(),
        logit_scale=towers.logit_scale,
        tokenizer=tokenizer,
        passage=75,  # captions of the training data are no longer
        overlap=18,
        open_text=open_text,
        open_media=open_audio,
    )
