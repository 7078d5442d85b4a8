from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sememe import _errors
from sememe.search.store import Store
from sememe.search.table.item_catalogue import State
from sememe.search.table.rows import compute_checksum, recompute_checksums
from tests.search.conftest import COLUMN, DIM, make_row


def test_what_is_appended_can_be_read_back(store, contents):
    store.append([make_row("a"), make_row("b", 0, 2), make_row("b", 1, 2)])
    reopened = Store.open(store.path)
    assert contents(reopened) == {"a": [(0, "h")], "b": [(0, "h"), (1, "h")]}
    assert reopened.count() == 3
    assert reopened.dims == {COLUMN: DIM}


def test_replace_swaps_all_rows_of_an_item_in_one_commit(store, contents):
    store.append([make_row("a"), *(make_row("b", part, 3) for part in range(3))])
    before = store.version
    store.replace([make_row("b", hash="new"), make_row("c")])
    assert store.version == before + 1
    assert contents(store) == {"a": [(0, "h")], "b": [(0, "new")], "c": [(0, "h")]}


def test_replace_may_remove_other_items_than_it_brings(store, contents):
    store.append([make_row("a"), make_row("b")])
    store.replace([make_row("c")], ids=["a"])
    assert set(contents(store)) == {"b", "c"}


def test_delete_counts_rows_and_forgives_unknown_ids(store, contents):
    store.append([make_row("a"), make_row("b", 0, 2), make_row("b", 1, 2)])
    assert store.delete(["b", "nobody"]) == 2
    assert store.delete(["b"]) == 0
    assert store.delete([]) == 0
    assert set(contents(store)) == {"a"}


def test_items_are_assigned_to_filters(store):
    store.append([make_row("a"), make_row("b", 0, 2), make_row("b", 1, 2), make_row("c")])
    filters = ["id = 'a'", "part = 1"]
    assert store.assign(["c", "b", "a", "nobody"], filters) == [-1, 1, 0, -1]
    assert store.assign([], filters) == []
    assert [store.count_rows(where) for where in ("id = 'b'", "part = 0", "id = 'x'")] == [2, 3, 0]
    with pytest.raises(_errors.FilterError):
        store.count_rows("nothing = 1")


def test_emptied_store_takes_rows_again(store, contents):
    store.append([make_row("a")])
    store.delete(["a"])
    store.compact()
    assert store.count() == 0 and store.search_terms(["a"], 3).ids == []
    store.append([make_row("a")])
    store.compact()
    assert store.search_terms(["a"], 3).ids == ["a"]


def test_catalogue_tells_the_four_states_apart(store):
    store.append([make_row("same"), make_row("changed"), make_row("partial", 1, 3)])
    states = store.read_catalogue().states(
        ["same", "changed", "partial", "new", "partial"], ["h", "other", "h", "h", "other"]
    )
    assert [State(s).name for s in states] == ["SAME", "CHANGED", "PARTIAL", "NEW", "CHANGED"]
    assert store.find_parts("partial") == {(1, 10, 20)}
    assert store.find_parts("it's") == set()


def test_rows_that_disagree_about_their_item_are_never_the_same(store):
    store.append([make_row("a", 0, 2, hash="x"), make_row("a", 1, 2, hash="y")])
    for hash in ("x", "y"):
        assert store.read_catalogue().states(["a"], [hash])[0] in (State.CHANGED, State.PARTIAL)


def test_empty_store_knows_nothing_and_finds_nothing(store):
    assert len(store.read_catalogue()) == 0
    assert store.read_catalogue().states(["a"], ["h"]).tolist() == [State.NEW]
    assert store.read_catalogue().states([], []).tolist() == []
    query = np.zeros((2, DIM), dtype=np.float32)
    assert [ranking.ids for ranking in store.search_vectors(COLUMN, query, 3)] == [[], []]
    assert np.isnan(store.score_ids(COLUMN, query[0], ["a"])).all()
    ranking = store.search_terms(["a"], 3)
    assert ranking.ids == [] and ranking.missing == ("a",)
    assert store.statistics().rows == 0
    store.compact()


