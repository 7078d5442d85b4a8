"""Exact search against numpy, by hand, and from version to version."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import _errors
from sememe.search.ranking import exact as similarity
from sememe.search.ranking.documents import rank_documents, rank_estimated
from sememe.search.store import Store
from sememe.search.table import snapshot as table_snapshot
from sememe.search.table.snapshot import Snapshot
from tests.search.conftest import COLUMN, DIM, make_row, unit
from tests.ties import in_order

OTHER = "vector_ffff0000"


def axis(*values: float) -> np.ndarray:
    return np.array([*values, *[0.0] * (DIM - len(values))], dtype=np.float32)


def test_worked_by_hand(store):
    """Similarities to (1, 0): 1, 0.6 and 0; mean 1.6/3."""
    vectors = {"far": axis(0, 1), "near": axis(1, 0), "middle": axis(0.6, 0.8)}
    store.append([make_row(i, vectors={COLUMN: v}) for i, v in vectors.items()])
    ranking = store.search_vectors(COLUMN, axis(1, 0)[None], 2)[0]
    assert ranking.ids == ["near", "middle"]
    assert ranking.scores.tolist() == pytest.approx([1.0, 0.6])
    assert ranking.mean == pytest.approx(1.6 / 3)
    assert [row["id"] for row in store.rows(ranking.rows)] == ranking.ids


def filled(store: Store, n: int = 300) -> tuple[np.ndarray, list[str]]:
    """Rows of n/3 items with three parts each, in batches; returns (vectors, id of each)."""
    vectors = unit(np.random.default_rng(0), n)
    ids = [f"d{i // 3:03d}" for i in range(n)]
    rows = [make_row(ids[i], i % 3, 3, vectors={COLUMN: vectors[i]}) for i in range(n)]
    for start in range(0, n, 90):
        store.append(rows[start : start + 90])
    return vectors, ids


def naive(vectors, ids, query, k, allowed=lambda id: True) -> tuple[list[str], list[float]]:
    best: dict[str, float] = {}
    for id, score in zip(ids, vectors @ query, strict=True):
        if allowed(id):
            best[id] = max(best.get(id, -9.0), float(score))
    ranked = in_order(best.items())[:k]
    return [id for id, _ in ranked], [score for _, score in ranked]


@pytest.fixture(params=["exactly", "by codes"])
def compared(request, monkeypatch) -> str:
    """How kept rows are compared with one query; few are too few for codes otherwise."""
    if request.param == "by codes":
        monkeypatch.setattr(similarity, "CODED_ROWS", 1)
    return request.param


@pytest.mark.parametrize("k", [1, 7, 100, 500])
def test_equals_numpy_streamed_and_kept(store, k):
    vectors, ids = filled(store)
    queries = unit(np.random.default_rng(1), 5)
    for _ in ("streamed", "loaded", "kept"):
        for query, ranking in zip(queries, store.search_vectors(COLUMN, queries, k), strict=True):
            expected, scores = naive(vectors, ids, query, k)
            assert ranking.ids == expected
            np.testing.assert_allclose(ranking.scores, scores, atol=1e-6)
            assert ranking.mean == pytest.approx((vectors @ query).mean(), abs=1e-6)
    assert store._columns[COLUMN].nbytes == vectors.nbytes


@pytest.mark.parametrize("k", [1, 7, 100, 500])
def test_one_query_equals_numpy(store, k, compared):
    """Rows that codes may have taken for worse are compared exactly, whatever k is."""
    vectors, ids = filled(store)
    store.append([make_row("copy", vectors={COLUMN: vectors[0]})])
    vectors, ids = np.concatenate([vectors, vectors[:1]]), [*ids, "copy"]
    store.delete(["d050"])
    others = np.array([id != "d050" for id in ids])
    for query in [*unit(np.random.default_rng(1), 4), vectors[0]]:
        for _ in ("streamed", "loaded"):
            (ranking,) = store.search_vectors(COLUMN, query[None], k)
        expected, scores = naive(vectors, ids, query, k, lambda id: id != "d050")
        assert ranking.ids == expected
        np.testing.assert_allclose(ranking.scores, scores, atol=1e-6)
        products = vectors[others] @ query
        assert ranking.mean == pytest.approx(products.mean(), abs=1e-6)
        assert ranking.deviation == pytest.approx(products.std(), abs=1e-6)
        assert ranking.count == 298


def test_statistics_of_many_rows_are_those_of_a_sample_however_rows_are_compared(
    store, compared, monkeypatch
):
    """Streamed, in float32 or by codes: else a score would change from one search to the next."""
    vectors, _ = filled(store)
    monkeypatch.setattr(similarity, "_MANY", 200)
    monkeypatch.setattr(similarity, "_SAMPLE", 100)
    query = unit(np.random.default_rng(1), 1)
    sample = vectors[np.linspace(0, 299, 100).astype(int)] @ query[0]
    for _ in ("streamed", "loaded"):
        (ranking,) = store.search_vectors(COLUMN, query, 3)
        assert ranking.mean == pytest.approx(sample.mean(), abs=1e-6)
        assert ranking.deviation == pytest.approx(sample.std(), abs=1e-6)
        assert ranking.count == 300


def test_groups_and_filters_equal_numpy(store, compared):
    vectors, ids = filled(store)
    query = unit(np.random.default_rng(5), 1)[0]
    groups = ("id < 'd060'", "id >= 'd060'")
    for _ in ("streamed", "loaded"):
        low, high = store.search_groups(COLUMN, query, 9, groups, where="id > 'd030'")
        (alone,) = store.search_vectors(COLUMN, query[None], 9, where="id = 'd007'")
    assert low.ids == naive(vectors, ids, query, 9, lambda id: "d030" < id < "d060")[0]
    assert high.ids == naive(vectors, ids, query, 9, lambda id: id >= "d060")[0]
    assert alone.ids == ["d007"]
    first = np.array([id < "d060" for id in ids])
    assert low.mean == pytest.approx((vectors[first] @ query).mean(), abs=1e-6)


@pytest.mark.parametrize("seconds, serve", [([1.0, 2.0], True), ([2.0, 1.0], False)])
def test_codes_are_used_where_they_are_quicker_and_take_a_quarter(
    store, monkeypatch, seconds, serve
):
    """The measurement is made: of an estimate, and of a product in float32."""
    vectors, _ = filled(store)
    monkeypatch.setattr(similarity, "CODED_ROWS", 1)
    monkeypatch.setattr(similarity, "LARGE", 1)
    monkeypatch.setattr(similarity, "measure", lambda codes, floats: seconds)
    compared = []
    rank = similarity.rank_estimated
    monkeypatch.setattr(
        similarity,
        "rank_estimated",
        lambda snapshot, positions, *rest: (
            compared.append(rest) or rank(snapshot, positions, *rest)
        ),
    )
    for _ in range(2):
        store.search_vectors(COLUMN, vectors[:1], 1)
    assert len(compared) == serve  # the first was streamed
    assert store._columns[COLUMN].nbytes == vectors.nbytes * 5 // 4 + 8 * len(vectors)


def snapshot_of(ids: list[str]) -> Snapshot:
    import pyarrow as pa

    n = np.arange(len(ids))
    return Snapshot(
        1, n.astype(np.uint64), n.astype(np.int32), np.zeros(len(ids), np.int32), pa.array(ids)
    )


@pytest.mark.parametrize("raised, stated, right", [(1, 1.0, True), (0, 1.0, True), (0, 0.3, False)])
def test_rows_within_the_error_of_the_best_are_scored(raised, stated, right):
    """The ten best are taken for worse by 0.05, so that about a hundred others seem better.

    At worst the others are raised by as much.

    A stated error below the real one must fail, or nothing would depend on it.
    """
    rng = np.random.default_rng(0)
    scores = np.sort(rng.random(2000).astype(np.float32))
    n, off = len(scores), 0.05
    estimates = scores + np.where(np.arange(n) < n - 10, raised * off, -off).astype(np.float32)
    snapshot, scored = snapshot_of([f"d{i:04d}" for i in range(n)]), []

    def score(positions):
        scored.append(len(positions))
        return scores[positions]

    positions = np.arange(n)
    ranking = rank_estimated(snapshot, positions, estimates, stated * off, 10, score)
    best = [f"d{i:04d}" for i in range(n - 1, n - 11, -1)]
    assert (ranking.ids == best) is right
    assert sum(scored) < n / 2


def test_ids_are_found_though_their_hashes_are_equal(monkeypatch):
    snapshot = snapshot_of(["a", "b", "c"])
    wanted = ["c", "nobody", "a", "c"]
    found = [array.tolist() for array in snapshot.positions_of(wanted)]
    assert found == [[0, 2], [2, 0]]
    monkeypatch.setattr(table_snapshot, "hash", lambda id: 7, raising=False)
    again = snapshot_of(["a", "b", "c"]).positions_of(wanted)
    assert [array.tolist() for array in again] == found


def test_scores_of_given_ids_are_exact_streamed_and_kept(store):
    vectors, ids = filled(store)
    query = unit(np.random.default_rng(2), 1)[0]
    wanted = ["d050", "nobody", "d000", "d050", "d099"]
    everything = dict(zip(*naive(vectors, ids, query, 100), strict=True))
    for _ in ("from disk", "from disk", "kept"):
        scores = store.score_ids(COLUMN, query, wanted)
        assert np.isnan(scores[1])
        np.testing.assert_allclose(
            scores[[0, 2, 3, 4]], [everything[wanted[i]] for i in (0, 2, 3, 4)], atol=1e-6
        )
        store.search_vectors(COLUMN, query[None], 1)
    assert store.score_ids(COLUMN, query, []).shape == (0,)


def test_where_restricts_the_rows_not_the_background(store):
    vectors, ids = filled(store)
    query = unit(np.random.default_rng(3), 1)
    everything = store.search_vectors(COLUMN, query, 5)[0]
    for _ in range(2):
        ranking = store.search_vectors(COLUMN, query, 5, where="id < 'd010'")[0]
        assert ranking.ids == naive(vectors, ids, query[0], 5, lambda id: id < "d010")[0]
        assert ranking.mean == everything.mean
    assert store.search_vectors(COLUMN, query, 5, where="part = 9")[0].ids == []


def test_ties_are_ordered_by_id_whatever_the_order_of_arrival(store):
    ids = np.random.default_rng(0).permutation([f"d{i:03d}" for i in range(200)]).tolist()
    same = unit(np.random.default_rng(0), 1)[0]
    store.append([make_row(i, vectors={COLUMN: same}) for i in ids])
    for k in (1, 10, 200, 300):
        assert store.search_vectors(COLUMN, same[None], k)[0].ids == sorted(ids)[:k]


def test_rows_without_a_vector_of_the_space_are_left_out(tmp_path):
    store = Store.create(tmp_path / "s", {COLUMN: DIM, OTHER: 4})
    image = axis(1.0)[:4]
    store.append(
        [
            make_row("text", vectors={COLUMN: axis(1.0)}),
            make_row("image", vectors={OTHER: image}),
            make_row("both", vectors={COLUMN: axis(0.5), OTHER: image * 0.5}),
            make_row("none", vectors={}),
        ]
    )
    for _ in range(3):
        assert store.search_vectors(COLUMN, axis(1.0)[None], 9)[0].ids == ["text", "both"]
        ranking = store.search_vectors(OTHER, image[None], 9)[0]
        assert ranking.ids == ["image", "both"] and ranking.mean == pytest.approx(0.75)
        found = store.score_ids(OTHER, image, ["text", "both", "none"])
        assert np.isnan(found[[0, 2]]).all() and found[1] == pytest.approx(0.5)


def test_a_new_version_costs_only_its_new_fragments(store, monkeypatch):
    vectors, ids = filled(store)
    query = unit(np.random.default_rng(1), 1)
    for _ in range(2):
        store.search_vectors(COLUMN, query, 1)
    loaded = []
    load = similarity.VectorColumn._load
    monkeypatch.setattr(
        similarity.VectorColumn,
        "_load",
        lambda self, fragment: loaded.append(fragment) or load(self, fragment),
    )
    store.append([make_row("late", vectors={COLUMN: query[0]})])
    store.delete(["d000", "d050"])
    ranking = store.search_vectors(COLUMN, query, 300)[0]
    assert len(loaded) == 1 and ranking.ids[0] == "late"
    assert not {"d000", "d050"} & set(ranking.ids) and len(ranking.ids) == 99
    store.delete(["late", "d099"])  # the last block now ends in rows that are gone
    ranking = store.search_vectors(COLUMN, query, 300)[0]
    expected, scores = naive(
        vectors, ids, query[0], 300, lambda id: id not in ("d000", "d050", "d099")
    )
    assert ranking.ids == expected and len(loaded) == 1
    np.testing.assert_allclose(ranking.scores, scores, atol=1e-6)


def test_above_the_limit_nothing_is_kept(store):
    vectors, ids = filled(store)
    store.exact_limit = 10
    query = unit(np.random.default_rng(1), 1)
    for _ in range(3):
        assert store.search_vectors(COLUMN, query, 3)[0].ids == naive(vectors, ids, query[0], 3)[0]
    assert store._columns[COLUMN].nbytes == 0


def test_many_queries_are_answered_in_pieces(store, monkeypatch):
    filled(store)
    queries = unit(np.random.default_rng(1), 7)
    whole = [ranking.ids for ranking in store.search_vectors(COLUMN, queries, 5)]
    monkeypatch.setattr(similarity, "SCORES_AT_ONCE", 600)
    assert [ranking.ids for ranking in store.search_vectors(COLUMN, queries, 5)] == whole
    assert store.search_vectors(COLUMN, queries[:0], 5) == []


def test_columns_and_queries_that_do_not_fit(store):
    for column, query, message in (
        ("vector_00000000", np.zeros((1, DIM), np.float32), COLUMN),
        (COLUMN, np.zeros((1, 3), np.float32), "needs"),
        (COLUMN, np.zeros(DIM, np.float32), "needs"),
    ):
        with pytest.raises(_errors.InvalidInputError, match=message):
            store.search_vectors(column, query, 5)


def test_best_documents_looks_past_a_document_with_many_good_rows():
    """A hundred rows of one document outscore all others: the second document is still found."""
    import pyarrow as pa

    n = 200
    documents = np.r_[np.zeros(150, np.int32), np.arange(1, 51, dtype=np.int32)]
    ids = pa.array([f"d{i:02d}" for i in range(51)])
    rows = Snapshot(1, np.arange(n, dtype=np.uint64), documents, np.arange(n, dtype=np.int32), ids)
    scores = np.linspace(1, 0, n, dtype=np.float32)
    ranking = rank_documents(rows, np.arange(n), scores, 3)
    assert ranking.ids == ["d00", "d01", "d02"] and ranking.rows.tolist() == [0, 150, 151]
