"""Docstrings, comments and names are plain English: the words of the field, no personification."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from pathlib import Path

import sememe

SOURCE = Path(sememe.__file__).parent
# A file does not say things and a value is not told: it holds, declares, is given.
AVOID = ("says", "said", "told", "lies", "stands", "beside")
NOT_A_PARTICIPLE = {"embed", "feed", "need", "seed", "speed", "exceed", "string"}


def prose(path):
    """The docstrings and comments of a file."""
    text = path.read_text(encoding="utf-8")
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and (doc := ast.get_docstring(node)):
            yield doc
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def functions():
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                decorators = [ast.unparse(one) for one in node.decorator_list]
                yield node.name, decorators


def is_participle(name, decorators=()):
    first = name.strip("_").split("_")[0]
    ending = re.fullmatch(r"\w{2,}(ed|ing)", first) is not None
    return ending and first not in NOT_A_PARTICIPLE and not any("property" in d for d in decorators)


def test_no_file_talks():
    words = Counter()
    for path in SOURCE.rglob("*.py"):
        for text in prose(path):
            words.update(word.lower() for word in re.findall(r"[A-Za-z]+", text))
    avoided = {word: words[word] for word in AVOID if words[word]}
    assert sum(avoided.values()) <= sum(words.values()) / 10_000, avoided


def test_the_words_are_counted_where_they_occur(tmp_path):
    file = tmp_path / "a.py"
    file.write_text('"""What it says."""\n\nx = "said"  # as told\n')
    assert list(prose(file)) == ["What it says.", "# as told"]


def test_function_names_are_imperatives():
    names = list(functions())
    participles = [name for name, decorators in names if is_participle(name, decorators)]
    assert len(participles) <= 0.015 * len(names), sorted(participles)
    assert is_participle("_normalised") and is_participle("checked_texts")
    assert not is_participle("embed_texts") and not is_participle("normalise")