def test_checksums_are_of_what_is_stored(store):
    no_vector = make_row("b", vectors={}, terms=None)
    store.append([make_row("a"), no_vector, make_row("c")])
    (batch,) = store.iterate()
    assert recompute_checksums(batch) == batch.column("checksum").to_pylist()
    altered = batch.set_column(5, "text", batch.column("source").cast("large_string"))
    assert not set(recompute_checksums(altered)) & set(batch.column("checksum").to_pylist())


FACTS = {"year": 2019, "weight": 0.5, "good": True, "tag": "seoul", "gone": None}


def test_every_column_stands_in_the_checksum(store):
    """Each value of a row changed on its own, behind the store's back."""
    store.append([make_row("a", metadata=FACTS), make_row("b", metadata={"year": 2020})])
    (batch,) = store.iterate()
    others = {"int32": 7, "int64": 7, "double": 0.25, "bool": False}
    assert {"year", "weight", "good", "tag"} < set(batch.schema.names)
    for place, column in enumerate(batch.schema):
        if column.name in (COLUMN, "checksum"):
            continue
        was = batch.column(place).to_pylist()
        for other in (others.get(str(column.type), "x"), None):
            changed = batch.set_column(place, column, pa.array([other, was[1]], type=column.type))
            found = recompute_checksums(changed)
            assert found[0] != batch.column("checksum")[0].as_py(), (column.name, other)
            assert found[1] == batch.column("checksum")[1].as_py()


def test_values_that_look_alike_have_checksums_of_their_own():
    facts = [{"n": True}, {"n": 1}, {"n": "1"}, {"m": 1}, {}, {"n": "1", "m": ""}, {"n": 1.5}]
    rows = [make_row("a", metadata=given) for given in facts]
    assert len({compute_checksum(row, row.metadata, []) for row in rows}) == len(facts)
    assert compute_checksum(rows[1], {"n": 1.0, "new": None}, []) == compute_checksum(
        rows[1], {"n": 1}, []
    )


def test_checksums_hold_when_columns_are_added_or_widened_later(store):
    big = 2**53 + 1  # not a float of its own
    store.append([make_row("a", metadata={"n": big}), make_row("b", metadata={"tag": "x"})])
    store.append([make_row("c", metadata={"n": 0.5, "new": True})])
    store.append([make_row("d", metadata={"n": 3, "m": -0.0, "nan": float("nan")})])
    assert store.metadata["n"] == "double"
    batch = pa.Table.from_batches(list(store.iterate())).combine_chunks().to_batches()[0]
    assert batch.num_rows == 4
    assert recompute_checksums(batch) == batch.column("checksum").to_pylist()
    place = batch.schema.get_field_index("n")
    half = batch.schema.with_metadata(None).field(place).with_name("widening__n")
    renamed = batch.set_column(place, half, batch.column(place))  # as an interruption leaves it
    assert recompute_checksums(renamed) == batch.column("checksum").to_pylist()


def test_statistics(store):
    store.append([make_row("a"), make_row("b", 0, 2), make_row("b", 1, 2, modality="image")])
    store.delete(["a"])
    statistics = store.statistics()
    assert (statistics.rows, statistics.items, statistics.fragments) == (2, 1, 1)
    assert statistics.modalities == {"image": 1, "text": 1}
    assert statistics.deleted_rows == 1 and statistics.bytes > 1000
    store.compact()
    assert store.statistics().keyword_coverage == 1.0


def test_rows_come_in_the_order_asked_for(store):
    store.append([make_row(id) for id in "abc"])
    ranking = store.search_terms(["common"], 3)
    rows = store.rows(ranking.rows[::-1], ["id", "text"])
    assert [row["id"] for row in rows] == ["c", "b", "a"]
    assert COLUMN not in store.rows(ranking.rows[:1])[0]
    with pytest.raises(_errors.InvalidInputError, match="refresh"):
        store.rows(np.array([2**40], dtype=np.uint64))


