"""CLAP's two encoders, of texts and of sounds, whose vectors lie in one space.

    texts, sounds = sememe.load_encoders("hf:org/name")
    scores = sounds.encode(["bark.wav", "rain.mp3"]) @ texts.encode(["a dog barks"]).T

Trained to know which text belongs to which sound (Wu et al. 2023, arXiv:2211.06687).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._progress import progress
from sememe.encoders.audio.base import Sounds, checked_sounds
from sememe.encoders.base import unit_rows
from sememe.encoders.text.encoder import Overflow, TextEncoder, TextModel, digest
from sememe.models.clap.folder import read_clap_folder
from sememe.models.locate import locate
from sememe.models.weights.folder import ModelKind

if TYPE_CHECKING:
    from sememe._types import FloatArray
    from sememe.models.clap.folder import ClapFolder
    from sememe.models.clap.towers import ClapAudioEngine
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer

Part = Literal["text", "audio"]
_PARTS: tuple[Part, ...] = ("text", "audio")
_PASSAGE = 75  # tokens of a passage in an index: captions that it learnt from had no more


class ClapTextEncoder(TextEncoder):
    """A text encoder in whose space sounds lie; long texts are as in TextEncoder.

    Attributes:
        logit_scale: Logarithm of what cosines with sounds are multiplied by before a softmax.
    """

    logit_scale: float

    @property
    def scale(self) -> float:
        """What cosines with sounds are multiplied by before a softmax."""
        return math.exp(self.logit_scale)


class ClapAudioEncoder(Sounds):
    """Turn sounds into unit vectors in whose space texts lie: paths, bytes, (samples, rate).

    The network reads clips of one length, ten seconds in the published ones. A shorter recording is
    repeated until it is full; a longer one is cut into windows of that length, of which the last
    ends with the recording, and its vector is their mean, at unit length. A checkpoint with feature
    fusion reads up to two minutes as one. Nothing is random: a recording has one vector.

    Attributes:
        logit_scale: Logarithm of what cosines with texts are multiplied by before a softmax.
    """

    def __init__(
        self, engine: ClapAudioEngine, *, name: str, dim: int, space: str, logit_scale: float
    ) -> None:
        """Take what runs the network; `ClapModel` makes it."""
        self.name = name
        self.dim = dim
        self.space = space
        self.logit_scale = logit_scale
        self._engine = engine

    @property
    def scale(self) -> float:
        """What cosines with texts are multiplied by before a softmax."""
        return math.exp(self.logit_scale)

    def encode_readable(
        self, items: Sequence[Any], *, show_progress: bool = False
    ) -> tuple[FloatArray, dict[int, str]]:
        """Return what `encode` does, and why sounds could not be read: place -> reason.

        The rows of those sounds hold NaN.
        """
        import numpy as np

        sounds = checked_sounds(items)
        rows = np.full((len(sounds), self.dim), np.nan, np.float32)
        reasons: dict[int, str] = {}
        self._engine.open()
        with (
            progress("encoding", total=len(sounds), show=show_progress) as advance,
            ThreadPoolExecutor(self._engine.threads) as pool,
        ):
            for place, one in enumerate(pool.map(self._row, sounds)):
                if isinstance(one, str):
                    reasons[place] = one
                else:
                    rows[place] = one
                advance(place + 1)
        return unit_rows(rows, self.dim), reasons

    def release(self) -> None:
        """Give back the memory that only makes the next encode faster."""
        self._engine.release()

    def _row(self, sound: Any) -> FloatArray | str:
        """Return the mean of a sound's windows, or why it has none."""
        try:
            return self._engine.row(sound)
        except CorruptFileError as error:
            return str(error)


def split_part(name: str) -> tuple[str, Part | None]:
    """Cut ":text" or ":audio" from the end of a name.

    >>> split_part("hf:org/name:audio")
    ('hf:org/name', 'audio')
    """
    for part in _PARTS:
        if name.endswith(f":{part}"):
            return name.removesuffix(f":{part}"), part
    return name, None


def clap_place(source: str) -> Path | None:
    """Return the folder of a CLAP model that goes by this name, None if none does.

    A name of the hub is fetched, unless something is said after it.
    """
    folder = locate(source, ModelKind.CLAP)
    return None if folder is None else folder.path


