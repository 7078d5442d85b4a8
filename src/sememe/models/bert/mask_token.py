"""The mask token of a checkpoint: "[MASK]" in BERT, "<mask>" in RoBERTa."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sememe._errors import InvalidInputError
from sememe.models.weights.folder import ModelFolder
from sememe.text.tokenizers.tokenizer_file import FileTokenizer

USUAL = ("[MASK]", "<mask>")
_FILES = ("special_tokens_map.json", "tokenizer_config.json")


def find_mask_token(folder: Path, config: Mapping[str, Any], tokenizer: FileTokenizer) -> str:
    """Find the mask token, and keep the tokenizer from splitting it.

    The "mask_token" of the tokenizer's files comes first, then config.json's "mask_token_id", then
    "[MASK]" and "<mask>" if they are in the vocabulary.

    Raises:
        InvalidInputError: If there is none, or the tokenizer does not know it.
        CorruptFileError: If a file is damaged.
    """
    tried = list(dict.fromkeys(_propose(folder, config, tokenizer)))
    for name in tried:
        if tokenizer.keep_whole(name):
            return name
    raise InvalidInputError(
        f"{folder}: the vocabulary has no mask token (tried {', '.join(tried)}), so no word can be "
        f'masked. Name it in {_FILES[0]}: {{"mask_token": "..."}}, or give a masked language model'
    )


def _propose(folder: Path, config: Mapping[str, Any], tokenizer: FileTokenizer) -> Iterator[str]:
    for name in _FILES:
        token = ModelFolder(folder).object(name, missing={}).get("mask_token")
        if isinstance(token, dict):
            token = token.get("content")
        if isinstance(token, str) and token:
            yield token
    number = config.get("mask_token_id")
    if isinstance(number, int) and number >= 0 and (name := tokenizer.names([number])[0]):
        yield name
    yield from USUAL