def test_addresses_of_items_come_item_by_item_parts_ascending(store):
    store.append([make_row("b", part, 2) for part in (1, 0)])
    store.append([make_row("a"), make_row("c")])
    rows = store.rows(store.addresses(["c", "b", "nobody"]), ["id", "part"])
    assert [(row["id"], row["part"]) for row in rows] == [("c", 0), ("b", 0), ("b", 1)]
    assert len(store.addresses([])) == 0


def test_many_small_batches_leave_few_files(tmp_path, monkeypatch, contents):
    from sememe.search.table import maintenance

    monkeypatch.setattr(maintenance, "MANY_SMALL", 8)
    monkeypatch.setattr(maintenance.merge_small, "__kwdefaults__", {"more_than": 8})
    store = Store.create(tmp_path / "s", {COLUMN: DIM})
    for i in range(30):
        store.append([make_row(f"d{i}")])
        assert store.statistics().fragments <= 9
    assert set(contents(store)) == {f"d{i}" for i in range(30)}
    store.compact()
    query = make_row("d17").vectors[COLUMN]
    assert store.search_vectors(COLUMN, query[None], 1)[0].ids == ["d17"]
    assert store.search_terms(["d17"], 1).ids == ["d17"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (make_row("a", 2, 2), "part=2 of parts=2"),
        (make_row("a", vectors={"vector_ffffffff": np.zeros(DIM, np.float32)}), "not a vector"),
        (make_row("a", vectors={COLUMN: np.zeros(3, np.float32)}), "shape"),
        (make_row("a", vectors={COLUMN: np.zeros(DIM)}), "float64"),
        (make_row("a", vectors={COLUMN: np.full(DIM, np.nan, np.float32)}), "NaN"),
        (make_row("a", text="\ud800"), "surrogate"),
        (make_row("a\udfff"), "surrogate"),
        (make_row("a", source=7), "source"),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_written(store, row, message):
    store.append([make_row("z")])
    with pytest.raises(_errors.InvalidInputError, match=message):
        store.append([make_row("y"), row])
    assert Store.open(store.path).count() == 1


def test_one_part_twice_in_a_batch_is_refused(store):
    with pytest.raises(_errors.InvalidInputError, match="twice"):
        store.append([make_row("a"), make_row("a")])


def test_opening_what_is_not_there_or_creating_what_is(tmp_path, store):
    with pytest.raises(_errors.IndexNotFoundError):
        Store.open(tmp_path / "nowhere")
    with pytest.raises(_errors.IndexExistsError):
        Store.create(store.path, {COLUMN: DIM})
    with pytest.raises(_errors.InvalidInputError):
        Store.create(tmp_path / "other", {"embedding": DIM})


@pytest.mark.parametrize(
    ("content", "error", "cure"),
    [
        (b"\0" * 16, _errors.IndexFormatError, "Build the index anew in another folder"),
        (b"\xff" * 64, _errors.IndexFormatError, "Restore the folder from a copy"),
        (b"", _errors.IndexFormatError, "Restore the folder from a copy"),
    ],
)
def test_a_damaged_table_is_named(store, content, error, cure):
    for manifest in (store.path / "chunks.lance" / "_versions").glob("*.manifest"):
        manifest.write_bytes(content)
    with pytest.raises(error, match=cure):
        Store.open(store.path)


def spoil(folder, how="cut") -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2] if how == "cut" else bytes(len(content)))


@pytest.mark.parametrize("how", ["cut", "zeros"])
def test_damaged_data_is_named_by_every_read(store, how):
    from sememe.search.table.file_ledger import SourceRecord

    store.append([make_row("a"), make_row("b")])
    store.compact()
    store.record_sources([SourceRecord("a.md", 1, 1, 1)])
    spoil(store.path / "chunks.lance" / "data", how)
    spoil(store.path / "sources.lance" / "data", how)
    query = make_row("a").vectors[COLUMN][None]
    reads = {
        "known": lambda s: s.read_catalogue(),
        "sources": lambda s: s.sources(),
        "iterate": lambda s: list(s.iterate()),
        "statistics": lambda s: s.statistics(),
        "vectors": lambda s: s.run_read(lambda: s.search_vectors(COLUMN, query, 1)),
        "terms": lambda s: s.run_read(lambda: s.search_terms(["a"], 1)),
    }
    for name, read in reads.items():
        with pytest.raises(_errors.CorruptFileError) as damage:
            read(Store.open(store.path))
        message = str(damage.value)
        assert str(store.path) in message and "Restore the folder from a copy" in message, name
        assert "\n" not in message


