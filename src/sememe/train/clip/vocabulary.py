"""A vocabulary for CLIP's text tower, learnt from the captions themselves.

Byte-pair encoding in CLIP's form (Radford et al. 2021, section 2.4, after Sennrich et al. 2016,
arXiv:1508.07909): the 256 bytes, the same at a word's end, the merged pairs, and the two special
tokens. Any language can be written: a syllable of Hangul too rare for a merge is its three bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sememe._lazy import require
from sememe.text.normalize import well_formed
from sememe.text.tokenizers.clip_bpe import END, START, ClipTokenizer, set_clip_pre_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOCAB, MERGES = "vocab.json", "merges.txt"
_WORD_END = "</w>"
MIN_VOCAB_SIZE = 2 * 256 + 2  # bytes, bytes at a word's end, special tokens
_MIN_FREQUENCY = 2  # of a pair


def learn_vocabulary(texts: Sequence[str], folder: Path, *, size: int) -> ClipTokenizer:
    """Write vocab.json and merges.txt of at most `size` ids, and open them.

    Of equally frequent pairs the one of the lower ids is merged first: the same texts always give
    the same files. Raises MissingExtraError without `tokenizers`.
    """
    tokenizers = require("tokenizers", "CLIP's tokenizer")
    signs = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pieces = [*signs, *(f"{sign}{_WORD_END}" for sign in signs)]
    learner = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix=_WORD_END))
    set_clip_pre_tokenizer(learner)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size - 2,
        min_frequency=_MIN_FREQUENCY,
        special_tokens=pieces,  # for their order alone, which is random otherwise
        end_of_word_suffix=_WORD_END,
        show_progress=False,
    )
    learner.train_from_iterator((well_formed(text) for text in texts), trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    names = dict.fromkeys([*pieces, *("".join(pair) for pair in merges), START, END])
    vocab = {name: number for number, name in enumerate(names)}
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in ((VOCAB, json.dumps(vocab, ensure_ascii=False)), (MERGES, "\n".join(lines))):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return ClipTokenizer(folder / VOCAB, folder / MERGES)


def encode_padded(
    tokenizer: ClipTokenizer, texts: Sequence[str], *, max_tokens: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
    """Encode texts with special tokens, padded with the id of the end token.

    Returns (n, max_tokens) int32 ids, (n,) int64 lengths, and the number of truncated texts.
    """
    encoded = tokenizer.encode(texts)
    limit = max_tokens - 2
    rows = np.full((len(encoded), max_tokens), tokenizer.end[0], np.int32)
    lengths = np.empty(len(encoded), np.int64)
    for row, ids in enumerate(encoded):
        kept = [*tokenizer.begin, *ids[:limit], *tokenizer.end]
        rows[row, : len(kept)], lengths[row] = kept, len(kept)
    return rows, lengths, sum(len(ids) > limit for ids in encoded)
