"""CLIP's tokenizer from its original two files, vocab.json and merges.txt.

Lower-cased text is split into words, single digits and runs of other characters; each is a sequence
of bytes, the last one marked "</w>", and adjacent pairs are merged in the order of merges.txt.
For folders with a tokenizer.json see `sememe.text.tokenizers.tokenizer_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError
from sememe._lazy import require
from sememe.text.tokenizers.subwords import encode_plain

START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


class ClipTokenizer:
    """CLIP's byte-pair encoding; lone surrogates are read as U+FFFD.

    Attributes:
        begin, end: Ids of the special tokens around each sequence.
        unknown: Id of unknown tokens: in CLIP, that of the end of the text.
    """

    def __init__(self, vocab: Path, merges: Path) -> None:
        """Open the two files.

        Raises CorruptFileError if one is damaged or they do not belong together.
        """
        tokenizers = require("tokenizers", "CLIP's tokenizer")
        try:
            self._tokenizer: Any = _build(tokenizers, vocab, merges)
        except Exception as error:  # the library raises bare Exceptions
            raise CorruptFileError(
                f"{vocab} and {merges.name} cannot be read together: {error}. Fetch them anew"
            ) from error
        ids = [self._tokenizer.token_to_id(name) for name in (START, END)]
        if None in ids:
            raise CorruptFileError(f"{vocab} lacks {START} or {END}. Fetch it anew")
        self.begin: tuple[int, ...] = (ids[0],)
        self.end: tuple[int, ...] = (ids[1],)
        self.unknown = int(ids[1])

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids, without special tokens."""
        return encode_plain(self._tokenizer, texts)


def set_clip_pre_tokenizer(tokenizer: Any) -> None:
    """Set the normalizer and pre-tokenizer of CLIP on a `tokenizers.Tokenizer`."""
    tokenizers = require("tokenizers", "CLIP's tokenizer")
    normal, cut = tokenizers.normalizers, tokenizers.pre_tokenizers
    spaces = normal.Replace(tokenizers.Regex(r"\s+"), " ")
    tokenizer.normalizer = normal.Sequence([normal.NFC(), spaces, normal.Lowercase()])
    words = cut.Split(tokenizers.Regex(_WORDS), behavior="removed", invert=True)
    as_bytes = cut.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = cut.Sequence([words, as_bytes])


def _build(tokenizers: Any, vocab: Path, merges: Path) -> Any:
    pieces, pairs = tokenizers.models.BPE.read_file(str(vocab), str(merges))
    specials = [name for name in (START, END) if name in pieces]
    model = tokenizers.models.BPE(
        pieces, pairs, end_of_word_suffix="</w>", unk_token=END if END in pieces else None
    )
    tokenizer = tokenizers.Tokenizer(model)
    set_clip_pre_tokenizer(tokenizer)
    tokenizer.add_special_tokens(specials)
    return tokenizer
