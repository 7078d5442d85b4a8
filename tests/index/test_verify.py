"""What `verify` finds: each kind of damage, made behind the store's back, and none where there is
none."""

from __future__ import annotations

from pathlib import Path

import lance
import numpy as np
import pytest

from sememe._errors import CorruptFileError
from sememe.index.verify import Verification, verify_store
from sememe.search.store import Store
from sememe.search.table.file_ledger import SourceRecord
from sememe.search.table.rows import Row
from tests.search.conftest import COLUMN, DIM, make_row


def whole_row(id: str, part: int = 0, parts: int = 1, **given) -> Row:
    """A row as a writer makes it: the offsets are those of the text."""
    text = f"text of {id}, part {part}"
    metadata = {"year": 2019, "tag": "seoul", "weight": 0.5, "good": True}
    return make_row(id, part, parts, text=text, start=0, end=len(text), metadata=metadata, **given)


@pytest.fixture
def store(tmp_path) -> Store:
    """Three files: two items, one item of two parts, and one file that gave nothing."""
    store = Store.create(tmp_path / "store", {COLUMN: DIM})
    store.append([whole_row("a1", source="a.csv"), whole_row("a2", source="a.csv")])
    store.append([whole_row("b", 0, 2), whole_row("b", 1, 2)])
    store.record_sources([SourceRecord("a.csv", 1, 1, 2), SourceRecord("b.md", 1, 1, 1)])
    store.record_sources([SourceRecord("c.bin", 1, 1, 0, "no text")])
    store.compact()
    return store


def verified(store: Store) -> Verification:
    return verify_store(Store.open(store.path), {COLUMN: DIM})


def spoil(files, how) -> None:
    files = [file for file in files if file.is_file()]
    assert files
    for file in files:
        file.write_bytes(how(file.read_bytes()))


def test_a_sound_store_has_no_fault(store):
    assert verified(store) == Verification(rows=4, items=3)
    store.append([whole_row("added")])  # by `add`: no file it came from
    store.compact()
    store.record_sources([SourceRecord("begun.csv", -1, 0, 0)])
    assert verified(store).sound


def test_an_empty_store_has_no_fault(tmp_path):
    store = Store.create(tmp_path / "store", {COLUMN: DIM})
    store.compact()
    assert verified(store) == Verification()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("year", "2020"), ("weight", "0.25"), ("good", "false"), ("tag", "'busan'")],
        *[("tag", "NULL"), ("modality", "'image'"), ("source", "'x.csv'"), ("hash", "'z'")],
        *[("text", "'text of a1, part 1'"), ("terms", "'other'"), ("parts", "1000")],
    ],
)
def test_a_changed_value_of_any_column_is_found(store, column, value):
    lance.dataset(str(store.path / "chunks.lance")).update({column: value}, where="id = 'a1'")
    assert "id='a1' part 0 does not match its checksum" in verified(store).problems


def test_values_stay_sound_when_columns_come_and_widen(store):
    given = {"year": 2020.5, "later": "x"}
    text = "text"
    store.append([make_row("c", text=text, start=0, end=len(text), metadata=given)])
    store.compact()
    assert store.metadata["year"] == "double"
    assert verified(store).sound


