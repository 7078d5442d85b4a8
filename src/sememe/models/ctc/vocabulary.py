"""The vocabulary of a CTC recogniser: letters, the space between words, and blank.

    vocab.json              letter -> number, as transformers' tokenizer for CTC reads it
    tokenizer_config.json   the special ones: pad (CTC's blank), unknown, the space ("|")

Korean is written in syllables, in conjoining jamo (U+1100...), or in compatibility jamo (ㄱ, ㅏ);
jamo are composed to syllables again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.weights.folder import ModelFolder
from sememe.text.jamo import compose, decompose, is_keyboard

_VOCAB, _CONFIG = "vocab.json", "tokenizer_config.json"
_SPACE = "|"
_SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


@dataclass(frozen=True)
class Vocabulary:
    """The units of a recogniser. The repr is part of fingerprints.

    Attributes:
        units: Text of each output; "" for special and unused ones.
        blank: Output of CTC's blank.
        space: Output that ends a word, None if there is none.
    """

    units: tuple[str, ...]
    blank: int
    space: int | None

    @cached_property
    def silent(self) -> tuple[int, ...]:
        """Outputs without text that are not blank; decoding never uses them."""
        spared = (self.blank, self.space)
        return tuple(i for i, unit in enumerate(self.units) if not unit and i not in spared)

    def text(self, ids: Iterable[int]) -> str:
        """Return the text of units, words separated by single spaces.

        >>> Vocabulary(("", "a", "b", ""), blank=0, space=3).text([3, 1, 3, 3, 2, 1])
        'a ba'
        """
        written = "".join(" " if i == self.space else self.units[i] for i in ids)
        composed = compose(written) if self._keyboard else unicodedata.normalize("NFC", written)
        return " ".join(composed.split())

    def spell(self, word: str) -> tuple[int, ...] | None:
        """Return the units that spell a word; None if one of its letters is not among them.

        Lower or upper case is used if the units have only one of them.
        """
        word = unicodedata.normalize("NFC", word)
        for form in dict.fromkeys((word, word.lower(), word.upper())):
            for letters in (form, unicodedata.normalize("NFD", form), decompose(form)):
                if (units := self._spell_letters(letters)) is not None:
                    return units
        return None

    def _spell_letters(self, letters: str) -> tuple[int, ...] | None:
        """Return units that spell these letters, longest match first."""
        units, at = [], 0
        while at < len(letters):
            sizes = range(min(self._longest, len(letters) - at), 0, -1)
            size = next((n for n in sizes if letters[at : at + n] in self._ids), None)
            if size is None:
                return None
            units.append(self._ids[letters[at : at + size]])
            at += size
        return tuple(units)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {unit: i for i, unit in enumerate(self.units) if unit}

    @cached_property
    def _longest(self) -> int:
        return max((len(unit) for unit in self.units), default=0)

    @cached_property
    def _keyboard(self) -> bool:
        """Whether the units are compatibility jamo, which are composed to syllables."""
        apart = any("\u1100" <= unit[:1] <= "\u11ff" for unit in self.units)  # ㅋㅋ among them
        return not apart and any(is_keyboard(unit) for unit in self.units)


def read_vocabulary(folder: Path, *, size: int, blank: int) -> Vocabulary:
    """Read the vocabulary of a folder.

    size: Number of outputs of the network. blank: The blank of its config, used if the tokenizer
    has none.

    Raises:
        InvalidInputError: If there is none.
        CorruptFileError: If it is damaged, or another network's.
    """
    documents = ModelFolder.open(folder)
    config = documents.object(_CONFIG, missing={})
    numbers = _read_numbers(documents, config.get("target_lang"))
    units = [""] * size
    for unit, number in numbers.items():
        if not isinstance(number, int) or not 0 <= number < size:
            raise CorruptFileError(
                f"{folder / _VOCAB} gives {unit!r} the number {number!r}, the network has outputs "
                f"0 to {size - 1}. Take the vocabulary that it was trained with"
            )
        units[number] = unit
    special = {name: _read_token(config, name) for name in _SPECIAL}
    space = numbers.get(_read_token(config, "word_delimiter_token", _SPACE))
    blank = numbers.get(special["pad_token"], blank)
    if not 0 <= blank < size:
        raise CorruptFileError(f"{folder}: pad is the number {blank}, of {size} outputs")
    for token in special.values():
        if token in numbers:
            units[numbers[token]] = ""
    units[blank] = ""
    if space is not None:
        units[space] = ""
    return Vocabulary(tuple(units), blank, space)


def _read_numbers(folder: ModelFolder, language: Any) -> Mapping[str, Any]:
    if not folder.has(_VOCAB):
        path = str(folder.path)
        raise InvalidInputError(
            f"{path} holds no {_VOCAB}, so what its outputs write is not known. Write it there "
            f"with transformers: AutoTokenizer.from_pretrained(NAME).save_pretrained({path!r})"
        )
    numbers = folder.object(_VOCAB)
    if any(isinstance(value, dict) for value in numbers.values()):
        if not isinstance(numbers.get(language), dict):
            some = ", ".join(list(numbers)[:9])
            raise InvalidInputError(
                f"{folder.path / _VOCAB} has a vocabulary for each of {len(numbers)} languages "
                f"({some}), and target_lang={language!r}. Write that of its weights into "
                f'{_CONFIG}: "target_lang": "kor"'
            )
        numbers = numbers[language]
    return dict(numbers)


def _read_token(config: Mapping[str, Any], name: str, default: str = "") -> str:
    token = config.get(name, default or _SPECIAL.get(name, ""))
    token = token.get("content", "") if isinstance(token, dict) else token
    return str(token or "")


def spell_words(vocabulary: Vocabulary, words: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the units of each word that they can spell; InvalidInputError if that is none."""
    spelled = {word: vocabulary.spell(word) for word in dict.fromkeys(words) if word.strip()}
    usable = {word: units for word, units in spelled.items() if units}
    if not usable:
        some = ", ".join(repr(word) for word in list(spelled)[:3]) or "nothing"
        known = "".join(unit for unit in vocabulary.units if unit)[:60]
        raise InvalidInputError(
            f"words={some}: none can be written with the recogniser's letters, {known}. Give words "
            "of its language"
        )
    return usable
