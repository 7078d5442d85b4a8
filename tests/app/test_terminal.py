"""The command in a terminal: other encodings, a reader that leaves early, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sememe.app.cli import main

SOURCE = Path(__file__).parents[2] / "src"
COMMAND = [sys.executable, "-m", "sememe.app.cli"]


def environment(**more):
    return os.environ | {"PYTHONPATH": str(SOURCE)} | more


@pytest.fixture
def indexed(folder, tmp_path, capsys):
    (folder / "고양이 🙂.txt").write_text("고양이가 햇볕 아래 존다 🙂")
    assert main(["index", str(folder), "--into", str(tmp_path / "index")]) == 0
    capsys.readouterr()
    return tmp_path / "index"


@pytest.mark.parametrize("encoding", ["ascii", "cp949", "latin-1", "utf-8"])
def test_terminals_of_other_encodings(indexed, encoding):
    """What cannot be shown is replaced; JSON says it in escapes, so that nothing is lost."""
    search = [*COMMAND, "search", str(indexed), "고양이", "--mode", "keyword"]
    env = environment(PYTHONIOENCODING=encoding)
    shown = subprocess.run(search, env=env, capture_output=True, check=True)
    assert b"notes/" in shown.stdout
    assert b"Traceback" not in shown.stderr
    found = subprocess.run([*search, "--json"], env=env, capture_output=True, check=True)
    hits = json.loads(found.stdout.decode(encoding))["hits"]
    assert "notes/고양이 🙂.txt" in {hit["id"] for hit in hits}


def test_half_a_surrogate_pair_is_still_json(capsys):
    assert main(["similar", "\udcff", "b", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["texts"] == ["\udcff", "b"]


def test_files_cannot_write_on_the_screen(folder, tmp_path, capsys):
    """Escape sequences in names and texts come out as question marks; JSON has them escaped."""
    (folder / "clear\x1b[2J\nline.txt").write_text("고양이 \x1b[31m붉은 글자")
    (folder / "empty\x1b[2J.txt").write_text("")
    target = str(tmp_path / "index")
    assert main(["index", str(folder), "--into", target]) == 0
    assert main(["search", target, "붉은 글자", "--mode", "keyword"]) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "clear?[2J?line.txt" in captured.out and "고양이 ?[31m붉은" in captured.out
    assert "empty?[2J.txt" in captured.err


def test_brackets_are_no_markup(capsys):
    assert main(["similar", "[red]a[/x]", "[b]"]) == 0
    assert "[red]a[/x]" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_has_seen_enough(indexed, options):
    """As in `sememe search ... | head -1`, with a head that is gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    search = [*COMMAND, "search", str(indexed), "고양이", *options]
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(search, env=environment(), stdout=pipe, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_says_that_nothing_stored_is_lost(tmp_path, capsys):
    """Also where a shell began the tests in the background, with interrupts ignored."""
    target = tmp_path / "index"
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from sememe.app.cli import main; sys.exit(main())"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "index", "-", "--into", str(target)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        while not (target / "write.lock.json").exists():  # then it waits for standard input
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    assert (child.returncode, out) == (1, "")
    assert err.splitlines()[-1] == "sememe: stopped; everything stored so far is kept"
    (tmp_path / "later.txt").write_text("나중의 글")
    assert main(["index", str(tmp_path / "later.txt"), "--into", str(target)]) == 0
