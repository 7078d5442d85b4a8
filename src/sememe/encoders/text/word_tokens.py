"""Split a text into the words of a vocabulary, in the spelling that the vocabulary knows."""

from __future__ import annotations

import unicodedata
from typing import Literal

from sememe._errors import UnknownNameError
from sememe.text import words as text_words
from sememe.text.normalize import well_formed
from sememe.vectors.keys import Keys

Tokens = Literal["words", "whitespace"]
_INSPECTED = 20_000  # keys that decide whether the vocabulary has capitals


class WordSplitter:
    """Split texts into words, spelled as in the vocabulary where it has them.

    >>> from sememe.vectors.keys import ListKeys
    >>> WordSplitter(ListKeys(["the", "cat", "'s", "toy"]), "words").words("The cat's toy")
    ['the', 'cat', "'s", 'toy']
    >>> WordSplitter(ListKeys(["Paris", "is"]), "words").words("Paris IS")
    ['Paris', 'is']
    """

    def __init__(self, keys: Keys, tokens: str) -> None:
        """Take the vocabulary and the tokenisation, "words" or "whitespace"."""
        if tokens not in ("words", "whitespace"):
            raise UnknownNameError.of("tokens", tokens, ("words", "whitespace"))
        self.tokens = tokens
        self.lower = not any(key != key.lower() for key in keys[:_INSPECTED])
        self._keys = keys

    def words(self, text: str) -> list[str]:
        """Return the words in order; punctuation is kept only if split at white space."""
        return [
            spelling
            for word in self._split(text)
            for spelling in ([word] if word in self._keys else self._respell(word))
        ]

    def _split(self, text: str) -> list[str]:
        if self.tokens == "whitespace":
            return well_formed(text).split()
        if self.lower:
            return text_words.tokenize(text)
        text = unicodedata.normalize("NFC", well_formed(text)).replace("\u2019", "'")
        return text_words._pattern().findall(text)

    def _respell(self, word: str) -> list[str]:
        """Return an unknown word in lower case, or split at its apostrophe, if that is known."""
        lower = word.lower()
        if lower in self._keys:
            return [lower]
        head, mark, tail = lower.rpartition("'")
        if mark and head in self._keys and mark + tail in self._keys:
            return [head, mark + tail]
        return [word]
