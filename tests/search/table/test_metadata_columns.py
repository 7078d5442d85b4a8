from __future__ import annotations

import pytest

from sememe import _errors
from sememe.search.store import Store
from sememe.search.table import maintenance
from sememe.search.table.metadata_columns import Evolution
from tests.search.conftest import make_row


def values(store: Store, column: str) -> dict[str, object]:
    return {
        row["id"]: row[column]
        for batch in store.iterate(["id", column])
        for row in batch.to_pylist()
    }


def test_columns_are_typed_when_first_seen(store):
    store.append([make_row("a", metadata={"year": 2020, "ok": True, "tag": "x", "w": 0.5})])
    store.append([make_row("b", metadata={"year": None, "도시": "서울"}), make_row("c")])
    assert store.metadata == {
        "ok": "bool",
        "tag": "string",
        "w": "double",
        "year": "int64",
        "도시": "string",
    }
    assert values(store, "도시") == {"a": None, "b": "서울", "c": None}
    assert store.search_terms(["common"], 5, where="도시 = '서울'").ids == ["b"]


def test_ints_widen_to_floats_and_keep_their_values(store):
    store.append([make_row("a", metadata={"size": 3})])
    store.append([make_row("b", metadata={"size": 3.5})])
    store.append([make_row("c", metadata={"size": 4})])
    assert store.metadata == {"size": "double"}
    assert values(store, "size") == {"a": 3.0, "b": 3.5, "c": 4.0}
    store.append([make_row("d", metadata={"new": 1}), make_row("e", metadata={"new": 1.5})])
    assert store.metadata["new"] == "double"
    store.compact()
    assert values(store, "size")["a"] == 3.0


@pytest.mark.parametrize("stop_after", [1, 2])
def test_an_interrupted_widening_is_completed(store, monkeypatch, stop_after):
    """Killed after the copy, or after the drop: the next writer finishes either."""
    store.append([make_row("a", metadata={"size": 3})])
    table, half = store._chunks, "widening__size"
    table.dataset.add_columns({half: "cast(`size` as double)"})
    table.refresh()
    if stop_after == 2:
        table.dataset.drop_columns(["size"])
    writer = Store.open(store.path)
    assert half not in writer.metadata
    writer.append([make_row("b", metadata={"size": 3.5})])
    assert writer.metadata == {"size": "double"}
    assert values(writer, "size") == {"a": 3.0, "b": 3.5}


def test_other_type_conflicts_name_column_types_and_cure(store):
    store.append([make_row("a", metadata={"year": 2020})])
    with pytest.raises(_errors.InvalidInputError) as refusal:
        store.append([make_row("b", metadata={"year": "2021"})])
    for word in ("'year'", "got str", "holds it as int", "Convert"):
        assert word in str(refusal.value)
    with pytest.raises(_errors.InvalidInputError, match="got bool"):
        store.append([make_row("b", metadata={"year": True})])
    assert store.count() == 1


def test_a_refused_batch_leaves_no_column_behind(store):
    with pytest.raises(_errors.InvalidInputError):
        store.append([make_row("a", metadata={"year": 1}, text="\ud800")])
    assert store.metadata == {}


@pytest.mark.parametrize(
    "name", ["", "a.b", "a`b", "_rowid", "id", "Text", "vector_x", "widening__x", "a\nb"]
)
def test_names_that_cannot_be_columns(store, name):
    with pytest.raises(_errors.InvalidInputError, match="Metadata name"):
        store.append([make_row("a", metadata={name: 1})])


def test_names_that_differ_only_in_case(store):
    store.append([make_row("a", metadata={"Year": 1})])
    with pytest.raises(_errors.InvalidInputError, match="upper and lower case"):
        store.append([make_row("b", metadata={"year": 1})])


@pytest.mark.parametrize("value", [2**63, [1], {"a": 1}, b"x"])
def test_values_that_fit_no_column(store, value):
    with pytest.raises(_errors.InvalidInputError, match="metadata 'm'"):
        store.append([make_row("a", metadata={"m": value})])


def test_odd_names_survive(store):
    odd = {"with space": 1, "it's": 2, "order": 3, 'say "hi"': 4}
    store.append([make_row("a", metadata=odd)])
    store.append([make_row("b", metadata={"with space": 1.5})])
    assert values(store, "with space") == {"a": 1.0, "b": 1.5}
    assert store.search_terms(["common"], 5, where="`with space` > 1.2").ids == ["b"]


def test_evolve_with_nothing_to_do_commits_nothing(store):
    before = store.version
    maintenance.evolve(store._chunks, Evolution({}, []))
    assert store.version == before