def test_bits_flipped_in_the_data_are_found(tmp_path):
    """Of flips spread evenly over the values of a data file none passes, and none is a traceback.

    A flip may fall on padding, which holds nothing: then the rows are those that were stored.
    """
    store = Store.create(tmp_path / "store", {COLUMN: DIM})
    store.append([whole_row(f"d{i}", source="d.csv") for i in range(40)])
    store.record_sources([SourceRecord("d.csv", 1, 1, 40)])
    store.compact()
    (file,) = (store.path / "chunks.lance" / "data").iterdir()
    stored, rows = file.read_bytes(), list(store.iterate())
    rng = np.random.default_rng(0)
    passed = 0
    for at in np.linspace(0, len(stored) - 1, 150).astype(int).tolist():
        damaged = bytearray(stored)
        damaged[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        if verified(store).sound:
            assert list(Store.open(store.path).iterate()) == rows
            passed += 1
    assert passed < 75


def test_items_missing_from_a_file_that_was_read(store):
    store.delete(["a1", "b"])
    assert verified(store).problems == [
        "source a.csv: 2 items were read, 1 are stored. Run: sememe index again",
        "source b.md: 1 items were read, 0 are stored. Run: sememe index again",
    ]


def test_one_item_more_than_was_read(store):
    store.append([whole_row("a3", source="a.csv")])
    store.compact()
    (problem,) = verified(store).problems
    assert problem.startswith("source a.csv: 2 items were read, 3 are stored")


def test_while_a_writer_is_at_work_the_list_is_not_compared(store):
    reader = Store.open(store.path)
    store.delete(["a1"])
    late = Store.open(store.path)
    late.record_sources([SourceRecord("a.csv", 1, 1, 1)])
    assert verify_store(reader, {COLUMN: DIM}).sound
    assert verified(store).sound


@pytest.mark.parametrize(
    "how", [lambda b: b[: len(b) // 2], lambda b: bytes(len(b)), lambda b: b""]
)
@pytest.mark.parametrize(
    ("folder", "named"),
    [
        ("chunks.lance/data", "the rows: "),
        ("sources.lance/data", "the list of files read: "),
        ("chunks.lance/_indices", "the keyword index: "),
    ],
)
def test_files_that_cannot_be_read_are_faults(store, folder, named, how):
    spoil((store.path / folder).rglob("*"), how)
    problems = verified(store).problems
    assert any(problem.startswith(named) for problem in problems), problems
    assert all("\n" not in problem for problem in problems)
    assert any("Run: sememe index again" in p or "Restore the folder" in p for p in problems)


def test_a_keyword_index_that_lags_behind(store):
    store.append([whole_row("late")])
    (problem,) = verified(store).problems
    assert problem == "the keyword index covers 80.0% of the rows. Run: sememe index again"


def test_a_keyword_index_of_other_rows(store, monkeypatch):
    from sememe.search.ranking.keyword import TermRanking

    empty = TermRanking([], np.empty(0, np.uint64), np.empty(0, np.float32), ())
    monkeypatch.setattr(Store, "search_terms", lambda *args, **given: empty)
    problems = verified(store).problems
    assert "the keyword index does not find id='a1' by its 'common'" in problems[0]


def test_notes_of_the_vector_index_that_cannot_be_read(tmp_path):
    store = Store.create(tmp_path / "store", {COLUMN: DIM})
    store.exact_limit = 200
    store.append([whole_row(f"d{i}") for i in range(300)])
    store.compact()
    assert verified(store).sound
    notes = {path: path.read_bytes() for path in store.path.glob("ann*")}
    assert len(notes) == 2
    for path, content in notes.items():
        path.write_bytes(content[: len(content) // 2])
        (problem,) = verified(store).problems
        assert "cannot be read" in problem and problem.endswith("Run: sememe index again")
        path.write_bytes(content)
    assert verified(store).sound


def test_a_version_thrown_away_meanwhile_is_read_again(store, monkeypatch):
    """No fault of the index: `Store.run_read` refreshes and runs the check once more."""
    reader = Store.open(store.path)
    known, calls = Store.read_catalogue, []

    def thrown_away(self):
        calls.append(self.version)
        if len(calls) == 1:
            store.append([whole_row("new")])
            store.compact()
            raise CorruptFileError("a file of an old version is gone")
        return known(self)

    monkeypatch.setattr(Store, "read_catalogue", thrown_away)
    found = reader.run_read(lambda: verify_store(reader, {COLUMN: DIM}))
    assert found == Verification(rows=5, items=4)
    assert len(calls) == 2


def test_what_is_no_damage_is_raised(store, monkeypatch):
    def broken(self) -> None:
        raise TypeError("a mistake of ours")

    monkeypatch.setattr(Store, "read_catalogue", broken)
    with pytest.raises(TypeError):
        verified(store)


def test_problems_are_counted_all_and_listed_up_to_a_hundred(tmp_path: Path):
    store = Store.create(tmp_path / "store", {COLUMN: DIM})
    store.append([whole_row(f"d{i}", vectors={}) for i in range(120)])
    store.compact()
    found = verified(store)
    assert (found.faults, len(found.problems), found.sound) == (120, 100, False)
    assert found.to_dict()["faults"] == 120
