"""CLIP: text and image encoders in one space, trained on captioned images.

    texts, images = sememe.load_encoders("hf:org/name")
    scores = images.encode(paths) @ texts.encode(["a dog on a beach"]).T

Reference: Radford et al. 2021 (arXiv:2103.00020).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sememe._errors import CorruptFileError
from sememe.encoders.image.encoder import ImageEncoder, ImageModel
from sememe.encoders.joint.towers import TwoTowers, check_vocabulary
from sememe.models.clip.folder import read_clip_folder

if TYPE_CHECKING:
    from sememe.models.clip.folder import ClipFolder
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer


def open_clip(path: Path, name: str) -> TwoTowers:
    """Read a folder's model; errors as of `read_clip_folder`.

    name: How it is loaded, without ":text" and ":image".
    """
    from sememe.models.clip.towers import open_towers

    folder = read_clip_folder(path)
    tokenizer = _open_tokenizer(folder)
    towers = open_towers(folder)

    def open_images(model: TwoTowers, threads: int | None) -> ImageEncoder:
        described = ImageModel(
            f"{name}:image", model.dim, model.space, scale=model.scale, reads_captions=True
        )
        return ImageEncoder(described, towers.images(threads))

    return TwoTowers(
        name=name,
        dim=towers.dim,
        fingerprint=folder.fingerprint(),
        logit_scale=towers.logit_scale,
        tokenizer=tokenizer,
        passage=128,
        overlap=24,
        open_text=lambda threads: (towers.texts(threads), towers.max_tokens),
        open_media=open_images,
    )


def _open_tokenizer(folder: ClipFolder) -> ClipTokenizer | FileTokenizer:
    """Open a folder's tokenizer, and check that it fits the network."""
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer

    files, config = folder.tokenizer, folder.config
    tokenizer = ClipTokenizer(*files) if len(files) == 2 else FileTokenizer(files[0])
    if config is None:
        return tokenizer
    check_vocabulary(tokenizer, config.vocab_size, str(files[0]))
    if not tokenizer.end or config.eos not in (None, *tokenizer.end):
        raise CorruptFileError(
            f"{files[0]} ends texts with the ids {list(tokenizer.end)}, the network reads a text "
            f"at {'its highest id' if config.eos is None else f'the id {config.eos}'}. Take the "
            "tokenizer that it was trained with"
        )
    return tokenizer
