"""Models of two encoders in one space: one of texts, and one of images or audio."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sememe._errors import CorruptFileError
from sememe._types import Modality
from sememe.encoders.space import fingerprint_space
from sememe.encoders.text.encoder import Engine, Overflow, TextEncoder, TextModel

if TYPE_CHECKING:
    from sememe.encoders.base import BaseEncoder
    from sememe.text.tokenizers.clip_bpe import ClipTokenizer
    from sememe.text.tokenizers.tokenizer_file import FileTokenizer


@dataclass(frozen=True, eq=False, slots=True)
class TwoTowers:
    """A model that was trained to match captions with images or audio; a family fills it in.

    Attributes:
        name: How the model is loaded, without ":text" and the like.
        dim: Width of the common space.
        fingerprint: Of all files that shape a vector of either tower.
        logit_scale: Logarithm of the factor of cosines before a softmax.
        tokenizer: Tokenizer of the text tower.
        passage: Tokens of the passages an index keeps, where the window allows.
        overlap: Tokens that chunks and passages repeat, at most.
        open_text: Opens the text tower with a number of threads; the engine and the most tokens
            of a text, marks included.
        open_media: Opens the encoder of images or audio.
    """

    name: str
    dim: int
    fingerprint: str
    logit_scale: float
    tokenizer: ClipTokenizer | FileTokenizer
    passage: int
    overlap: int
    open_text: Callable[[int | None], tuple[Engine, int]]
    open_media: Callable[[TwoTowers, int | None], BaseEncoder]

    @property
    def space(self) -> str:
        """Fingerprint of the common space."""
        return fingerprint_space(v=1, files=self.fingerprint, dtype="float32", normalize=True)

    @property
    def scale(self) -> float:
        """Factor of cosines before a softmax."""
        return math.exp(self.logit_scale)

    def open(self, modality: Modality, *, overflow: Overflow, threads: int | None) -> BaseEncoder:
        """Open one of the encoders.

        Raises:
            CorruptFileError: Its weights do not fit the config, or hold NaN.
        """
        if modality != "text":
            return self.open_media(self, threads)
        tokenizer = self.tokenizer
        engine, max_tokens = self.open_text(threads)
        window = max_tokens - len(tokenizer.begin) - len(tokenizer.end)
        model = TextModel(
            name=f"{self.name}:text",
            dim=self.dim,
            window=window,
            passage=min(self.passage, window),
            overlap=min(self.overlap, window // 4),
            begin=tokenizer.begin,
            end=tokenizer.end,
            unknown=tokenizer.unknown,
            space=self.space,
            scale=self.scale,
            reads_captions=True,
        )
        return TextEncoder(model, tokenizer, engine, overflow=overflow)


def check_vocabulary(tokenizer: ClipTokenizer | FileTokenizer, vocab_size: int, file: str) -> None:
    """Raise CorruptFileError if a tokenizer has more ids than the network."""
    if tokenizer.vocab_size > vocab_size:
        raise CorruptFileError(
            f"{file} has {tokenizer.vocab_size} ids, the network {vocab_size}. Take the tokenizer "
            "that it was trained with"
        )