def test_reading_lets_our_own_errors_and_those_of_encoders_pass(store):
    class Panic(BaseException):
        """Rust's, which is no `Exception`."""

    Panic.__name__ = "PanicException"

    def fail(error: BaseException):
        raise error

    for kind, got in (
        (_errors.FilterError, _errors.FilterError),
        (_errors.InvalidInputError, _errors.InvalidInputError),
        (TypeError, TypeError),
        (KeyboardInterrupt, KeyboardInterrupt),
        (KeyError, _errors.CorruptFileError),
        (pa.ArrowInvalid, _errors.CorruptFileError),
        (pa.ArrowNotImplementedError, _errors.CorruptFileError),
        (Panic, _errors.CorruptFileError),
    ):
        with pytest.raises(got) as raised:
            store.run_read(lambda kind=kind: fail(kind("for good")))
        assert raised.type is got
    scope = {"__name__": "sememe.encoders.text.encoder"}
    exec("def encode(): raise RuntimeError('of the encoder')", scope)
    with pytest.raises(RuntimeError, match="of the encoder") as raised:
        store.run_read(scope["encode"])
    assert raised.type is RuntimeError


def test_statistics_need_no_manifest_but_the_newest(store):
    """Older ones are being thrown away by a writer while they are counted."""
    for id in "abc":
        store.append([make_row(id)])
    versions = sorted((store.path / "chunks.lance" / "_versions").glob("*.manifest"))
    for manifest in versions[1:]:  # the newest sorts first
        manifest.write_bytes(b"")
    assert store.statistics().versions == len(versions) > 3


def test_a_creation_that_was_interrupted_can_be_repeated(tmp_path, contents):
    Store.create(tmp_path / "s", {COLUMN: DIM})
    for manifest in (tmp_path / "s" / "chunks.lance" / "_versions").glob("*.manifest"):
        manifest.unlink()
    store = Store.create(tmp_path / "s", {COLUMN: DIM})
    store.append([make_row("a")])
    assert set(contents(store)) == {"a"}


def test_a_missing_keyword_index_is_made_good(store):
    store._chunks.dataset.drop_index("terms_idx")
    reopened = Store.open(store.path)
    reopened.append([make_row("a")])
    reopened.compact()
    assert reopened.search_terms(["a"], 1).ids == ["a"]


def test_sources_are_recorded_replaced_and_forgotten(store):
    from sememe.search.table.file_ledger import SourceRecord

    first = SourceRecord("a.md", 10, 2**62, 3)
    store.record_sources([first, SourceRecord("b.bin", 5, 1, 0, "not text")])
    store.record_sources([SourceRecord("a.md", 11, 2, 4)])
    store.record_sources([])
    found = Store.open(store.path).sources()
    assert found["a.md"] == SourceRecord("a.md", 11, 2, 4)
    assert found["b.bin"].reason == "not text"
    store.forget_sources(["a.md", "unknown"])
    assert set(store.sources()) == {"b.bin"}
    with pytest.raises(_errors.InvalidInputError, match="surrogate"):
        store.record_sources([SourceRecord("\udc80.md", 1, 1, 1)])


