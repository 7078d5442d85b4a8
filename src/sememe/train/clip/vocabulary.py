"""A vocabulary for CLIP's text tower, learnt from the captions themselves.

Byte-pair encoding in CLIP's form (Radford et al. 2021, section 2.4, after Sennrich et al. 2016,
arXiv:1508.07909): the 256 bytes, the same at a word's end, the pairs that were merged, and last the
two marks. Every byte is in it, so that any language can be written: what was not seen often enough
to be merged, as a rare syllable of Hangul, is its three bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._lazy import require
from sememe.text.normalize import well_formed
from sememe.text.tokenizers.clip_bpe import END, START, ClipTokenizer, set_clip_pre_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOCAB, MERGES = "vocab.json", "merges.txt"
_WORD_END = "</w>"
_TWICE = 2  # a pair seen once says nothing of other captions


def smallest_vocabulary() -> int:
    """Return how many ids there are without a merge: bytes, bytes at a word's end, and marks."""
    return 2 * 256 + 2


def learn_vocabulary(texts: Sequence[str], folder: Path, *, size: int) -> ClipTokenizer:
    """Write vocab.json and merges.txt of at most `size` ids, and open them.

    Of pairs that are equally frequent the one of the lower ids is merged first, so that the same
    texts always give the same files.

    Raises:
        MissingExtraError: `tokenizers` is not installed.
    """
    tokenizers = require("tokenizers", "CLIP's tokenizer")
    signs = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pieces = [*signs, *(f"{sign}{_WORD_END}" for sign in signs)]
    learner = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix=_WORD_END))
    set_clip_pre_tokenizer(learner)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size - 2,
        min_frequency=_TWICE,
        special_tokens=pieces,  # for their order alone: otherwise it would be by chance
        end_of_word_suffix=_WORD_END,
        show_progress=False,
    )
    learner.train_from_iterator((well_formed(text) for text in texts), trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    names = dict.fromkeys([*pieces, *("".join(pair) for pair in merges), START, END])
    vocab = {name: number for number, name in enumerate(names)}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(vocab, ensure_ascii=False)
    (folder / VOCAB).write_text(text, encoding="utf-8", newline="\n")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / MERGES).write_text("\n".join(lines), encoding="utf-8", newline="\n")
    return ClipTokenizer(folder / VOCAB, folder / MERGES)


def tokenizer_facts(max_tokens: int) -> dict[str, Any]:
    """Return what a tokenizer_config.json says beside these files; transformers reads it."""
    return {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
        "model_max_length": max_tokens,
    }


def token_rows(
    tokenizer: ClipTokenizer, texts: Sequence[str], *, max_tokens: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
    """Return texts as the network reads them, marks included, and how many had to be cut.

    Returns (n, max_tokens) int32, after its end each text filled up with the end's id; (n,) int64
    lengths; and the number of texts that were too long.
    """
    found = tokenizer.encode(texts)
    room = max_tokens - 2
    rows = np.full((len(found), max_tokens), tokenizer.end[0], np.int32)
    lengths = np.empty(len(found), np.int64)
    for row, ids in enumerate(found):
        kept = [*tokenizer.begin, *ids[:room], *tokenizer.end]
        rows[row, : len(kept)], lengths[row] = kept, len(kept)
    return rows, lengths, sum(len(ids) > room for ids in found)