def has_sound_and_text(source: str) -> InvalidInputError:
    """Return the error for a name that stands for both."""
    return InvalidInputError(
        f"{source} has two encoders, for texts and for sounds, in one space. Load one: "
        f"sememe.load({source + ':text'!r}) or sememe.load({source + ':audio'!r}); or both: "
        f"sememe.load_encoders({source!r})"
    )


def load_clap_text(
    name: str, *, overflow: Overflow = "chunk", threads: int | None = None
) -> ClapTextEncoder | None:
    """Load the text encoder of a CLAP model, None where the name is not of one; see `sememe.load`.

    Raises:
        InvalidInputError: The name stands for two encoders; or as `ClapModel`.
        CorruptFileError, MissingExtraError: As `ClapModel`.
    """
    model = _named(name, "text")
    return None if model is None else model.texts(overflow=overflow, threads=threads)


def load_clap_audio(name: str, *, threads: int | None = None) -> ClapAudioEncoder | None:
    """Load the audio encoder of a CLAP model, None where the name is not of one.

    Raises:
        InvalidInputError, CorruptFileError, MissingExtraError: As `load_clap_text`.
    """
    model = _named(name, "audio")
    return None if model is None else model.sounds(threads=threads)


def _named(name: str, part: Part) -> ClapModel | None:
    """Open the model of which a name means this part."""
    source, found = split_part(name)
    place = clap_place(source) if found in (None, part) else None
    if place is not None and found is None:
        raise has_sound_and_text(source)
    return None if place is None else ClapModel(place, source)


class ClapModel:
    """A folder's model, read and checked."""

    def __init__(self, place: Path, source: str) -> None:
        """Read the folder.

        source: What its encoders are called, but for ":text" and ":audio".

        Raises:
            InvalidInputError: A file is missing, or of a kind that sememe cannot use.
            CorruptFileError: A file is damaged, or files do not belong together.
            MissingExtraError: `safetensors` or `tokenizers` is not installed.
        """
        from sememe.models.clap.towers import ClapTowers

        folder = read_clap_folder(place)
        self._tokenizer = _tokenizer(folder)
        self._towers = ClapTowers(folder)
        self._source = source if source.startswith("hf:") else str(place)
        files = folder.fingerprint()
        self._space = digest(v=1, files=files, dtype="float32", normalize=True)

    def texts(self, *, overflow: Overflow = "chunk", threads: int | None = None) -> ClapTextEncoder:
        """Return the text encoder.

        Raises:
            CorruptFileError: Its weights do not fit the config, or hold NaN.
        """
        engine, tokenizer = self._towers.texts(threads), self._tokenizer
        window = engine.max_tokens - len(tokenizer.begin) - len(tokenizer.end)
        model = TextModel(
            name=f"{self._source}:text",
            dim=self._towers.dim,
            window=window,
            passage=min(_PASSAGE, window),
            overlap=min(18, window // 4),
            begin=tokenizer.begin,
            end=tokenizer.end,
            unknown=tokenizer.unknown,
            space=self._space,
        )
        encoder = ClapTextEncoder(model, tokenizer, engine, overflow=overflow)
        encoder.logit_scale = self._towers.logit_scale
        return encoder

    def sounds(self, *, threads: int | None = None) -> ClapAudioEncoder:
        """Return the audio encoder.

        Raises:
            CorruptFileError: Its weights do not fit the config, or hold NaN.
        """
        return ClapAudioEncoder(
            self._towers.sounds(threads),
            name=f"{self._source}:audio",
            dim=self._towers.dim,
            space=self._space,
            logit_scale=self._towers.logit_scale,
        )


def _tokenizer(folder: ClapFolder) -> FileTokenizer:
    """Open a folder's tokenizer, and check that the network was trained with such a one."""
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer

    tokenizer = FileTokenizer(folder.tokenizer)
    vocab_size = int(folder.config.text["vocab_size"])
    if tokenizer.vocab_size > vocab_size:
        raise CorruptFileError(
            f"{folder.tokenizer} has {tokenizer.vocab_size} ids, the network {vocab_size}. Take "
            "the tokenizer that it was trained with"
        )
    return tokenizer
