"""A messy folder and 200 questions to it, in Korean and English, with their right answers.

All of it was written for these tests and is in the public domain (CC0): 60 notes of work and home
(documents.tsv), the 90 samples of the package, and files that no question asks for, drawn with a
seed: figures in PostScript, tables drawn with lines, logs, changelogs, lists of names.

Kinds of questions (queries.tsv): ko and en, in the language of the answer; ko-en and en-ko, in the
other one; word, a single one; typo; none, which nothing answers.
"""

from __future__ import annotations

import json
import random
import string
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent
_SYLLABLES = "가나다라마바사아자차카타파하김이박최정강조윤장임한오서신권황안송류전홍"


@dataclass(frozen=True)
class Question:
    """A question, its kind, and the ids of the files that answer it: none of kind "none"."""

    kind: str
    text: str
    answers: tuple[str, ...]


def questions() -> list[Question]:
    """All questions."""
    found = []
    for line in (HERE / "queries.tsv").read_text(encoding="utf-8").splitlines():
        kind, text, answers = line.split("\t")
        paths = (a if "/" in a else f"samples/{a}.txt" for a in answers.split("|") if a)
        found.append(Question(kind, text, tuple(paths)))
    return found


def documents() -> dict[str, str]:
    """Path -> text of the files that people wrote."""
    lines = (HERE / "documents.tsv").read_text(encoding="utf-8").splitlines()
    found = dict(line.split("\t") for line in lines)
    samples = files("sememe").joinpath("app/samples/samples.jsonl").read_text(encoding="utf-8")
    for line in samples.splitlines():
        sample = json.loads(line)
        found[f"samples/{sample['id']}.txt"] = f"{sample['title']}\n{sample['text']}"
    return found


def junk() -> dict[str, str]:
    """Path -> text of the files that nobody looks for."""
    rng = random.Random(0)
    return {f"junk/{name}": make(rng) for name, make in _JUNK.items()}


