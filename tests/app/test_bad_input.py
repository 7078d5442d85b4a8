"""Bad input through the command line: a reason in the report or an error that says what to do.

Beside every bad file lies a good one, which is indexed all the same. Exit codes: 2 for input that
cannot be used, 1 for what failed while running.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sememe
from sememe.app.cli import main
from sememe.search.lock import writer_lock

GOOD = "고속 열차는 서울에서 부산까지 두 시간 반이면 도착한다."


class Shell:
    """The command line over a folder `notes` with one good file in it, and an index of it."""

    def __init__(self, tmp_path, capsys):
        self.folder = tmp_path / "notes"
        self.folder.mkdir()
        self.index = tmp_path / "index"
        self._capsys = capsys
        self.write("good.txt", GOOD)

    def write(self, name, content):
        data = content.encode("utf-8") if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)

    def run(self, *arguments):
        """Return (exit code, standard output, standard error)."""
        code = main([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    def sync(self, *paths, code=0):
        """Index, check that the good file is there; return the report and reason by source."""
        got, out, err = self.run("index", *(paths or [self.folder]), "--into", self.index, "--json")
        assert got == code, err
        report = json.loads(out)
        assert self.search("부산까지", "--mode", "keyword")[0]["text"] == GOOD
        reasons = {}
        for skipped in report["skipped"]:
            reasons.setdefault(skipped["source"], []).append(skipped["reason"])
        return report, reasons

    def search(self, *arguments):
        code, out, err = self.run("search", self.index, *arguments, "--json")
        assert code == 0, err
        return json.loads(out)["hits"]

    def refuse(self, *arguments, code=2):
        """Run what has to fail; return what it says."""
        got, out, err = self.run(*arguments)
        assert (got, out) == (code, "")
        assert err.strip()
        return err


@pytest.fixture
def shell(tmp_path, capsys):
    return Shell(tmp_path, capsys)


@pytest.fixture(autouse=True)
def one_encoder(encoder, monkeypatch):
    """Load the encoder once for all tests; a name that is unknown is still refused."""
    load = sememe.encoders.load.by_name.load

    def loaded(name=encoder.name, **options):
        return encoder if name == encoder.name else load(name, **options)

    monkeypatch.setattr("sememe.index.encoders.load", loaded)
    monkeypatch.setattr("sememe.index.encoders.load_encoders", lambda name, **_: [loaded(name)])


# Files that cannot be read, each beside a good one


def test_every_bad_file_is_listed_with_its_reason(shell):
    shell.write("empty.txt", b"")
    shell.write("blank.md", " \n\n ")
    shell.write("binary.txt", bytes(range(256)) * 20)
    shell.write("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(50))
    shell.write("song.mp3", b"ID3\x04" + bytes(50))
    shell.write("cut.gz", gzip.compress(b"The airliner crossed the ocean. " * 400)[:-40])
    shell.write("garbage.txt.xz", b"this is no xz data at all")
    shell.write("report.pdf", b"%PDF-1.4 and nothing more")
    shell.write("letter.docx", b"PK\x03\x04 and nothing more")
    shell.write("page.html", "<html><script>var harmful = 1</script><style>p {}</style></html>")
    os.mkfifo(shell.folder / "pipe.txt")
    (shell.folder / "nowhere.txt").symlink_to("gone.txt")
    (shell.folder / "loop").symlink_to(shell.folder)
    (shell.folder / "knot.txt").symlink_to("knot.txt")
    report, reasons = shell.sync()
    expected = {
        "empty.txt": "empty",
        "blank.md": "empty",
        "binary.txt": "binary file",
        "photo.png": "cut off or damaged",
        "song.mp3": "cut off or damaged",
        "cut.gz": "broken or cut-off gzip",
        "garbage.txt.xz": "broken or cut-off xz",
        "report.pdf": "",
        "letter.docx": "",
        "page.html": "empty",
        "pipe.txt": "not a regular file",
        "nowhere.txt": "a link that leads nowhere",
        "loop": "a link to a folder",
        "knot.txt": "a link that leads nowhere",
    }
    assert reasons.keys() == {f"notes/{name}" for name in expected}
    for name, beginning in expected.items():
        assert reasons[f"notes/{name}"][0].startswith(beginning)
    assert (report["added"], report["items"]) == (1, 1)
    again, reasons_again = shell.sync()
    assert (again["unchanged"], again["chunks"], reasons_again) == (1, 0, reasons)


def test_the_report_for_people_shows_reasons_on_standard_error(shell):
    for number in range(15):
        shell.write(f"empty{number:02}.txt", "")
    code, out, err = shell.run("index", shell.folder, "--into", shell.index)
    assert code == 0
    assert "1 added" in out and "15 skipped" in out
    assert err.count("skipped notes/empty") == 12
    assert "3 more" in err


def test_a_folder_with_the_name_of_a_file_is_a_folder(shell):
    (shell.folder / "x.txt").mkdir()
    (shell.folder / "x.txt" / "inner.md").write_text("안쪽의 글")
    assert shell.sync()[0]["added"] == 2


def test_damaged_text_is_read_and_told(shell):
    shell.write("broken.txt", ("서울의 지하철은 길다. " * 20).encode() + b"\xff\xfe.")
    shell.write("nul.txt", "망원경\0으로 별을 본다")
    shell.write("escape.jsonl", '{"text": "반쪽 \\ud83d 글자"}\n')
    report, reasons = shell.sync()
    assert report["added"] == 4
    assert "replaced by U+FFFD" in reasons["notes/broken.txt"][0]
    assert "NUL" in reasons["notes/nul.txt"][0]
    assert "surrogates" in reasons["notes/escape.jsonl"][0]
    assert "\0" not in shell.search("망원경", "--mode", "keyword")[0]["text"]


def test_odd_names_of_files(shell):
    names = ["-k.txt", "두 단어.txt", "🙂.txt", "line\nbreak.txt", 'it\'s "quoted".txt', "[a]*.txt"]
    for number, name in enumerate(names):
        shell.write(name, f"글 {number}")
    raw = os.fsencode(shell.folder) + b"/" + "보고서".encode("cp949") + b".txt"
    with open(raw, "wb") as file:  # noqa: PTH123 (no Path holds these bytes)
        file.write("옛 글".encode())
    report, _ = shell.sync()
    assert report["added"] == 8
    sources = {hit["source"] for hit in shell.search("글", "-k", "20", "--mode", "semantic")}
    assert sources == {f"notes/{name}" for name in [*names, "보고서.txt", "good.txt"]}
    assert shell.sync()[0]["unchanged"] == 8


def test_a_file_that_vanishes_while_reading(shell, monkeypatch):
    from sememe.sources.documents import text

    shell.write("brief.txt", "곧 사라진다")
    refuse_binary = text.refuse_binary

    def vanish(file):
        refuse_binary(file)
        if file.path.name == "brief.txt":
            file.path.unlink()

    monkeypatch.setattr(text, "refuse_binary", vanish)
    _, reasons = shell.sync()
    assert reasons == {"notes/brief.txt": ["no longer there"]}
    assert shell.sync()[1] == {}


# Tables


def test_rows_that_cannot_be_used_cost_no_other_row(shell):
    shell.write("ragged.csv", "id,text\n1,사과는 붉다\n2,셋,넷\n3\n4,귤은 시다\n")
    lines = [
        '{"id": "a", "text": "첫째 줄", "deep": {"er": [1, {"est": 2}]}, "n": 1e400}',
        '{"id": "b", "text": "둘째',
        '{"id": "a", "text": "첫째와 같은 이름"}',
        f'{{"id": "c", "text": "큰 수", "big": {10**40}}}',
        f'{{"id": "d", "text": "더 큰 수", "huge": {"9" * 5000}}}',
        '{"id": "e", "text": "값 없음", "v": NaN, "w": null}',
        '["no", "object"]',
        "[" * 100_000,
    ]
    shell.write("lines.jsonl", "\n".join(lines))
    report, reasons = shell.sync()
    assert report["added"] == 1 + 2 + 4
    first, second = reasons["notes/ragged.csv"]
    assert "row 2 (line 3): 3 cells" in first and "row 3 (line 4): 1 cells" in second
    assert [reason.split(":")[0] for reason in reasons["notes/lines.jsonl"]] == [
        "line 2", "line 5", "line 7", "line 8",
        "1 records repeat an id; they are named ID@ROW, none is left out",
    ]  # fmt: skip
    (hit,) = shell.search("큰 수", "--mode", "keyword")
    assert hit["metadata"] == {"big": str(10**40)}
    (hit,) = shell.search("값 없음", "--mode", "keyword", "-k", "1")
    assert hit["metadata"] == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_parquet(shell, share):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": [f"글 {n}" for n in range(500)]}), sink)
    data = sink.getvalue()
    shell.write("table.parquet", data[: int(share * len(data))])
    report, reasons = shell.sync()
    assert report["added"] == 1
    assert len(reasons["notes/table.parquet"]) == 1


def test_one_line_of_five_megabytes_is_indexed_whole(shell):
    line = ("기차가 바다를 따라 달린다 " * 350_000)[: 5 << 20].strip()
    shell.write("line.txt", f"{line} 마지막낱말이다")
    report, reasons = shell.sync()
    assert reasons == {}
    assert report["chunks"] > 5_000
    (hit,) = shell.search("마지막낱말", "--mode", "keyword")
    assert hit["end"] == len(line) + 1 + len("마지막낱말이다")


@pytest.mark.slow
def test_one_line_of_fifty_megabytes_in_bounded_memory(tmp_path):
    """Peak memory above that of a small build: a few times the text, not the vectors of it all."""
    (tmp_path / "small.txt").write_text(GOOD)
    (tmp_path / "large.txt").write_text("기차가 바다를 따라 달린다 " * 1_450_000)
    assert (tmp_path / "large.txt").stat().st_size > 48 << 20
    code = (
        "import resource, sys; from sememe.app.cli import main; code = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10); sys.exit(code)"
    )
    peaks = []
    for name in ("small", "large"):
        arguments = ["index", tmp_path / f"{name}.txt", "--into", tmp_path / f"{name}-index"]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.splitlines()[-1]))
    assert peaks[1] - peaks[0] < 1000


# Folders and indexes


def test_a_folder_with_nothing_in_it(shell, tmp_path):
    (tmp_path / "void").mkdir()
    report, _ = shell.sync(shell.folder, tmp_path / "void")
    assert report["added"] == 1
    message = shell.refuse_void = shell.run(
        "index", tmp_path / "void", "--into", tmp_path / "other"
    )
    assert message[0] == 2
    assert "nothing in" in message[2]


def test_no_such_path_changes_nothing(shell, tmp_path):
    message = shell.refuse("index", shell.folder, tmp_path / "nowhere", "--into", shell.index)
    assert "nowhere: no such folder or file" in message
    assert not shell.index.exists()


def test_a_folder_that_is_no_index(shell):
    for command in (["search", shell.folder, "x"], ["verify", shell.folder]):
        assert "is not an index" in shell.refuse(*command)
    file = shell.folder / "good.txt"
    assert "is not an index" in shell.refuse("search", file, "x")


def test_into_a_folder_with_other_files_touches_none_of_them(shell, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("내 것")
    assert "other files (mine.txt)" in shell.refuse("index", shell.folder, "--into", target)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    file = target / "mine.txt"
    assert "is a file" in shell.refuse("index", shell.folder, "--into", file)
    assert file.read_text() == "내 것"


@pytest.mark.parametrize("command", ["search", "verify", "index"])
def test_an_index_of_a_newer_format(shell, command):
    shell.sync()
    card = shell.index / "sememe.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format": 99}))
    arguments = {
        "search": ["search", shell.index, "x"],
        "verify": ["verify", shell.index],
        "index": ["index", shell.folder, "--into", shell.index],
    }[command]
    message = shell.refuse(*arguments)
    assert "format 99" in message and "pip install --upgrade sememe" in message


@pytest.mark.parametrize("damage", ["card", "card is a list", "table", "manifest", "rows"])
def test_a_damaged_index(shell, damage):
    shell.sync()
    if damage.startswith("card"):
        (shell.index / "sememe.json").write_text("[]" if "list" in damage else '{"kind": "ind')
    elif damage == "table":
        shutil.rmtree(shell.index / "chunks.lance")
    else:
        inside = "_versions/*" if damage == "manifest" else "data/*"
        for path in (shell.index / "chunks.lance").glob(inside):
            path.write_bytes(path.read_bytes()[:20])
    code, out, err = shell.run("search", shell.index, "부산")
    assert (code, out) == (1 if damage == "rows" else 2, "")
    assert "index" in err


def test_an_index_that_another_process_writes(shell):
    shell.sync()
    holding, done = threading.Event(), threading.Event()

    def hold():
        with writer_lock(shell.index / "write.lock"):
            holding.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    try:
        message = shell.refuse("index", shell.folder, "--into", shell.index, code=1)
        assert "is being written by" in message
        assert shell.search("부산까지", "--mode", "keyword")  # readers need no lock
        assert shell.run("verify", shell.index)[0] == 0
    finally:
        done.set()
        holder.join()
    shell.sync()


@pytest.mark.parametrize("place", ["/proc/nowhere/index", "/dev/null/index"])
@pytest.mark.skipif(sys.platform != "linux", reason="needs places where nobody can write")
def test_into_a_place_where_nobody_can_write(shell, place):
    code, out, err = shell.run("index", shell.folder, "--into", place)
    assert code in (1, 2)
    assert (out, place.rpartition("/")[0] in err) == ("", True)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
def test_a_disk_that_is_full(shell):
    """A limit on the size of files stands in for it: the run fails, the index stays whole."""
    shell.sync()
    for number in range(100):  # 200 KB of vectors
        shell.write(f"{number}.txt", f"{number} 번째 글 " * 30)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        "from sememe.app.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["index", shell.folder, "--into", shell.index]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "sememe: " in done.stderr and "Traceback" not in done.stderr
    assert shell.run("verify", shell.index)[0] == 0
    assert shell.sync()[0]["items"] == 101


def test_two_folders_of_one_name(shell, tmp_path):
    twin = tmp_path / "twin" / "notes"
    twin.mkdir(parents=True)
    (twin / "good.txt").write_text("다른 글")
    report, _ = shell.sync(shell.folder, twin)
    assert (report["added"], report["items"]) == (2, 2)
    assert shell.sync(twin, shell.folder)[0]["unchanged"] == 2


# Queries and options


@pytest.fixture
def indexed(shell):
    shell.sync()
    return shell


@pytest.mark.parametrize("query", ["", " ", "\n\t"])
def test_an_empty_query(indexed, query):
    assert "query is empty" in indexed.refuse("search", indexed.index, query)


@pytest.mark.parametrize(
    "query", ["!?", "🙂", "\0", "\ud800", "a" * 100_000, "' OR 1=1 --", "은는"]
)
def test_odd_queries_find_something_or_nothing(indexed, query):
    for mode in ("hybrid", "semantic", "keyword"):
        assert len(indexed.search(query, "--mode", mode)) <= 1


@pytest.mark.parametrize(
    "where", ["", "nope = 1", "source LIKE", "1; DROP TABLE x", "'text'", "\"source\" = 'x'", "id"]
)
def test_a_bad_filter(indexed, where):
    message = indexed.refuse("search", indexed.index, "기차", "--where", where)
    assert "cannot be run" in message and "Columns: id" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-k", "0"], "at least 1"),
        (["-k", "-3"], "at least 1"),
        (["-k", "many"], "integer"),
        (["--mode", "semantics"], "Did you mean 'semantic'"),
        (["--colour"], "No such option"),
    ],
)
def test_bad_options_of_search(indexed, options, message):
    assert message in indexed.refuse("search", indexed.index, "기차", *options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-m", "nothing"], "use-multilingual-v3"),
        (["--terms", "hebrew"], "hebrew"),
        (["--ignore", "[z-a]***\\"], "pattern"),
    ],
)
def test_bad_options_of_index(shell, options, message):
    assert message in shell.refuse("index", shell.folder, "--into", shell.index, *options)


def test_another_model_or_analyser_than_the_index_has(indexed):
    message = indexed.refuse("index", indexed.folder, "--into", indexed.index, "-m", "other")
    assert "was built with use-multilingual-v3" in message


def test_an_unknown_task_is_named_before_an_unknown_model(shell):
    message = shell.refuse("evaluate", "spelling", "nothing", shell.folder)
    assert "task='spelling' is not one of retrieval" in message


def test_an_empty_text_is_a_text_and_not_the_folder_we_are_in(shell, monkeypatch):
    monkeypatch.chdir(shell.folder)
    code, out, _ = shell.run("embed", "")
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == [""]


# Standard input


@pytest.fixture
def piped(monkeypatch):
    def pipe(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


def test_lines_from_standard_input(shell, piped):
    piped(GOOD.encode() + b"\n\nsecond line\n\xff\n")
    report, reasons = shell.sync("-")
    assert report["added"] >= 2
    assert shell.search("second", "--mode", "keyword")[0]["text"] == "second line"
    assert set(reasons) <= {"stdin"}


def test_records_from_standard_input_that_do_not_agree(shell, piped):
    records = [{"text": GOOD, "year": 2020}, {"text": "나쁜 해", "year": "unknown"}]
    piped("\n".join(map(json.dumps, records)).encode() + b'\n{"text": "cut')
    report, reasons = shell.sync("-")
    assert report["added"] == 2
    assert any("'year' was left out" in reason for reason in reasons["stdin"])
    assert any("not JSON" in reason for reason in reasons["stdin"])


def test_standard_input_that_is_empty(shell, piped):
    piped(b"")
    code, _, err = shell.run("index", "-", "--into", shell.index)
    assert code == 2
    assert "nothing in -" in err
