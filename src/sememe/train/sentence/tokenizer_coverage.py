"""Can a tokenizer read these texts at all? How many of its tokens stand for something unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sememe._errors import InvalidInputError
from sememe._lazy import require

_MOST = 10_000  # texts that are looked at
_REFUSED, _TOLD = 0.5, 0.1  # shares of unknown tokens
_PARTS = 1.2  # tokens a character, from which on characters are cut into parts


@dataclass(frozen=True, slots=True)
class Legibility:
    """What a tokenizer makes of texts.

    Attributes:
        unknown: Share of the tokens that stand for something unknown, 0 to 1.
        per_character: Tokens a character, blanks left out. Words of a vocabulary that knows them
            give about 0.25; letters by themselves 1; above 1 a character falls into parts.
    """

    unknown: float
    per_character: float


def legibility(tokenizer: Path, texts: Sequence[str]) -> Legibility:
    """Measure it on at most 10,000 of the texts, evenly over them.

    tokenizer: A tokenizer.json in Hugging Face's format.

    Raises:
        MissingExtraError: `tokenizers` is not installed.
        CorruptFileError: The file is no tokenizer.
    """
    from sememe.text.tokenizers.subwords import SubwordTokenizer

    library = require("tokenizers", "legibility")
    opened = SubwordTokenizer.load(tokenizer)
    own = library.Tokenizer.from_str(opened.tokenizer.to_str())  # the marks and the cut are ours
    own.no_truncation()
    own.no_padding()
    unknown = own.token_to_id(opened.unk_token) if opened.unk_token else None
    some = list(texts[:: -(-len(texts) // _MOST)]) if texts else []
    rows = own.encode_batch(some, add_special_tokens=False)
    n_tokens = sum(len(row.ids) for row in rows)
    n_unknown = sum(row.ids.count(unknown) for row in rows) if unknown is not None else 0
    n_characters = sum(not letter.isspace() for text in some for letter in text)
    return Legibility(n_unknown / max(1, n_tokens), n_tokens / max(1, n_characters))


def check_legible(tokenizer: Path, texts: Sequence[str], *, name: str, what: str) -> list[str]:
    """Return what is to be said of a tokenizer and texts; refuse those that it cannot read.

    name: The network's name. what: What the texts are, in the plural.

    Raises:
        InvalidInputError: More than half of the tokens are unknown.
    """
    found = legibility(tokenizer, texts)
    cure = "Give a network whose vocabulary holds their script."
    notes = check_share(found.unknown, name=name, what=what, cure=cure)
    if found.per_character > _PARTS:
        notes.append(
            f"{name} cuts the characters of the {what} into parts, {found.per_character:.1f} tokens"
            " each: it learns slowly and reads short texts only"
        )
    return notes


def check_share(unknown: float, *, name: str, what: str, cure: str) -> list[str]:
    """Return what is to be said of a share of unknown tokens, nothing up to a tenth.

    Raises:
        InvalidInputError: It is above a half; the message ends with the cure.
    """
    if unknown > _REFUSED:
        raise InvalidInputError(
            f"{name} cannot read the {what}: {unknown:.0%} of their tokens are unknown to it, at "
            f"most half may be. {cure}"
        )
    if unknown > _TOLD:
        return [f"{unknown:.0%} of the tokens of the {what} are unknown to {name}"]
    return []
