"""The teacher of a distillation: an encoder's tokenizer, and a vector for each token alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._lazy import require
from sememe._types import Encoder
from sememe.encoders.text.encoder import TextEncoder
from sememe.encoders.text.sentence import SentenceEncoder
from sememe.models.static.engine import StaticEngine
from sememe.text.tokenizers.piece_file import describe_tokenizer
from sememe.text.tokenizers.piece_table import PieceTokenizer
from sememe.text.tokenizers.sentencepiece_file import convert
from sememe.text.tokenizers.subwords import SubwordTokenizer
from sememe.text.tokenizers.tokenizer_file import FileTokenizer
from sememe.text.tokenizers.unigram import UnigramTokenizer

if TYPE_CHECKING:
    from sememe._types import FloatArray

Pooling = Literal["states", "sentence"]
POOLINGS = ("states", "sentence")
_BATCH = 4096  # tokens passed through the encoder between two moves of the bar


class Teacher:
    """An encoder to distil.

    pooling: A token's vector. "states": the mean of the last states over the begin mark and the
    token, without the end mark; "sentence": the token encoded as a text, at unit length. None:
    "states" if the encoder has any.
    """

    def __init__(self, encoder: Any, pooling: str | None) -> None:
        """Raise InvalidInputError or UnknownNameError for other encoders and poolings."""
        tokenizer = encoder.tokenizer if isinstance(encoder, TextEncoder) else None
        readable = isinstance(tokenizer, FileTokenizer | PieceTokenizer | UnigramTokenizer)
        if not readable or isinstance(encoder.engine, StaticEngine):
            name = encoder.name if isinstance(encoder, Encoder) else encoder
            raise InvalidInputError(
                f"{name!r} is {type(encoder).__name__}, which has no network to distil. Give a "
                "sentence encoder, as sememe.load('all-minilm-l6-v2')."
            )
        has_states = isinstance(encoder, SentenceEncoder)
        if pooling is not None and pooling not in POOLINGS:
            raise UnknownNameError.of("pooling", pooling, POOLINGS)
        if pooling == "states" and not has_states:
            raise InvalidInputError(
                f"pooling='states': {encoder.name} gives no states of its tokens. Give 'sentence'."
            )
        self.encoder = encoder
        self.pooling = pooling or ("states" if has_states else "sentence")
        self.begin: tuple[int, ...] = encoder.model.begin
        if isinstance(tokenizer, FileTokenizer | PieceTokenizer):  # a prompt would dominate a token
            self.begin = tokenizer.begin[: tokenizer.marks]
        self.tokenizer = _copy_without_marks(tokenizer)

    def vectors(self, ids: Sequence[Sequence[int]]) -> Iterator[FloatArray]:
        """Yield (n, width) vectors of short sequences of ids, a batch at a time."""
        encoder = self.encoder
        for start in range(0, len(ids), _BATCH):
            some = [[*self.begin, *own, *encoder.model.end] for own in ids[start : start + _BATCH]]
            if self.pooling == "states" and isinstance(encoder, SentenceEncoder):
                stop = -len(encoder.model.end) or None
                states = encoder.network.states(some)
                yield np.stack([own[:stop].mean(axis=0) for own in states])
            elif isinstance(encoder, SentenceEncoder):
                yield encoder.network.forward(some)
            else:
                yield encoder.engine.forward(some)


def _copy_without_marks(tokenizer: Any) -> Any:
    """Return a `tokenizers.Tokenizer` of the same tokens that adds no marks."""
    library = require("tokenizers", "distil")
    if isinstance(tokenizer, FileTokenizer):
        copy = SubwordTokenizer.load(tokenizer.path).tokenizer
    elif isinstance(tokenizer, PieceTokenizer):
        copy = library.Tokenizer.from_str(json.dumps(describe_tokenizer(tokenizer.table)))
    else:
        copy = convert(library, tokenizer.model_bytes(), name="the teacher's tokenizer")
    document = json.loads(copy.to_str())
    document |= {"post_processor": None, "truncation": None, "padding": None}
    return library.Tokenizer.from_str(json.dumps(document))
