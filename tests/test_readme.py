"""What the READMEs say to type is typed here, so that it stays true; and both say the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drawings import DRAWINGS
from tests.sounds import clicks, noise, tone, write

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.ko.md")
NOT_RUN = ("make ", "pip install ")  # they set up the very environment the tests run in
TRAINED = ("sememe train sentence", "sememe evaluate sts", "sememe train mlm", "sememe fill-mask")
NOTES = {
    "2026/minutes.md": "# 회의록\n환불 규정을 바꾸기로 했다. The refund policy was discussed.",
    "travel.txt": "고속 열차는 서울에서 부산까지 두 시간 반이면 도착한다.",
    "cat.txt": "Cats sleep fourteen hours a day.",
}
FIRST = {"photo-index": "photos/umbrella.png", "sound-index": "sounds/alarm.wav"}
WORDS = {
    "corpus.txt": "강아지가 마당에서 뛰고 고양이는 창가에서 잔다\n" * 20,
    "questions.txt": ": 동물\n강아지가 뛰고 고양이는 잔다\n",
}
SOUNDS = {
    "alarm.wav": tone(880, 3) * (clicks(0.5, 3).cumsum() % 2),
    "bell.flac": tone(660, 3) * (clicks(0.6, 3).cumsum() % 2),
    "rain.ogg": noise(3),
    "rain again.flac": noise(3) * 0.5,
}


def blocks(readme: str) -> list[tuple[str, str]]:
    """(language, code) of each fenced block; those without a language are for the shell."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def commands(readme: str) -> list[str]:
    lines = [line for language, code in blocks(readme) if not language for line in code.split("\n")]
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
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sememe.app.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


def type_in(home: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"HOME": str(home), "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(arguments, cwd=home, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("readme", READMES)
def test_the_commands_run_and_find_something(readme, home):
    # those of TRAINED need torch and are typed in tests/trained/test_readme.py
    typed = [line for line in commands(readme) if not line.startswith((*NOT_RUN, *TRAINED))]
    assert len(typed) >= 6 and all(line.startswith("sememe ") for line in typed)
    for line in typed:
        done = type_in(home, ["bash", "-c", line])
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if line.startswith("sememe search"):
            first = next((first for index, first in FIRST.items() if index in line), None)
            assert (first or "notes/") in done.stdout, f"{line} finds nothing"
            assert first is None or done.stdout.split()[2] == first
        if line.startswith("sememe mine ~/sounds"):
            assert "rain again.flac" in done.stdout and "alarm.wav" not in done.stdout
    assert "회의록" in next(line for line in typed if "--where" in line)


@pytest.mark.parametrize("readme", READMES)
def test_the_python_runs(readme, home):
    python = [code for language, code in blocks(readme) if language == "python"]
    search, words, sentences, images, sounds = python
    done = type_in(home, [sys.executable, "-W", "error", "-c", search])
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith("train ")
    assert rest and all(rest)
    done = type_in(home, [sys.executable, "-W", "error", "-c", words])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[('고양이가', ")
    done = type_in(home, [sys.executable, "-W", "error", "-c", sentences])
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
    done = type_in(home, [sys.executable, "-W", "error", "-c", images])
    assert done.returncode == 0, done.stderr
    umbrella, clock = map(float, done.stdout.strip("[]\n").split())
    assert clock > umbrella + 0.2
    done = type_in(home, [sys.executable, "-W", "error", "-c", sounds])
    assert done.returncode == 0, done.stderr
    rows, shape = done.stdout.rsplit("\n", 2)[:2]
    alarm, bell, rain = (float(cell) for cell in rows.split("\n")[0].strip("[ ]").split())
    assert alarm > bell > rain and shape.startswith("(13, ")


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
