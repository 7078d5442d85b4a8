"""The Lance index: its contract, and what only it promises (format, spaces, one writer)."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import unicodedata

import numpy as np
import pytest

from sememe import (
    Index,
    IndexExistsError,
    IndexFormatError,
    IndexLockedError,
    IndexNotFoundError,
    InvalidInputError,
    SpaceMismatchError,
)
from sememe.app.cli import main
from tests.contracts.index import IndexContract


class TestContract(IndexContract):
    @pytest.fixture
    def make(self, encoder):
        return lambda path: Index.create(path, [encoder])


class OtherSpace:
    """An encoder whose vectors may not be compared with the default's."""

    name, dim, modality, space = "other", 512, "text", "0" * 16

    def encode(self, items, *, batch_size=None, show_progress=False):
        raise AssertionError("must be refused before it encodes")


def test_vectors_of_another_space_are_refused(tmp_path, encoder):
    Index.create(tmp_path / "index", [encoder])
    with pytest.raises(SpaceMismatchError, match=r"use-multilingual-v3.*other.*-m other"):
        Index.open(tmp_path / "index", encoders=[OtherSpace()])


def test_what_is_no_index_is_named(tmp_path):
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "sememe.json").write_text(json.dumps({"kind": "model"}))
    for path in (tmp_path, tmp_path / "missing", tmp_path / "file.txt"):
        with pytest.raises(IndexNotFoundError, match="sememe index PATH --into"):
            Index.open(path)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ('{"kind": "index", "format": 99}', "format 99; this sememe reads format 1"),
        ('{"kind": "index", "format": 1}', "damaged"),
        ('{"kind": "ind', "cannot be read"),
    ],
)
def test_newer_and_damaged_indexes_are_refused(tmp_path, encoder, card, message):
    Index.create(tmp_path / "index", [encoder])
    (tmp_path / "index" / "sememe.json").write_text(card)
    with pytest.raises(IndexFormatError, match=message):
        Index.open(tmp_path / "index")


def test_a_folder_of_other_things_is_not_overwritten(tmp_path, encoder):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(IndexExistsError, match=r"thesis\.txt"):
        Index.create(tmp_path, [encoder])
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_an_interrupted_creation_left_is_taken_over(tmp_path, encoder):
    index = Index.create(tmp_path / "index", [encoder])
    (index.path / "sememe.json").unlink()
    Index.create(tmp_path / "index", [encoder]).add(["다시 시작한다"])
    assert len(Index.open(tmp_path / "index")) == 1


def test_rows_without_a_card_are_not_thrown_away(tmp_path, encoder):
    index = Index.create(tmp_path / "index", [encoder])
    index.add(["소중한 글"])
    (index.path / "sememe.json").unlink()
    with pytest.raises(IndexExistsError, match="rows but no"):
        Index.create(tmp_path / "index", [encoder])


