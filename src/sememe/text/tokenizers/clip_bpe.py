"""CLIP's tokenizer from the two files of its first form, vocab.json and merges.txt.

Text in lower case is cut into words, single digits and runs of other signs; each is written in
bytes, its last one marked "</w>", and pairs of neighbours are merged in the order of merges.txt.
Folders with a tokenizer.json need none of this: see `sememe.text.tokenizers.tokenizer_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError
from sememe._lazy import require
from sememe.text.normalize import well_formed

START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


class ClipTokenizer:
    """Texts to ids as the network was trained on them; lone surrogates count as U+FFFD.

    Attributes:
        begin, end: Ids of the marks around each sequence.
        unknown: Id of what the vocabulary does not know: CLIP takes the end of the text for it.
    """

    def __init__(self, vocab: Path, merges: Path) -> None:
        """Open the two files.

        Raises:
            CorruptFileError: One is damaged, or they do not belong together.
            MissingExtraError: `tokenizers` is not installed.
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
        """Number of ids, marks included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's ids, without marks."""
        clean = [well_formed(text) for text in texts]
        found = self._tokenizer.encode_batch_fast(clean, add_special_tokens=False)
        return [encoding.ids for encoding in found]


def set_clip_pre_tokenizer(made: Any) -> None:
    """Have a tokenizer of `tokenizers` clean and cut texts as CLIP's does."""
    tokenizers = require("tokenizers", "CLIP's tokenizer")
    normal, cut = tokenizers.normalizers, tokenizers.pre_tokenizers
    spaces = normal.Replace(tokenizers.Regex(r"\s+"), " ")
    made.normalizer = normal.Sequence([normal.NFC(), spaces, normal.Lowercase()])
    words = cut.Split(tokenizers.Regex(_WORDS), behavior="removed", invert=True)
    made.pre_tokenizer = cut.Sequence([words, cut.ByteLevel(add_prefix_space=False,
                                                            use_regex=False)])  # fmt: skip


def _build(tokenizers: Any, vocab: Path, merges: Path) -> Any:
    pieces, pairs = tokenizers.models.BPE.read_file(str(vocab), str(merges))
    marks = [name for name in (START, END) if name in pieces]  # one that is missing is not made up
    model = tokenizers.models.BPE(
        pieces, pairs, end_of_word_suffix="</w>", unk_token=END if END in pieces else None
    )
    made = tokenizers.Tokenizer(model)
    set_clip_pre_tokenizer(made)
    made.add_special_tokens(marks)
    return made