def write(folder: Path) -> None:
    """Write the whole folder."""
    for name, text in (documents() | junk()).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def _hex(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789abcdef") for _ in range(n))


def _name(rng: random.Random) -> str:
    first, last = ("".join(rng.choices("aeioulnrstmkd", k=n)).title() for n in (5, 7))
    return f"{first} {last}"


def _korean_name(rng: random.Random) -> str:
    return "".join(rng.choices(_SYLLABLES, k=3))


def _postscript(rng: random.Random) -> str:
    head = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 612 792\n/picstr 256 string def\n"
    return head + "\n".join(_hex(rng, 72) for _ in range(12)) + "\nshowpage\n%%EOF"


def _box(rng: random.Random) -> str:
    line = "├" + "─" * 18 + "┼" + "─" * 18 + "┤"
    rows = [f"│ {rng.randint(0, 9999):>16} │ {rng.choice(['on', 'off']):>16} │" for _ in range(7)]
    return f"\n{line}\n".join(rows)


def _contents(rng: random.Random) -> str:
    heads = ["Introduction", "Installation", "Options", "Files", "Index", "Notes", "Appendix"]
    return "\n".join(
        f"{i + 1}.{j} {rng.choice(heads)} {'.' * 50} {rng.randint(1, 99)}"
        for i in range(4)
        for j in range(4)
    )


def _names(rng: random.Random) -> str:
    lines = (f"{_name(rng)} <{_hex(rng, 6)}@example.org>" for _ in range(20))
    return "\n".join(lines)


def _korean_names(rng: random.Random) -> str:
    return "\n".join(f"{i + 1}\t{_korean_name(rng)}\t{rng.randint(1, 9)}반" for i in range(20))


def _changelog(rng: random.Random) -> str:
    days = "Mon Tue Wed Thu Fri".split()
    verbs = ["Fix build", "Update translations", "New upstream release", "Bump version"]
    return "\n\n".join(
        f"tool ({i}.{rng.randint(0, 9)}-1) unstable; urgency=low\n\n  * {rng.choice(verbs)}.\n\n"
        f" -- {_name(rng)}  {rng.choice(days)}, {rng.randint(10, 28)} Jan 2019 10:00:00 +0000"
        for i in range(7)
    )


def _log(rng: random.Random) -> str:
    words = ["accepted", "closed", "timeout", "retry", "handshake"]
    return "\n".join(
        f"2024-03-{rng.randint(10, 28)}T{rng.randint(10, 23)}:{rng.randint(10, 59)}:00Z INFO "
        f"worker-{rng.randint(1, 8)} connection {_hex(rng, 8)} {rng.choice(words)}"
        for _ in range(15)
    )


def _numbers(rng: random.Random) -> str:
    rows = (",".join(f"{rng.gauss(0, 1):.4f}" for _ in range(4)) for _ in range(15))
    return "\n".join(["x1,x2,x3,x4,x5,x6,x7,x8", *rows])


def _korean_table(rng: random.Random) -> str:
    rows = (f"{y}년\t{rng.randint(100, 999)}\t{rng.randint(100, 999)}" for y in range(2004, 2020))
    return "\n".join(["연도\t남\t여", *rows])


def _base64(rng: random.Random) -> str:
    letters = string.ascii_letters + string.digits + "+/"
    return "\n".join("".join(rng.choices(letters, k=76)) for _ in range(10))


def _dump(rng: random.Random) -> str:
    return "\n".join(
        f"{16 * i:08x}  " + " ".join(_hex(rng, 2) for _ in range(8)) for i in range(15)
    )


def _script(rng: random.Random) -> str:
    parts = (f"function {c}(e){{return e?{c}(e-1)+{rng.randint(0, 9)}:0}}" for c in "abcdefghijk")
    return ";".join(parts) * 3


def _settings(rng: random.Random) -> str:
    keys = ["timeout", "retries", "path", "mode", "level", "color", "debug", "cache"]
    return "\n\n".join(
        f"[section{i}]\n" + "\n".join(f"{key} = {rng.randint(0, 100)}" for key in keys)
        for i in range(4)
    )


def _mail(rng: random.Random) -> str:
    return "\n\n".join(
        f"From: {_name(rng)}\nDate: Wed, {rng.randint(10, 28)} Jan 2020 09:12:00 +0100\n"
        f"Subject: Re: Re: Fwd: list\nMessage-ID: <{_hex(rng, 16)}@example.org>\n\n+1\n\n--\nsent"
        for _ in range(4)
    )


def _trace(rng: random.Random) -> str:
    return "Traceback (most recent call last):\n" + "\n".join(
        f'  File "/srv/app/m{rng.randint(1, 9)}.py", line {rng.randint(10, 400)}, in call\n'
        "    return self.inner(*args, **kwargs)"
        for _ in range(6)
    )


def _rule(rng: random.Random) -> str:
    marks = "=-*#~_."
    return "\n".join(rng.choice(marks) * 60 for _ in range(15))


def _inserts(rng: random.Random) -> str:
    return "\n".join(
        f"INSERT INTO t VALUES ({rng.randint(1, 999)},'{_hex(rng, 8)}',NULL,0);" for _ in range(12)
    )


def _codes(rng: random.Random) -> str:
    return "\n".join(
        f"{''.join(rng.choices(string.ascii_uppercase, k=3))} {rng.randint(100, 999)} "
        f"{rng.randint(1000, 9999)}-{rng.randint(1000, 9999)}"
        for _ in range(20)
    )


_MAKERS = {
    "figure{}.ps": _postscript,
    "table{}.txt": _box,
    "contents{}.txt": _contents,
    "AUTHORS{}": _names,
    "명단{}.txt": _korean_names,
    "changelog{}": _changelog,
    "app{}.log": _log,
    "points{}.txt": _numbers,
    "통계{}.txt": _korean_table,
    "key{}.txt": _base64,
    "dump{}.txt": _dump,
    "min{}.js": _script,
    "settings{}.ini": _settings,
    "mbox{}.txt": _mail,
    "trace{}.txt": _trace,
    "rule{}.txt": _rule,
    "rows{}.sql": _inserts,
    "codes{}.txt": _codes,
}
_JUNK = {name.format(i): make for name, make in _MAKERS.items() for i in (1, 2)}
