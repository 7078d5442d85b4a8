"""Subword tokenizers: no word is unknown as a whole.

    tokenizer = SubwordTokenizer.train("corpus.txt.gz", model="bpe", vocab_size=16_000)
    ids = tokenizer.encode(["자연어 처리", "natural language"])
    tokenizer.decompose("언어모델링")          # the pieces of a word not in the corpus

Byte-pair encoding repeatedly merges the most frequent adjacent pair; Unigram keeps the pieces that
maximise the probability of the corpus. They run in Hugging Face's `tokenizers` and are saved as its
`tokenizer.json`.

Reference: Sennrich et al. 2016 (arXiv:1508.07909), Radford et al. 2019 for bytes, Kudo 2018
(arXiv:1804.10959) for Unigram.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sememe._atomic import write_atomically
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._lazy import require
from sememe.text.lines import Corpus
from sememe.text.normalize import well_formed
from sememe.text.tokenizers.subword_training import Level, Model, Normalization, Plan, train

FILE = "tokenizer.json"
_SPACE_MARK = "\u2581"  # a space in SentencePiece


class SubwordTokenizer:
    """A subword tokenizer, built by `train` or `load`; `tokenizer` is a `tokenizers.Tokenizer`."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        tokenizer.no_truncation()  # a file may have a maximum length; nothing is lost silently
        tokenizer.no_padding()

    @classmethod
    def train(
        cls,
        corpus: Corpus,
        *,
        model: Model = "bpe",
        vocab_size: int = 16_000,
        level: Level | None = None,
        special_tokens: Sequence[str] = (),
        normalization: Normalization | None = None,
        coverage: float = 0.9995,
        min_count: int = 2,
        allow_fewer: bool = False,
    ) -> SubwordTokenizer:
        """Train on a corpus. The same corpus always gives the same bytes.

        Args:
            corpus: The path of a text file (plain, .gz, .xz), or a restartable iterable of texts.
            model: "bpe" or "unigram".
            vocab_size: Exact number of pieces, special tokens included.
            level: Base symbols. "bytes" (default of "bpe"): no text is unknown, and decoding is
                exact. "characters" (the only one of "unigram"): white space is one space, and
                characters beyond `coverage` are unknown. Hangul syllables are not split.
            special_tokens: Tokens that are never split; they have the first ids.
            normalization: By default "none" for bytes, so that decoding is exact, and "NFC" for
                characters, so that decomposed Hangul gives the same pieces as composed.
            coverage: Fraction of the corpus's characters in the alphabet; the rarest are unknown.
            min_count: Minimum count of a merged pair ("bpe").
            allow_fewer: Allow fewer than `vocab_size` pieces if the corpus is small ("bpe").

        Raises:
            InvalidInputError: An empty or exhausted corpus, a vocab_size that is too small for the
                alphabet or too large for the corpus, or another option out of range.
            UnknownNameError: No such model, level or normalization.
            MissingExtraError: `tokenizers` is not installed.
        """
        tokenizers = require("tokenizers", "SubwordTokenizer")
        level = level or ("bytes" if model == "bpe" else "characters")
        normalization = normalization or ("none" if level == "bytes" else "NFC")
        specials, size, least = _names(special_tokens), _whole(vocab_size), _whole(min_count)
        plan = Plan(model, size, level, specials, normalization, coverage, least, allow_fewer)
        return cls(train(tokenizers, corpus, plan))

    @classmethod
    def load(cls, path: str | Path) -> SubwordTokenizer:
        """Open a `tokenizer.json`, a folder that holds one, or a SentencePiece `.model` file.

        A SentencePiece model of type Unigram or BPE is converted to the same pieces and scores; the
        names of its control pieces ("<s>") in a text are those pieces.

        Raises:
            InvalidInputError: There is no such file.
            CorruptFileError: It is of neither format.
        """
        tokenizers = require("tokenizers", "SubwordTokenizer")
        file = Path(path)
        file = file / FILE if file.is_dir() else file
        if not file.is_file():
            raise InvalidInputError(
                f"{file} is not a file. Give a {FILE}, a folder that holds one, or a SentencePiece "
                ".model file."
            )
        data = file.read_bytes()
        if not data.lstrip()[:1] == b"{":
            from sememe.text.tokenizers.sentencepiece_file import convert

            return cls(convert(tokenizers, data, name=str(file)))
        try:
            return cls(tokenizers.Tokenizer.from_str(data.decode("utf-8")))
        except Exception as error:  # the library raises bare Exceptions
            raise CorruptFileError(
                f"{file} cannot be read as a {FILE} ({error}). Save or fetch it again."
            ) from error

    def save(self, path: str | Path) -> Path:
        """Write `tokenizer.json` into a folder, or a path that ends in .json; return the path.

        It opens in `tokenizers.Tokenizer.from_file` and transformers.
        """
        file = Path(path)
        file = file if file.suffix == ".json" else file / FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(file) as stream:
            stream.write(self.tokenizer.to_str(pretty=True).encode())
        return file

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's piece ids, without special tokens; lone surrogates are U+FFFD."""
        if isinstance(texts, str):
            raise InvalidInputError("encode got one str; give a list of texts, or use encode_one.")
        return encode_plain(self.tokenizer, texts)

    def encode_one(self, text: str) -> list[int]:
        """Return one text's piece ids."""
        return self.encode([text])[0]

    def decode(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each row of ids; exact for bytes without normalisation.

        Raises:
            InvalidInputError: An id outside the vocabulary.
        """
        size = self.vocab_size
        for row in rows:
            wrong = next((id_ for id_ in row if not 0 <= id_ < size), None)
            if wrong is not None:
                raise InvalidInputError(f"id {wrong} is not a piece; allowed: 0 to {size - 1}.")
        return list(self.tokenizer.decode_batch(list(map(list, rows)), skip_special_tokens=False))

    def decode_one(self, ids: Sequence[int]) -> str:
        """Return the text of one row of ids."""
        return self.decode([ids])[0]

    @property
    def vocab(self) -> dict[str, int]:
        """Piece -> id, in the order of the ids; bytes are letters, as in `tokenizers`."""
        pieces = self.tokenizer.get_vocab(with_added_tokens=True)
        return dict(sorted(pieces.items(), key=lambda item: item[1]))

    @property
    def vocab_size(self) -> int:
        """Number of pieces, special tokens included."""
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    @property
    def merges(self) -> list[tuple[str, str]]:
        """The merges of a BPE in order; empty for other models."""
        pairs = self._config["model"].get("merges", [])
        split = (pair.split(" ") if isinstance(pair, str) else pair for pair in pairs)
        return [(left, right) for left, right in split]

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens, in the order of their ids."""
        return tuple(token["content"] for token in self._config["added_tokens"] if token["special"])

    @property
    def unk_token(self) -> str | None:
        """The unknown token; None if no text is unknown."""
        model = self._config["model"]
        if model.get("unk_token") is not None:
            return str(model["unk_token"])
        if model.get("unk_id") is not None:
            return str(model["vocab"][model["unk_id"]][0])
        return None

    def decompose(self, word: str) -> list[str]:
        r"""Return the readable pieces of a word, segmented as inside a sentence.

        Parts of a character are shown as bytes ("\\xea\\xb0"), unknown pieces as `unk_token`.
        Otherwise the joined pieces are the word as normalised by the tokenizer.
        """
        row = self.tokenizer.encode(f" {well_formed(word)}", add_special_tokens=False)
        shown = [self._readable(token) for token in row.tokens]
        if shown and shown[0][:1] == " ":
            shown[0] = shown[0][1:]
        return [piece for piece in shown if piece]

    @cached_property
    def _config(self) -> Any:
        return json.loads(self.tokenizer.to_str())

    @cached_property
    def _byte_of(self) -> dict[str, int] | None:
        """Letter -> byte of a byte-level tokenizer, None for others."""
        return byte_letters() if '"ByteLevel"' in json.dumps(self._config["decoder"]) else None

    def _readable(self, token: str) -> str:
        if token in self.special_tokens:
            return token
        if self._byte_of and all(letter in self._byte_of for letter in token):
            data = bytes(self._byte_of[letter] for letter in token)
            return data.decode("utf-8", errors="backslashreplace")
        return re.sub(r"^##", "", token).replace(_SPACE_MARK, " ")


def encode_plain(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return each text's ids by a `tokenizers.Tokenizer`, without special tokens.

    Lone surrogates are read as U+FFFD.
    """
    clean = [well_formed(text) for text in texts]
    return [row.ids for row in tokenizer.encode_batch_fast(clean, add_special_tokens=False)]


def _whole(value: Any) -> Any:
    """Convert a whole number, also of NumPy, to int; return anything else unchanged."""
    return operator.index(value) if hasattr(value, "__index__") else value


def _names(special_tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, or refuse a single str, which is a sequence of letters."""
    names = tuple(special_tokens)
    if isinstance(special_tokens, str) or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(
            f"special_tokens={special_tokens!r}; give a list of names, as ['<mask>']."
        )
    return names


def byte_letters() -> dict[str, int]:
    """Return letter -> byte of a byte-level vocabulary (GPT-2's table).

    Printable bytes are their own letter, the others are the letters from U+0100 on.

    >>> byte_letters()["a"], byte_letters()["\u0120"]
    (97, 32)
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in printable)
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + i): byte for i, byte in enumerate(others)}
