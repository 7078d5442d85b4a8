"""Make models/e5/combination.npz, the numbers behind the default encoder's space.

    pip install django babel
    python benchmarks/default_space.py --korean ratings.txt -o combination.npz    # 20 minutes

Means and directions of languages: messages of Django's own translations (BSD) of at least three
words, 120 of those that most languages have, encoded by multilingual-e5-small in every language
that has twelve, as queries and as documents. The file has half of the mean over languages for each,
and the 40 directions along which the means of languages differ most. And 0.6 of the mean of
the combined queries, over languages, are what queries lose.

Projection: principal components of combined vectors, without centring, of 40 of these messages in
each language, 2,500 lines of --korean (NSMC: github.com/e9t/nsmc, CC0) and 2,500 sentences of the
docstrings of Python's standard library.
"""

from __future__ import annotations

import argparse
import ast
import os
import pydoc_data.topics
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np

DIRECTIONS, SHARE, WIDTH = 40, 0.5, 512
MOST, LEAST, COMMON, LINES, EACH = 120, 12, 400, 2500, 40
# Variants of languages that are there already, and languages that the network never saw.
LEFT_OUT = (
    "en_AU dsb hsb ia io kab os tk tt udm ast ig lb ckb tg ar_DZ es_AR es_CO es_MX es_VE pt_BR "
    "sr_Latn nn"
).split()
MARKUP = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]+>|&\w+;|\\n")
QUERIES = 0.6  # share of the mean query that is subtracted from queries
ROLES = ("text", "document")


def main() -> None:
    """Encode the texts and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--korean", type=Path, required=True, help="one text a line")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    import sememe
    from sememe.models.e5.combination import Combination, stack
    from sememe.vectors.nearest import unit

    e5, use = sememe.load("multilingual-e5-small"), sememe.load("use-multilingual-v3")
    encode = {"text": e5.encode, "document": e5.encode_document}
    chosen = choose(read_messages())
    rows = {role: [encode[role](texts) for texts in chosen.values()] for role in ROLES}
    facts = find_directions(rows)
    means = {role: facts[role] for role in ROLES}
    nothing = np.zeros((0, 0), np.float32)
    how = Combination(means, facts["directions"], nothing, nothing, "")
    parts = []
    for role in ROLES:
        for texts, own in zip(chosen.values(), rows[role], strict=True):
            first = how.remove_language(own[:EACH], role)
            parts.append(stack(first, use.encode(texts[:EACH])))
    for texts in (read_lines(options.korean), read_docstrings()):
        first = how.remove_language(e5.encode(texts), "text")
        parts.append(stack(first, use.encode(texts)))
    combined, n = np.concatenate(parts), len(chosen)
    strengths, components = np.linalg.eigh(combined.T @ combined)
    kept = strengths[::-1][:WIDTH].sum() / strengths.sum()
    print(f"{len(combined)} vectors; {WIDTH} of {len(strengths)} components keep {kept:.3f}")
    projection = components[:, ::-1][:, :WIDTH].astype(np.float16)
    queries = [unit(part @ projection.astype(np.float32)).mean(axis=0) for part in parts[:n]]
    facts["queries"] = (QUERIES * np.mean(queries, axis=0)).astype(np.float32)
    np.savez(options.output, **facts, projection=projection)


def find_directions(rows: dict[str, list[np.ndarray]]) -> dict[str, np.ndarray]:
    """Return half of the mean over languages for each role, and the directions."""
    means = {role: np.stack([own.mean(axis=0) for own in rows[role]]) for role in ROLES}
    centres = {role: own.mean(axis=0) for role, own in means.items()}
    apart = np.concatenate([means[role] - centres[role] for role in ROLES])
    _, strengths, directions = np.linalg.svd(apart, full_matrices=False)
    share = (strengths[:DIRECTIONS] ** 2).sum() / (strengths**2).sum()
    print(f"{DIRECTIONS} directions have {share:.3f} of the variance between languages")
    facts = {role: (SHARE * centre).astype(np.float32) for role, centre in centres.items()}
    return facts | {"directions": directions[:DIRECTIONS].astype(np.float32)}


def read_messages() -> dict[str, dict[str, str]]:
    """Return language -> English message -> its translation, without markup."""
    import django
    from babel.messages.pofile import read_po

    found: dict[str, dict[str, str]] = {}
    for path in sorted(Path(django.__file__).parent.glob("**/locale/*/LC_MESSAGES/django.po")):
        language = path.parts[-3]
        with path.open("rb") as file:
            for message in read_po(file):
                texts = message.id, message.string
                if message.fuzzy or not all(isinstance(text, str) and text for text in texts):
                    continue
                english, other = (" ".join(MARKUP.sub(" ", text).split()) for text in texts)
                if len(english.split()) >= 3 and len(message.id) < 300 and english != other:
                    found.setdefault(language, {})[english] = other
    return found


def choose(messages: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Return language -> texts: the same messages in each, as far as it has them."""
    known = {name: own for name, own in messages.items() if name not in LEFT_OUT}
    counts = Counter(english for own in known.values() for english in own)
    keys = [english for english, _ in counts.most_common(COMMON)]
    random.Random(0).shuffle(keys)
    chosen = {"en": keys[:MOST]}
    for name, own in sorted(known.items()):
        texts = [own[english] for english in keys if english in own][:MOST]
        if len(texts) >= LEAST:
            chosen[name] = texts
    return chosen


def read_lines(path: Path) -> list[str]:
    """Return lines of a file of more than 20 letters, drawn with a seed."""
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if len(line) > 20]
    return random.Random(0).sample(lines, LINES)


def read_docstrings() -> list[str]:
    """Return sentences of the docstrings of Python's standard library, drawn with a seed."""
    texts = list(pydoc_data.topics.topics.values())
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                texts.append(ast.get_docstring(node) or "")
    parts = re.split(r"(?<=[.!?])\s+|\n\n", "\n\n".join(texts))
    sentences = dict.fromkeys(" ".join(part.split()) for part in parts)
    plain = [s for s in sentences if 30 < len(s) < 250 and _count_letters(s) > 0.88 * len(s)]
    return random.Random(0).sample(plain, LINES)


def _count_letters(text: str) -> int:
    return sum(letter.isalpha() or letter == " " for letter in text)


if __name__ == "__main__":
    main()
