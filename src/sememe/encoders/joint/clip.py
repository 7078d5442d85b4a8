"""CLIP's two encoders, of texts and of pictures, whose vectors lie in one space.

    texts, images = sememe.load_encoders("hf:org/name")
    scores = images.encode(pictures) @ texts.encode(["a dog on a beach"]).T

Trained to know which text belongs to which picture (Radford et al. 2021, arXiv:2103.00020).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.text.encoder import Overflow, TextEncoder, TextModel, digest
from sememe.models.clip.folder import read_clip_folder
from sememe.models.locate import locate
from sememe.models.weights.folder import ModelKind

if TYPE_CHECKING:
    from sememe.models.clip.folder import ClipFolder
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer

Part = Literal["text", "image"]
_PARTS: tuple[Part, ...] = ("text", "image")
_PASSAGE = 128  # tokens of a passage in an index, where the window allows


class ClipTextEncoder(TextEncoder):
    """A text encoder in whose space pictures lie; long texts are as in TextEncoder.

    Attributes:
        logit_scale: Logarithm of what cosines with pictures are multiplied by before a softmax.
    """

    logit_scale: float

    @property
    def scale(self) -> float:
        """What cosines with pictures are multiplied by before a softmax."""
        return math.exp(self.logit_scale)


class ClipImageEncoder(ImageEncoder):
    """An image encoder in whose space texts lie.

    Attributes:
        logit_scale: Logarithm of what cosines with texts are multiplied by before a softmax.
    """

    logit_scale: float

    @property
    def scale(self) -> float:
        """What cosines with texts are multiplied by before a softmax."""
        return math.exp(self.logit_scale)


def split_part(name: str) -> tuple[str, Part | None]:
    """Cut ":text" or ":image" from the end of a name.

    >>> split_part("hf:org/name:image")
    ('hf:org/name', 'image')
    """
    for part in _PARTS:
        if name.endswith(f":{part}"):
            return name.removesuffix(f":{part}"), part
    return name, None


def clip_place(source: str) -> Path | None:
    """Return the folder of a CLIP model that goes by this name, None if none does.

    A name of the hub is fetched.
    """
    folder = locate(source, ModelKind.CLIP)
    return None if folder is None else folder.path


def has_two(source: str) -> InvalidInputError:
    """Return the error for a name that stands for both."""
    return InvalidInputError(
        f"{source} has two encoders, for texts and for pictures, in one space. Load one: "
        f"sememe.load({source + ':text'!r}) or sememe.load({source + ':image'!r}); or both: "
        f"sememe.load_encoders({source!r})"
    )


def load_clip_text(
    name: str, *, overflow: Overflow = "chunk", threads: int | None = None
) -> ClipTextEncoder | None:
    """Load the text encoder of a CLIP model, None where the name is not of one; see `sememe.load`.

    Raises:
        InvalidInputError: The name stands for two encoders; or as `ClipModel`.
        CorruptFileError, MissingExtraError: As `ClipModel`.
    """
    model = _named(name, "text")
    return None if model is None else model.texts(overflow=overflow, threads=threads)


def load_clip_image(name: str, *, threads: int | None = None) -> ClipImageEncoder | None:
    """Load the image encoder of a CLIP model, None where the name is not of one.

    Raises:
        InvalidInputError, CorruptFileError, MissingExtraError: As `load_clip_text`.
    """
    model = _named(name, "image")
    return None if model is None else model.images(threads=threads)


def _named(name: str, part: Part) -> ClipModel | None:
    """Open the model of which a name means this part."""
    source, found = split_part(name)
    if found is None and source.startswith("hf:"):  # it may be of any kind
        return None
    place = clip_place(source) if found in (None, part) else None
    if place is None and found == part and source.startswith("hf:"):
        raise InvalidInputError(
            f"{source} is no CLIP model, which {':' + part!r} after its name means. Leave it out"
        )
    if place is not None and found is None:
        raise has_two(source)
    return None if place is None else ClipModel(place, source)


class ClipModel:
    """A folder's model, read and checked, but for the weights that an encoder needs."""

    def __init__(self, place: Path, source: str) -> None:
        """Read the folder.

        source: What its encoders are called, but for ":text" and ":image".

        Raises:
            InvalidInputError: A file is missing, or of a kind that sememe cannot use.
            CorruptFileError: A file is damaged, or files do not belong together.
            MissingExtraError: `safetensors` or `tokenizers` is not installed.
        """
        from sememe.models.clip.towers import open_towers

        folder = read_clip_folder(place)
        self._tokenizer = _tokenizer(folder)
        self._towers = open_towers(folder)
        self._source = source if source.startswith("hf:") else str(place)
        files = folder.fingerprint()
        self._space = digest(v=1, files=files, dtype="float32", normalize=True)

    def texts(self, *, overflow: Overflow = "chunk", threads: int | None = None) -> ClipTextEncoder:
        """Return the text encoder.

        Raises:
            CorruptFileError: Its weights do not fit the config, or hold NaN.
        """
        towers, tokenizer = self._towers, self._tokenizer
        window = towers.max_tokens - len(tokenizer.begin) - len(tokenizer.end)
        model = TextModel(
            name=f"{self._source}:text",
            dim=towers.dim,
            window=window,
            passage=min(_PASSAGE, window),
            overlap=min(24, window // 4),
            begin=tokenizer.begin,
            end=tokenizer.end,
            unknown=tokenizer.unknown,
            space=self._space,
        )
        encoder = ClipTextEncoder(model, tokenizer, towers.texts(threads), overflow=overflow)
        encoder.logit_scale = towers.logit_scale
        return encoder

    def images(self, *, threads: int | None = None) -> ClipImageEncoder:
        """Return the image encoder.

        Raises:
            CorruptFileError: Its weights do not fit the config, or hold NaN.
        """
        name = f"{self._source}:image"
        model = ImageModel(name=name, dim=self._towers.dim, space=self._space)
        encoder = ClipImageEncoder(model, self._towers.images(threads))
        encoder.logit_scale = self._towers.logit_scale
        return encoder


def _tokenizer(folder: ClipFolder) -> ClipTokenizer | FileTokenizer:
    """Open a folder's tokenizer, and check that the network was trained with such a one."""
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer

    files, config = folder.tokenizer, folder.config
    tokenizer = ClipTokenizer(*files) if len(files) == 2 else FileTokenizer(files[0])
    if config is None:
        return tokenizer
    if tokenizer.vocab_size > config.vocab_size:
        raise CorruptFileError(
            f"{files[0]} has {tokenizer.vocab_size} ids, the network {config.vocab_size}. Take "
            "the tokenizer that it was trained with"
        )
    if not tokenizer.end or config.eos not in (None, *tokenizer.end):
        raise CorruptFileError(
            f"{files[0]} ends texts with the ids {list(tokenizer.end)}, the network reads a text "
            f"at {'its highest id' if config.eos is None else f'the id {config.eos}'}. Take the "
            "tokenizer that it was trained with"
        )
    return tokenizer
