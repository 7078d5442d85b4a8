"""The walk: order, ignore rules, and everything on a disk that is no document."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from sememe._errors import InvalidInputError
from sememe._types import Skipped
from sememe.sources import SourceFile, find_files

from .helpers import write


def sources(root: Path, **options) -> list[str]:
    return [found.source for found in find_files(root, **options) if isinstance(found, SourceFile)]


def skipped(root: Path) -> dict[str, str]:
    return {found.source: found.reason for found in find_files(root) if isinstance(found, Skipped)}


def test_lists_files_with_posix_sources_in_name_order(tmp_path):
    for name in ["b/2.txt", "b/10.txt", "a.txt", "c/deep/er/x.md"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, "hello")
    found = list(find_files(tmp_path))
    assert [file.source for file in found] == ["a.txt", "b/10.txt", "b/2.txt", "c/deep/er/x.md"]
    status = (tmp_path / "a.txt").stat()
    assert found[0] == SourceFile(tmp_path / "a.txt", "a.txt", 5, status.st_mtime_ns)


def test_root_may_be_a_file(tmp_path):
    assert sources(write(tmp_path / "한글.txt", "x")) == ["한글.txt"]


def test_an_empty_folder_has_nothing_to_tell(tmp_path):
    assert list(find_files(tmp_path)) == []


@pytest.mark.parametrize("name", ["nowhere", "a.txt/inside", "a\0b"])
def test_a_missing_root_is_refused_at_once(tmp_path, name):
    write(tmp_path / "a.txt", "x")
    with pytest.raises(InvalidInputError, match="Give the path of an existing folder or file"):
        find_files(tmp_path / name)  # not at the first item: at the call


def test_built_in_rules_hide_what_nobody_wrote(tmp_path):
    hidden = [".git/config", "node_modules/a.js", "__pycache__/m.pyc", ".DS_Store", ".venv/x.py"]
    for name in [*hidden, "sub/.hidden.txt", "sub/note.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, "x")
    assert sources(tmp_path) == ["sub/note.txt"]
    assert skipped(tmp_path) == {}


def test_ignore_files_and_arguments_add_up_and_the_last_match_wins(tmp_path):
    for name in ["a.log", "b.log", "c.txt", "d.txt", "build/x.txt", ".github/ci.md"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, "x")
    write(tmp_path / ".gitignore", "*.log\nbuild/\n")
    write(tmp_path / ".sememeignore", "# mine\n!b.log\n!.github/\n")
    assert sources(tmp_path, ignore=["d.*"]) == [".github/ci.md", "b.log", "c.txt"]


def test_a_malformed_pattern_is_refused_or_reported(tmp_path):
    with pytest.raises(InvalidInputError, match=r"\.gitignore patterns"):
        find_files(tmp_path, ignore=["!"])
    write(tmp_path / ".sememeignore", "*.log\n!\n")
    write(tmp_path / "a.log", "x")
    assert sources(tmp_path) == []
    assert "line 2" in skipped(tmp_path)[".sememeignore"]


def test_an_index_is_not_a_folder_of_documents(tmp_path):
    index, model = tmp_path / "index", tmp_path / "model"
    for folder, card in [(index, '{"kind": "index"}'), (model, '{"kind": "word2vec"}')]:
        folder.mkdir()
        write(folder / "sememe.json", card)
        write(folder / "data.txt", "x")
    assert sources(tmp_path) == ["model/data.txt", "model/sememe.json"]
    assert "sememe index" in skipped(tmp_path)["index"]
    assert sources(index) == []
    write(model / "sememe.json", "[" * 100_000)  # not JSON: an ordinary file
    assert "model/data.txt" in sources(tmp_path)


def test_links_never_loop(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "a.txt", "x")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "sub" / "file.txt").symlink_to("a.txt")
    (tmp_path / "dangling.txt").symlink_to("nowhere")
    (tmp_path / "self.txt").symlink_to("self.txt")
    assert sources(tmp_path) == ["sub/a.txt", "sub/file.txt"]
    assert skipped(tmp_path) == {
        "dangling.txt": "a link that leads nowhere",
        "self.txt": "a link that leads nowhere",
        "sub/up": "a link to a folder; such links are not followed",
    }


def test_pipes_and_sockets_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(tmp_path / "socket.txt"))
    assert sources(tmp_path) == []
    assert all("not a regular file" in reason for reason in skipped(tmp_path).values())
    assert set(skipped(tmp_path)) == {"pipe.txt", "socket.txt"}
    server.close()


def test_a_deep_folder_is_walked_without_recursion(tmp_path):
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
        folder.mkdir()
    write(folder / "a.txt", "x")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 200)
    try:
        assert sources(tmp_path) == ["d/" * 300 + "a.txt"]
    finally:
        sys.setrecursionlimit(limit)


def test_too_long_a_path_is_skipped(tmp_path):
    folder = tmp_path
    here = Path.cwd()
    try:
        for _ in range(20):  # 20 * 250 characters: beyond what one path may have
            os.chdir(folder)
            folder = Path("d" * 250)
            folder.mkdir()
        os.chdir(folder)
        Path("a.txt").write_text("x")
    finally:
        os.chdir(here)
    found = list(find_files(tmp_path))
    assert found
    assert all(isinstance(one, Skipped) for one in found)


def test_names_are_composed_and_readable(tmp_path):
    decomposed = unicodedata.normalize("NFD", "보고서.txt")
    write(tmp_path / decomposed, "x")
    write(Path(os.fsdecode(os.fsencode(tmp_path) + "/회의록.txt".encode("cp949"))), "x")
    assert sources(tmp_path) == ["보고서.txt", "회의록.txt"]


def test_two_names_that_read_the_same_stay_two(tmp_path):
    write(tmp_path / "가.txt", "x")
    write(tmp_path / unicodedata.normalize("NFD", "가.txt"), "y")
    assert len(set(sources(tmp_path))) == 2


def test_the_walk_is_lazy(tmp_path):
    for at in range(3):
        write(tmp_path / f"{at}.txt", "x")
    walk = find_files(tmp_path)
    next(walk)
    (tmp_path / "1.txt").unlink()
    assert [type(found) for found in walk] == [Skipped, SourceFile]


def test_import_is_light():
    code = (
        "import sys, sememe.sources\n"
        "heavy = {'pathspec', 'charset_normalizer', 'pyarrow', 'numpy', 'pypdf', 'docx', 'csv'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
