"""The vocabulary of a speech recogniser: the letters of its transcripts.

    vocabulary = SpeechVocabulary.of(["세 시", "네 시"], units="jamo")
    vocabulary.encode("네 시")              # [4, 7, 2, 5, 8]
    vocabulary.decode([4, 7, 2, 5, 8])      # "네 시"

characters    a letter for each character, in the form NFC
jamo          Hangul syllables as their letters: 11,172 syllables are 67 letters, few of them rare

A first and a last consonant are two letters (ㄱ of 가 is U+1100, that of 악 is U+11A8), so that
letters compose to syllables in one way only. The files are those of transformers.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from sememe._errors import InvalidInputError, UnknownNameError

Units = Literal["characters", "jamo"]
_PAD, _UNKNOWN, _SPACE = "<pad>", "<unk>", "|"
_MARKS = (_PAD, _UNKNOWN, _SPACE)
BLANK, UNKNOWN, SPACE = range(len(_MARKS))  # their ids; transformers' pad is CTC's blank
_SYLLABLES = "가", "힣"
_INNER = "'-"  # signs that are part of a word between letters
_ALIKE = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "‐": "-", "‑": "-"})


@dataclass(frozen=True)
class SpeechVocabulary:
    """The outputs of a network: three marks, then letters.

    Attributes:
        letters: After the marks for blank, unknown and space, in the order of their code points.
        units: "characters" or "jamo".
        lower: Lower-case texts.
        punctuation: Keep punctuation; without it, only signs within words are kept.
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
        counts = Counter(letter for text in texts for letter in bare.spell(text))
        del counts[_SPACE]
        letters = sorted(letter for letter, count in counts.items() if count >= min_count)
        if not letters:
            raise InvalidInputError("the transcripts hold no letter to learn. Give others.")
        return replace(bare, letters=tuple(letters))

    def __len__(self) -> int:
        """Return the number of outputs, the three marks included."""
        return len(_MARKS) + len(self.letters)

    def normalize(self, text: str) -> str:
        """Return a text as the network should write it.

        >>> SpeechVocabulary(()).normalize(" “Don’t”,  he cried-- ")
        "don't he cried"
        """
        text = unicodedata.normalize("NFC", text).translate(_ALIKE).replace(_SPACE, " ")
        if self.lower:
            text = unicodedata.normalize("NFC", text.lower())
        if not self.punctuation:
            text = "".join(x if _is_part_of_word(text, i) else " " for i, x in enumerate(text))
        return " ".join(text.split())

    def spell(self, text: str) -> list[str]:
        """Return the letters of a text, with | for each space.

        >>> [hex(ord(one)) for one in SpeechVocabulary((), units="jamo").spell("각 A")]
        ['0x1100', '0x1161', '0x11a8', '0x7c', '0x61']
        """
        text = self.normalize(text).replace(" ", _SPACE)
        if self.units == "characters":
            return list(text)
        first, last = _SYLLABLES
        jamo = (unicodedata.normalize("NFD", one) if first <= one <= last else one for one in text)
        return list("".join(jamo))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text's letters; 1 for unknown ones."""
        return [self._ids.get(letter, UNKNOWN) for letter in self.spell(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of letters by id; blanks and unknown ones are left out."""
        names = (*_MARKS, *self.letters)
        text = "".join(names[i] for i in ids if i >= SPACE).replace(_SPACE, " ")
        return unicodedata.normalize("NFC", " ".join(text.split()))

    def facts(self) -> dict[str, Any]:
        """Return the options, for sememe.json."""
        return {"units": self.units, "lower": self.lower, "punctuation": self.punctuation}

    def write(self, folder: Path) -> None:
        """Write vocab.json and tokenizer_config.json for transformers' CTC tokenizer."""
        vocab = {name: i for i, name in enumerate((*_MARKS, *self.letters))}
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
        for name, document in (("vocab.json", vocab), ("tokenizer_config.json", config)):
            text = json.dumps(document, ensure_ascii=False, indent=1)
            (folder / name).write_text(text + "\n", encoding="utf-8")

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate((*_MARKS, *self.letters)) if i >= SPACE}


def frames_needed(ids: Sequence[int]) -> int:
    """Return the fewest frames in which CTC can write letters: a blank separates equal ones.

    >>> frames_needed([5, 4, 4, 6]), frames_needed([])
    (5, 0)
    """
    return len(ids) + sum(one == other for one, other in pairwise(ids))


def _is_part_of_word(text: str, i: int) -> bool:
    letter = text[i]
    if letter in _INNER:
        return text[i - 1 : i].isalnum() and text[i + 1 : i + 2].isalnum()
    return unicodedata.category(letter)[0] in "LMN" or letter in "%&+$€£₩°"