def test_two_writers_are_one_too_many_and_a_dead_one_is_none(tmp_path, encoder):
    index = Index.create(tmp_path / "index", [encoder])
    code = textwrap.dedent(
        f"""
        import sys, time
        from sememe.search.lock import writer_lock
        with writer_lock({str(index.path / "write.lock")!r}):
            print("locked", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(IndexLockedError, match=str(other.pid)):
            index.add(["글"])
        assert index.search("글").ids == []  # reading goes on
        other.kill()
    assert index.add(["글"]).added == 1


def test_a_reader_sees_what_another_process_wrote(tmp_path, encoder):
    writer = Index.create(tmp_path / "index", [encoder])
    reader = Index.open(tmp_path / "index", encoders=[encoder])
    assert reader.search("고양이").ids == []
    writer.add([("cat", "고양이가 잔다")])
    assert reader.search("고양이").ids == ["cat"]


@pytest.mark.parametrize("things", ["one text", {"text": "x"}])
def test_one_item_is_not_a_list(tmp_path, encoder, things):
    with pytest.raises(InvalidInputError, match=r"Write \[\.\.\.\]"):
        Index.create(tmp_path / "index", [encoder]).add(things)


@pytest.mark.parametrize("thing", [3, ("a", "b", "c"), {"title": "x"}, ("id", 5)])
def test_what_is_no_item_is_named_and_loses_nothing(tmp_path, encoder, thing):
    index = Index.create(tmp_path / "index", [encoder])
    with pytest.raises(InvalidInputError, match="item 1"):
        index.add(["good", thing])
    assert len(index) == 1


def test_verify_finds_a_changed_row(tmp_path, encoder):
    """Texts, vectors and missing parts, each broken behind the index's back."""
    import lance
    import pyarrow as pa

    index = Index.create(tmp_path / "index", [encoder])
    index.add([("a", "하나"), ("b", "둘"), ("c", "긴 글이다. " * 300)])
    assert index.verify().sound
    table = lance.dataset(str(index.path / "chunks.lance"))
    table.update({"text": "'바뀜'"}, where="id = 'a'")
    table.delete("id = 'c' AND part = 1")
    column = index.encoders[0].column
    table = lance.dataset(str(index.path / "chunks.lance"))
    row = table.to_table(filter="id = 'b'")
    doubled = pa.FixedSizeListArray.from_arrays(
        pa.array(row[column].combine_chunks().flatten().to_numpy() * 2), 512
    )
    place = row.schema.get_field_index(column)
    fresh = row.set_column(place, row.schema.field(place), doubled)
    table.merge_insert("id").when_matched_update_all().execute(fresh)
    problems = "\n".join(Index.open(index.path).verify().problems)
    assert "id='a' part 0 does not match its checksum" in problems
    assert "has length 2.0000, not 1" in problems
    assert "id='c' lacks parts [1]" in problems


def test_a_long_run_reads_the_catalogue_again_and_forgets_nothing(tmp_path, encoder, monkeypatch):
    """What bounds memory (items remembered, batches) made small: the same index comes out."""
    for name, value in (("plan.RECENT", 7), ("read.BATCH_ITEMS", 3), ("chunks.BATCH_ROWS", 4)):
        monkeypatch.setattr(f"sememe.index.writing.{name}", value)
    index = Index.create(tmp_path / "index", [encoder])
    items = [(f"id{i % 20}", f"글 번호 {i % 20}, 판 {i // 20}") for i in range(60)]
    report = index.upsert(items)
    assert (report.added, report.updated, report.unchanged) == (20, 40, 0)
    assert index.upsert(items[40:]).unchanged == 20
    assert len(index) == 20
    assert {hit.text[-1] for hit in index.search("글", k=20, mode="keyword")} == {"2"}
    assert index.verify().sound


def test_items_without_text_leave_no_trace(encoder, tmp_path):
    index = Index.create(tmp_path / "index", [encoder])
    report = index.add([("a", ""), ("a", "hello"), ("b", " "), ("b", "\n")])
    assert (report.added, report.updated, report.unchanged, len(report.skipped)) == (1, 0, 0, 3)
    report = index.upsert([("c", ""), ("c", "x"), ("a", "  ")])
    assert (report.added, report.updated) == (1, 0)
    assert report.skipped[-1].reason == "no text in it; what is stored under its id stays"
    assert index.search("hello", mode="keyword").ids == ["a"]


def test_two_text_spaces_are_refused_until_they_can_be_searched(encoder, tmp_path):
    with pytest.raises(InvalidInputError, match="2 spaces"):
        Index.create(tmp_path / "index", [encoder, OtherSpace()])
    assert not (tmp_path / "index").exists()


def test_no_model_is_loaded_where_nothing_is_encoded(encoder, tmp_path, capsys, monkeypatch):
    """Not to compare names, to sync what did not change, or to search by words."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("고양이가 잔다")
    names = ["use-multilingual-v3", "efficientnet-lite0", "mel-statistics"]
    Index.create(tmp_path / "index", [encoder, *names[1:]]).sync(tmp_path / "notes")

    def load(*args, **given):
        raise AssertionError("a model was loaded")

    for name in ("load_all", "Encoders._load"):
        monkeypatch.setattr(f"sememe.index.encoders.{name}", load)
    at = str(tmp_path / "index")
    for models in ([], names, names[1:]):
        options = [option for name in models for option in ("-m", name)]
        assert main(["index", str(tmp_path / "notes"), "--into", at, "--json", *options]) == 0
        assert json.loads(capsys.readouterr().out)["unchanged"] == 1
    assert main(["search", at, "고양이", "--mode", "keyword", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["id"] == "notes/a.txt"
    assert main(["verify", at]) == 0
    assert main(["index", str(tmp_path / "notes"), "--into", at, "-m", "all-minilm-l6-v2"]) == 2
    assert "got -m all-minilm-l6-v2. Leave" in capsys.readouterr().err
    (tmp_path / "notes" / "b.txt").write_text("개가 짖는다")
    with pytest.raises(AssertionError, match="a model was loaded"):  # the control
        main(["index", str(tmp_path / "notes"), "--into", at])


class Listening(OtherSpace):
    """An encoder that keeps what it is given."""

    def __init__(self):
        self.heard = []

    def encode(self, items, *, batch_size=None, show_progress=False):
        self.heard += items
        return np.eye(512, dtype=np.float32)[[len(text) for text in items]]


def test_encoders_read_composed_text_and_the_index_keeps_it_as_written(tmp_path):
    """macOS writes the names of files in parts of letters, which tokenizers do not join."""
    encoder = Listening()
    index = Index.create(tmp_path / "index", [encoder])
    parts = unicodedata.normalize("NFD", "한글 café")
    index.add([{"id": "a", "text": parts}])
    (hit,) = index.search(parts, mode="semantic")
    assert encoder.heard == ["한글 café"] * 2
    assert hit.text == parts and hit.similarity == pytest.approx(1)
