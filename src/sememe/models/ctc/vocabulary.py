"""What the outputs of a recogniser write: letters, a space between words, and blank for none.

    vocab.json              letter -> number, as transformers' tokenizer for CTC reads it
    tokenizer_config.json   which of them are marks: pad (CTC's blank), unknown, the space ("|")

Korean is written in syllables, in their letters as Unicode decomposes them (U+1100...), or in the
letters of a keyboard (ㄱ, ㅏ): letters become syllables again.
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
from sememe.text.jamo import composed, is_keyboard, keyed

_VOCAB, _CONFIG = "vocab.json", "tokenizer_config.json"
_SPACE = "|"
_MARKS = ("pad_token", "unk_token", "bos_token", "eos_token")
_USUAL = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


@dataclass(frozen=True)
class Vocabulary:
    """The units of a recogniser.

    Attributes:
        units: What each output writes; "" for marks and what is not used.
        blank: Which output is CTC's blank.
        space: Which output ends a word, None where there is none.
    """

    units: tuple[str, ...]
    blank: int
    space: int | None

    @cached_property
    def silent(self) -> tuple[int, ...]:
        """Outputs that write nothing and are not blank: no answer holds them."""
        spared = (self.blank, self.space)
        return tuple(i for i, unit in enumerate(self.units) if not unit and i not in spared)

    def text(self, ids: Iterable[int]) -> str:
        """Return what units write, words parted by single spaces.

        >>> Vocabulary(("", "a", "b", ""), blank=0, space=3).text([3, 1, 3, 3, 2, 1])
        'a ba'
        """
        written = "".join(" " if i == self.space else self.units[i] for i in ids)
        return " ".join(self._syllables(written).split())

    def spell(self, word: str) -> tuple[int, ...] | None:
        """Return the units that write a word; None where one of its letters is not there.

        Written small or capital as the units are, where they are of one kind.
        """
        word = unicodedata.normalize("NFC", word)
        for form in dict.fromkeys((word, word.lower(), word.upper())):
            for letters in dict.fromkeys((form, unicodedata.normalize("NFD", form), keyed(form))):
                found = self._fewest(letters)
                if found is not None:
                    return found
        return None

    def _fewest(self, letters: str) -> tuple[int, ...] | None:
        """Return units that write these letters, longest first."""
        found, at = [], 0
        while at < len(letters):
            sizes = range(min(self._longest, len(letters) - at), 0, -1)
            size = next((n for n in sizes if letters[at : at + n] in self._numbers), None)
            if size is None:
                return None
            found.append(self._numbers[letters[at : at + size]])
            at += size
        return tuple(found)

    def _syllables(self, written: str) -> str:
        if self._keyboard:
            return composed(written)
        return unicodedata.normalize("NFC", written)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {unit: i for i, unit in enumerate(self.units) if unit}

    @cached_property
    def _longest(self) -> int:
        return max((len(unit) for unit in self.units), default=0)

    @cached_property
    def _keyboard(self) -> bool:
        """Whether vowels stand alone, as on a keyboard: then letters are to be put together."""
        apart = any("\u1100" <= unit[:1] <= "\u11ff" for unit in self.units)  # ㅋㅋ beside them
        return not apart and any(is_keyboard(unit) for unit in self.units)


def read_vocabulary(folder: Path, *, size: int, blank: int) -> Vocabulary:
    """Read the vocabulary of a folder.

    size: How many outputs the network has. blank: The output for none by its config, where the
    tokenizer does not say.

    Raises:
        InvalidInputError: There is none.
        CorruptFileError: It is damaged, or another network's.
    """
    documents = ModelFolder.open(folder)
    config = documents.object(_CONFIG, missing={})
    numbers = _numbers(documents, config.get("target_lang"))
    units = [""] * size
    for unit, number in numbers.items():
        if not isinstance(number, int) or not 0 <= number < size:
            raise CorruptFileError(
                f"{folder / _VOCAB} gives {unit!r} the number {number!r}, the network has outputs "
                f"0 to {size - 1}. Take the vocabulary that it was trained with"
            )
        units[number] = unit
    marks = {name: _mark(config, name) for name in _MARKS}
    space = numbers.get(_mark(config, "word_delimiter_token", _SPACE))
    blank = numbers.get(marks["pad_token"], blank)
    if not 0 <= blank < size:
        raise CorruptFileError(f"{folder}: pad is the number {blank}, of {size} outputs")
    for mark in marks.values():
        if mark in numbers:
            units[numbers[mark]] = ""
    units[blank] = ""
    if space is not None:
        units[space] = ""
    return Vocabulary(tuple(units), blank, space)


def _numbers(folder: ModelFolder, language: Any) -> Mapping[str, Any]:
    if not folder.has(_VOCAB):
        path = str(folder.path)
        raise InvalidInputError(
            f"{path} holds no {_VOCAB}, so what its outputs write is not known. Write it there "
            f"with transformers: AutoTokenizer.from_pretrained(NAME).save_pretrained({path!r})"
        )
    found = folder.object(_VOCAB)
    if any(isinstance(value, dict) for value in found.values()):
        if not isinstance(found.get(language), dict):
            some = ", ".join(list(found)[:9])
            raise InvalidInputError(
                f"{folder.path / _VOCAB} has a vocabulary for each of {len(found)} languages "
                f"({some}), and target_lang={language!r}. Write that of its weights into "
                f'{_CONFIG}: "target_lang": "kor"'
            )
        found = found[language]
    return dict(found)


def _mark(config: Mapping[str, Any], name: str, usual: str = "") -> str:
    said = config.get(name, usual or _USUAL.get(name, ""))
    said = said.get("content", "") if isinstance(said, dict) else said
    return str(said or "")


def spell_words(vocabulary: Vocabulary, words: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the units of each word; those that cannot be written with them are left out.

    Raises:
        InvalidInputError: None can be.
    """
    spelt = {word: vocabulary.spell(word) for word in dict.fromkeys(words) if word.strip()}
    found = {word: units for word, units in spelt.items() if units}
    if not found:
        some = ", ".join(repr(word) for word in list(spelt)[:3]) or "nothing"
        known = "".join(unit for unit in vocabulary.units if unit)[:60]
        raise InvalidInputError(
            f"words={some}: none can be written with the recogniser's letters, {known}. Give words "
            "of its language"
        )
    return found
