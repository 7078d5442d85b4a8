"""What the READMEs say to type is typed here, so that it stays true; and both say the same.

Each section has the extra of its `pip install` line. `make extras` runs the rows of an extra with
an interpreter that has that extra alone: its path is in README_PYTHON.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.drawings import DRAWINGS
from tests.sounds import clicks, noise, tone, write
from tests.sources.helpers import pdf

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.ko.md")
EXTRAS = (
    "core",
    "classify",
    "words",
    "sentences",
    "images",
    "audio",
)  # those with a section; and train
PYTHON = os.environ.get("README_PYTHON", sys.executable)
NOT_RUN = ("make ", "pip install ")  # they set up the very environment the tests run in
TRAINED = ("sememe train sentence", "sememe evaluate sts", "sememe train mlm", "sememe fill-mask")
NOTES = {
    "2026/minutes.md": "# 회의록\n환불 규정을 바꾸기로 했다. The refund policy was discussed.",
    "travel.txt": "고속 열차는 서울에서 부산까지 두 시간 반이면 도착한다.",
    "cat.txt": "Cats sleep fourteen hours a day.",
}
FIRST = {
    "photo-index": "photos/umbrella.png",
    'sound-index "rain"': "sounds/rain.ogg",
    "sound-index": "sounds/alarm.wav",
}
GOOD, BAD = ("좋아요", "훌륭해요", "great"), ("싫어요", "별로예요", "awful")
REVIEWS = [
    f"{word} {i},{label}"
    for i in range(4)
    for label, own in (("긍정", GOOD), ("부정", BAD))
    for word in own
]
WORDS = {
    "reviews.csv": "\n".join(["text,label", *REVIEWS]),
    "corpus.txt": "강아지가 마당에서 뛰고 고양이는 창가에서 잔다\n" * 20,
    "questions.txt": ": 동물\n강아지가 뛰고 고양이는 잔다\n",
}
SOUNDS = {
    "alarm.wav": tone(880, 3) * (clicks(0.5, 3).cumsum() % 2),
    "bell.flac": tone(660, 3) * (clicks(0.6, 3).cumsum() % 2),
    "rain.ogg": noise(3),
    "rain again.flac": noise(3) * 0.5,
}


Done = forked.Done | subprocess.CompletedProcess[str]


def blocks(readme: str) -> list[tuple[str, str]]:
    """(language, code) of each fenced block; those without a language are for the shell."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def section(readme: str, extra: str) -> list[tuple[str, str]]:
    """The blocks from the line that installs an extra to the line that installs the next."""
    found, current = [], ""
    for language, code in blocks(readme):
        if install := re.search(r"^pip install '?\.(?:\[(\w+))?", code, flags=re.MULTILINE):
            current = install[1] or "core"
        found += [(language, code)] if current == extra else []
    assert found, f"{readme} does not install {extra}"
    return found


def commands(readme: str, extra: str | None = None) -> list[str]:
    """The lines for the shell, of one section or of all."""
    chosen = blocks(readme) if extra is None else section(readme, extra)
    lines = [line for language, code in chosen if not language for line in code.split("\n")]
    return [bare for line in lines if (bare := without_comment(line)).strip()]


def without_comment(line: str) -> str:
    return re.sub(r"\s+# .*$", "", line)


@pytest.fixture
def home(tmp_path):
    """A home folder with notes in it, and `sememe` on the path."""
    for name, text in NOTES.items():
        path = tmp_path / "notes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, text in WORDS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "photos").mkdir()
    for name, draw in DRAWINGS.items():
        draw().save(tmp_path / "photos" / f"{name.split()[-1]}.png")
    for name, samples in SOUNDS.items():
        write(tmp_path / "sounds" / name, samples)
    command = tmp_path / "bin" / "sememe"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{PYTHON}" -m sememe.app.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


def type_in(home: Path, line: str) -> Done:
    """Type a line in the shell; in this environment the command is forked, not started."""
    if PYTHON != sys.executable:
        return start(home, ["bash", "-c", line])
    split = start(home, ["bash", "-c", f"printf '%s\\0' {line}"]).stdout.split("\0")
    assert split[0] == "sememe"
    return forked.run(forked.main_as_installed, split[1:-1], cwd=home, env={"HOME": str(home)})


def start(home: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"HOME": str(home), "PATH": path}
    if PYTHON == sys.executable:
        environment["PYTHONPATH"] = str(ROOT / "src")
    else:  # which has sememe itself, as pip installed it
        environment.pop("PYTHONPATH", None)
    return subprocess.run(arguments, cwd=home, env=environment, capture_output=True, text=True)