def test_a_reader_keeps_its_version_until_it_refreshes(store):
    store.append([make_row("a")])
    reader = Store.open(store.path)
    query = make_row("b").vectors[COLUMN][None]
    assert reader.search_vectors(COLUMN, query, 2)[0].ids == ["a"]
    store.append([make_row("b")])
    assert reader.search_vectors(COLUMN, query, 2)[0].ids == ["a"]
    assert reader.search_terms(["b"], 2).ids == []
    assert reader.refresh() and not reader.refresh()
    for _ in range(3):  # streamed, then kept
        assert reader.search_vectors(COLUMN, query, 2)[0].ids[0] == "b"
    assert reader.search_terms(["b"], 2).ids == ["b"]
    store.replace([make_row("a", hash="x")])
    store.compact()
    reader.refresh()
    again = make_row("a", hash="x").vectors[COLUMN][None]
    ranking = reader.search_vectors(COLUMN, again, 2)[0]
    assert ranking.ids == ["a", "b"] and ranking.scores[0] == pytest.approx(1.0, abs=1e-6)


def test_reading_starts_over_when_its_version_is_thrown_away(store):
    calls = []

    def work() -> int:
        calls.append(reader.version)
        if len(calls) == 1:
            store.append([make_row("a")])
            raise OSError("a file of an old version is gone")
        return reader.count()

    reader = Store.open(store.path)
    assert reader.run_read(work) == 1
    with pytest.raises(OSError, match="for good"):
        reader.run_read(lambda: (_ for _ in ()).throw(OSError("for good")))


def test_lancedb_opens_the_table(store):
    lancedb = pytest.importorskip("lancedb")
    store.append([make_row(id) for id in "abc"])
    store.compact()
    table = lancedb.connect(str(store.path)).open_table("chunks")
    assert table.count_rows() == 3
    query = make_row("b").vectors[COLUMN]
    hits = table.search(query, vector_column_name=COLUMN).limit(1).to_list()
    assert hits[0]["id"] == "b"


Batch = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.integers(1, 3), st.sampled_from("xyz")), max_size=4
)
Step = st.one_of(
    st.tuples(st.just("replace"), Batch),
    st.tuples(st.just("append"), Batch),
    st.tuples(st.just("delete"), st.sets(st.sampled_from("abcdef"), max_size=3)),
    st.tuples(st.just("compact"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(Step, max_size=8))
def test_any_sequence_of_changes_equals_a_dict(tmp_path_factory, contents, steps):
    store = Store.create(tmp_path_factory.mktemp("store"), {COLUMN: DIM})
    model: dict[str, tuple[int, str]] = {}
    for name, given_ in steps:
        if name in ("append", "replace"):
            items = {i: v for i, v in given_.items() if name == "replace" or i not in model}
            rows = [make_row(i, p, n, hash=h) for i, (n, h) in items.items() for p in range(n)]
            getattr(store, name)(rows)
            model |= items
        elif name == "delete":
            assert store.delete(given_) == sum(model[i][0] for i in given_ if i in model)
            model = {i: v for i, v in model.items() if i not in given_}
        elif name == "compact":
            store.compact()
        else:
            store = Store.open(store.path)
    assert contents(store) == {i: [(p, h) for p in range(n)] for i, (n, h) in model.items()}
    states = store.read_catalogue().states(
        list("abcdef"), [model.get(i, (0, "q"))[1] for i in "abcdef"]
    )
    expected = [State.SAME if i in model else State.NEW for i in "abcdef"]
    assert states.tolist() == expected
    for id, (_, hash) in model.items():
        query = make_row(id, hash=hash).vectors[COLUMN][None]
        assert store.search_vectors(COLUMN, query, 1)[0].ids == [id]
        assert store.search_terms([id], 3).ids == [id]


def test_the_catalogue_remembered_is_the_catalogue_read_anew(store):
    """Through appends, replacements, removals and merges: what was kept of a file never lies."""
    rng = np.random.default_rng(0)
    for step in range(12):
        store.append([make_row(f"{step}-{i}", hash=str(step)) for i in range(5)])
        store.replace([make_row(f"{step}-0", hash="new")])
        store.delete([f"{rng.integers(step + 1)}-{rng.integers(1, 5)}"])
        if step % 4 == 3:
            store.compact()
        kept, anew = store.read_catalogue(), Store.open(store.path).read_catalogue()
        for name in ("ids", "contents", "present", "parts"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(anew, name))
