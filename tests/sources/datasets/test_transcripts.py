"""Tables and folders of recordings and what is said in them."""

from __future__ import annotations

import json
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.sources.datasets.transcripts import read_transcripts


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips").mkdir()
    for name in ("a.wav", "b.wav", "clips/c.mp3"):
        (tmp_path / name).write_bytes(b"never opened here")
    return tmp_path


ROWS = [("a.wav", "one  two"), ("clips/c.mp3", "세 시"), ("b.wav", "")]
EXPECTED = [("a.wav", "one two"), ("clips/c.mp3", "세 시"), ("b.wav", "")]


def named(found, folder):
    return [(path.relative_to(folder).as_posix(), text) for path, text in found]


@pytest.mark.parametrize(
    ("ending", "names"),
    [
        (".csv", ("path", "text")), (".tsv", ("file", "Sentence")), (".jsonl", ("audio", "문장")),
        (".parquet", ("파일", "transcript")), (".csv", ("wav", "transcription")),
    ],
)  # fmt: skip
def test_columns_are_found_by_their_usual_names(ending, names, folder):
    table = folder / f"table{ending}"
    columns = (names[0], "speaker", names[1])
    rows = [dict(zip(columns, (path, "x", text), strict=True)) for path, text in ROWS]
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), table)
    elif ending == ".jsonl":
        table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        mark = "," if ending == ".csv" else "\t"
        lines = [mark.join(columns), *(mark.join(row.values()) for row in rows)]
        table.write_text("\n".join(lines), encoding="utf-8")
    assert named(read_transcripts(table), folder) == EXPECTED


def test_a_comma_in_a_text_and_letters_apart(folder):
    decomposed = unicodedata.normalize("NFD", "세 시")
    (folder / "t.csv").write_text(f'path,text\na.wav,"one, two"\nb.wav,{decomposed}\n', "utf-8")
    assert [text for _, text in read_transcripts(folder / "t.csv")] == ["one, two", "세 시"]


def test_a_folder_of_pairs(folder):
    """A recording without a text, and a text without a recording, are left out."""
    (folder / "a.txt").write_text("one\n two\n", encoding="utf-8")
    (folder / "clips" / "c.txt").write_text("세 시", encoding="utf-16")
    (folder / "alone.txt").write_text("no recording", encoding="utf-8")
    assert named(read_transcripts(folder), folder) == [
        ("a.wav", "one two"),
        ("clips/c.mp3", "세 시"),
    ]
    (folder / "b.txt").write_bytes(b"")
    assert named(read_transcripts(str(folder)), folder)[1] == ("b.wav", "")


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("path,words\na.wav,x\n", InvalidInputError, "no column for texts but 'path', 'words'"),
        ("name,text\na.wav,x\n", InvalidInputError, "no column for audio files but 'name', 'text'"),
        ("path,text\n,x\n", InvalidInputError, "record 1: no path in column 'path'"),
        ("path,text\nno.wav,x\nb.wav,y\n", InvalidInputError, r"not exist: .*no\.wav\. Paths"),
        ("path,text\na.wav\n", InvalidInputError, "line 2 has 1 columns, the first 2"),
        ("", InvalidInputError, "no column for audio files but nothing"),
        ("\0\1\2\3binary", CorruptFileError, "binary"),
    ],
)
def test_what_is_wrong_with_a_table(text, kind, says, folder):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=says):
        read_transcripts(folder / "t.csv")


def test_what_is_no_table(folder):
    with pytest.raises(InvalidInputError, match=r"no such file or folder. Give a table"):
        read_transcripts(folder / "none.csv")
    with pytest.raises(InvalidInputError, match="got an audio file"):
        read_transcripts(folder / "a.wav")
    with pytest.raises(InvalidInputError, match="no audio file with its text"):
        read_transcripts(folder / "clips")