def run(home: Path, line: str) -> Done:
    """Type a line that has to work."""
    done = type_in(home, line)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_commands_run_and_find_something(extra, home):
    """The lines of the English README, then those that the Korean one has besides: its searches."""
    english, korean = (
        [line for line in commands(readme, extra) if not line.startswith(NOT_RUN)]
        for readme in READMES
    )
    assert len(english) >= 3 and all(line.startswith("sememe ") for line in english + korean)
    for line in [*english, *(line for line in korean if line not in english)]:
        done = run(home, line)
        if line.startswith("sememe search"):
            first = next((first for index, first in FIRST.items() if index in line), None)
            assert (first or "notes/") in done.stdout, f"{line} finds nothing"
            assert first is None or done.stdout.split()[2] == first
        if line.startswith("sememe mine ~/sounds"):
            assert "rain again.flac" in done.stdout and "alarm.wav" not in done.stdout


@pytest.mark.parametrize("readme", READMES)
def test_every_command_is_typed_somewhere(readme):
    # those of TRAINED need torch and are typed in tests/test_readme_training.py
    typed = [line for extra in EXTRAS for line in commands(readme, extra)]
    assert [line for line in commands(readme) if line not in typed] == [
        *(line for line in commands(readme) if line.startswith("make ")),
        *(line for line in commands(readme, "train")),
    ]
    assert all(line.startswith((*NOT_RUN, *TRAINED)) for line in commands(readme, "train"))
    assert "회의록" in next(line for line in typed if "--where" in line)


@pytest.mark.parametrize(
    ("extra", "option", "finds"),
    [
        ("documents", "", {"refund": "letter.pdf", "고양이": "diary.docx"}),
        ("korean", " --terms kiwi", {"아름답다": "sea.txt"}),
    ],
)
def test_an_extra_that_is_only_named(extra, option, finds, home):
    """The first five minutes with `pip install '.[documents]'`, and with `'.[korean]'`."""
    assert all(f"'.[{extra}]'" in (ROOT / readme).read_text("utf-8") for readme in READMES)
    notes = home / "notes"
    (notes / "letter.pdf").write_bytes(pdf("The refund is on its way, says the letter"))
    (notes / "sea.txt").write_text("바다가 아름다웠다", encoding="utf-8")
    write_docx(notes / "diary.docx", "고양이가 창가에서 하루 종일 잤다.")
    install, index, *_ = commands(READMES[0], "core")
    assert install.startswith("pip install")
    run(home, f"{index}{option}")
    for query, file in finds.items():
        done = run(home, f'sememe search notes-index "{query}" --mode keyword -k 1')
        assert file in done.stdout


def write_docx(path: Path, text: str) -> None:
    import docx

    document = docx.Document()
    document.add_paragraph(text)
    document.save(str(path))


def check_core(printed: str) -> None:
    first, *rest = printed.splitlines()
    assert first.startswith("train ")
    assert rest and all(rest)


def check_classify(printed: str) -> None:
    assert printed.startswith("['good'] (")


def check_words(printed: str) -> None:
    assert printed.startswith("[('고양이가', ")


def check_sentences(printed: str) -> None:
    assert float(printed) > 0


def check_images(printed: str) -> None:
    umbrella, clock = map(float, printed.strip("[]\n").split())
    assert clock > umbrella + 0.1


def check_audio(printed: str) -> None:
    rows, shape = printed.rsplit("\n", 2)[:2]
    alarm, bell, rain = (float(cell) for cell in rows.split("\n")[0].strip("[ ]").split())
    assert alarm > bell > rain and shape.startswith("(13, ")


CHECKS = {
    "core": check_core,
    "classify": check_classify,
    "words": check_words,
    "sentences": check_sentences,
    "images": check_images,
    "audio": check_audio,
}


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_python_runs(extra, home):
    """That of the English README: but for comments the Korean one has the same."""
    (code,) = [code for language, code in section(READMES[0], extra) if language == "python"]
    done = start(home, [PYTHON, "-W", "error", "-c", code])
    assert done.returncode == 0, done.stderr
    CHECKS[extra](done.stdout)


@pytest.mark.parametrize("readme", READMES)
def test_every_make_target_named_is_there(readme):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = [line.split()[1] for line in commands(readme) if line.startswith("make ")]
    assert named and set(named) <= set(targets)


def test_both_say_the_same():
    """The same blocks; comments, and what is searched for, are in the reader's language."""

    def same(readme: str) -> list[tuple[str, list[str]]]:
        found = []
        for language, code in blocks(readme):
            lines = [without_comment(line) for line in code.splitlines()]
            if not language:
                lines = [re.sub(r'(sememe search \S+ )"[^"]*"', r'\1"..."', line) for line in lines]
            found.append((language, lines))
        return found

    english, korean = map(same, READMES)
    assert english == korean


@pytest.mark.parametrize("readme", READMES)
def test_the_files_they_link_to_are_there(readme):
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / readme).read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert links and missing == []
