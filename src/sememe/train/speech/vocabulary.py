"""The characters that a speech recogniser writes: those of the transcripts it learns from.

    vocabulary = SpeechVocabulary.of(["세 시", "네 시"], units="jamo")
    vocabulary.encode("네 시")              # [4, 7, 2, 5, 8]
    vocabulary.decode([4, 7, 2, 5, 8])      # "네 시"

characters    one for each character, in the form NFC
jamo          Hangul syllables as their letters: 11,172 syllables are 67 letters, few of them rare

A first and a last consonant are two letters (ㄱ of 가 is U+1100, that of 악 is U+11A8), so that
letters make their syllables again in one way only. The files are those of transformers.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from sememe._errors import InvalidInputError, UnknownNameError

Units = Literal["characters", "jamo"]
_PAD, _UNKNOWN, _SPACE = "<pad>", "<unk>", "|"
_MARKS = (_PAD, _UNKNOWN, _SPACE)
BLANK, UNKNOWN, SPACE = range(len(_MARKS))  # their numbers; what others call pad is CTC's blank
_SYLLABLES = "가", "힣"
_INNER = "'-"  # signs that are part of a word when letters stand on both sides
_ALIKE = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "‐": "-", "‑": "-"})


@dataclass(frozen=True)
class SpeechVocabulary:
    """What a network of `len(vocabulary)` outputs can write; see `SpeechVocabulary.of`.

    Attributes:
        letters: After the marks for blank, unknown and space, in the order of their code points.
        units: "characters" or "jamo".
        lower: Texts are made lower case.
        punctuation: Signs are kept; else all but those within words go.
    """

    letters: tuple[str, ...]
    units: Units = "characters"
    lower: bool = True
    punctuation: bool = False

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        *,
        units: Units = "characters",
        lower: bool = True,
        punctuation: bool = False,
        min_count: int = 1,
    ) -> SpeechVocabulary:
        """Collect the letters of texts.

        min_count: A letter that occurs less often is unknown.

        Raises:
            UnknownNameError: No such units.
            InvalidInputError: The texts have not one letter.
        """
        if units not in get_args(Units):
            raise UnknownNameError.of("units", units, get_args(Units))
        bare = cls((), units=units, lower=lower, punctuation=punctuation)
        counts = Counter(letter for text in texts for letter in bare.spelt(text))
        del counts[_SPACE]
        letters = sorted(letter for letter, count in counts.items() if count >= min_count)
        if not letters:
            raise InvalidInputError(
                "the transcripts hold no letter to learn. Give texts of what is said."
            )
        return cls(tuple(letters), units=units, lower=lower, punctuation=punctuation)

    def __len__(self) -> int:
        """Return the number of outputs, the three marks included."""
        return len(_MARKS) + len(self.letters)

    def plain(self, text: str) -> str:
        """Return a text as the network is to write it: what its answers are compared with.

        >>> SpeechVocabulary(()).plain(" “Don’t”,  she said-- ")
        "don't she said"
        """
        text = unicodedata.normalize("NFC", text).translate(_ALIKE).replace(_SPACE, " ")
        if self.lower:
            text = unicodedata.normalize("NFC", text.lower())
        if not self.punctuation:
            text = "".join(
                letter if _is_said(text, place) else " " for place, letter in enumerate(text)
            )
        return " ".join(text.split())

    def spelt(self, text: str) -> list[str]:
        """Return the letters of a text, with | for each space.

        >>> [hex(ord(one)) for one in SpeechVocabulary((), units="jamo").spelt("각 A")]
        ['0x1100', '0x1161', '0x11a8', '0x7c', '0x61']
        """
        text = self.plain(text).replace(" ", _SPACE)
        if self.units == "characters":
            return list(text)
        first, last = _SYLLABLES
        apart = (unicodedata.normalize("NFD", one) if first <= one <= last else one for one in text)
        return list("".join(apart))

    def encode(self, text: str) -> list[int]:
        """Return the numbers of a text's letters; 1 for one that is unknown."""
        return [self._numbers.get(letter, UNKNOWN) for letter in self.spelt(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of letters by their numbers; blanks and unknown ones are left out."""
        names = (*_MARKS, *self.letters)
        text = "".join(names[i] for i in ids if i >= SPACE).replace(_SPACE, " ")
        return unicodedata.normalize("NFC", " ".join(text.split()))

    def facts(self) -> dict[str, Any]:
        """Return the options, for sememe.json."""
        return {"units": self.units, "lower": self.lower, "punctuation": self.punctuation}

    def write(self, folder: Path) -> None:
        """Write vocab.json and tokenizer_config.json, as transformers' tokenizer for CTC reads."""
        numbers = {name: i for i, name in enumerate((*_MARKS, *self.letters))}
        config = {
            "tokenizer_class": "Wav2Vec2CTCTokenizer",
            "pad_token": _PAD,
            "unk_token": _UNKNOWN,
            "word_delimiter_token": _SPACE,
            "replace_word_delimiter_char": " ",
            "bos_token": None,
            "eos_token": None,
            "do_lower_case": False,
        }
        for name, document in (("vocab.json", numbers), ("tokenizer_config.json", config)):
            text = json.dumps(document, ensure_ascii=False, indent=1)
            (folder / name).write_text(text + "\n", encoding="utf-8")

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: i for i, name in enumerate((*_MARKS, *self.letters)) if i >= SPACE}


def frames_needed(ids: Sequence[int]) -> int:
    """Return the fewest frames in which CTC can write letters: two alike need a blank between.

    >>> frames_needed([5, 4, 4, 6]), frames_needed([])
    (5, 0)
    """
    return len(ids) + sum(one == other for one, other in zip(ids, ids[1:], strict=False))


def _is_said(text: str, place: int) -> bool:
    """Return whether a sign of a text is part of a word."""
    letter = text[place]
    if letter in _INNER:
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        return before.isalnum() and after.isalnum()
    return unicodedata.category(letter)[0] in "LMN" or letter in "%&+$€£₩°"
