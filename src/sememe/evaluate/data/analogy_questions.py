"""Analogy questions, a is to b as c is to d, in Google's format: `: section` lines and four words.

Reference: Mikolov et al. 2013 (arXiv:1301.3781), questions-words.txt.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from sememe._errors import InvalidInputError
from sememe.evaluate.data.lines import line_error, read_lines

_SYNTACTIC = re.compile("gram|syn|.*synta")
Kind = Literal["semantic", "syntactic"]


class AnalogyQuestion(NamedTuple):
    """a is to b as c is to d, the answer; the section names the relation."""

    section: str
    a: str
    b: str
    c: str
    d: str


def read_analogies(path: str | Path) -> list[AnalogyQuestion]:
    """Read questions: four words per line, `: name` begins a section, # a comment.

    The section before the first is named after the file. Words are kept as written; a byte order
    mark, CRLF and tabs between words are accepted.

    Raises:
        InvalidInputError: A line without four words (names the line), or no question.
    """
    file = Path(path)
    section = file.name.split(".")[0]
    questions: list[AnalogyQuestion] = []
    for number, line in read_lines(file):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0].startswith(":"):
            section = line.strip().lstrip(":").strip() or section
        elif len(words) == 4:
            questions.append(AnalogyQuestion(section, *words))
        else:
            allowed = "four words, `: section` or a comment that starts with #"
            do = "Join the words of a name with _, or remove the line."
            raise line_error(file, number, got=f"{len(words)} words", allowed=allowed, do=do)
    if not questions:
        raise InvalidInputError(f"{file} holds no question. Give lines of four words: a b c d.")
    return questions


def infer_kind(section: str) -> Kind:
    """Return whether a section is syntactic: its name begins with gram or syn, or has "synta".

    >>> [infer_kind(name) for name in ("gram3-comparative", "syn1_case", "family", "MSR-syntax")]
    ['syntactic', 'syntactic', 'semantic', 'syntactic']
    """
    return "syntactic" if _SYNTACTIC.match(section.lower()) else "semantic"
