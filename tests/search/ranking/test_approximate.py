"""The approximate index: what it finds, what it reports, and rows that came later."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from sememe import _errors
from sememe.search.ranking import approximate
from sememe.search.store import Store
from sememe.search.table.rows import Row
from tests.search.conftest import COLUMN, make_row

DIM = 32


@pytest.fixture(scope="module")
def clustered(tmp_path_factory) -> tuple[Store, np.ndarray]:
    """3,000 rows of 1,500 items around 40 centres, with an index over all of them."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((40, DIM))
    vectors = centres[rng.integers(0, 40, 3000)] + 0.7 * rng.standard_normal((3000, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    store = Store.create(tmp_path_factory.mktemp("ann"), {COLUMN: DIM})
    store.append([row(i, vector) for i, vector in enumerate(vectors)])
    store.exact_limit = 1000
    store.compact()
    return store, vectors


def row(i: int, vector: np.ndarray) -> Row:
    id = f"d{i // 2:04d}"
    terms, meta = f"t{i}", {"n": i // 2}
    return Row(id, i % 2, 2, "text", "s", "", 0, 0, "h", {COLUMN: vector}, terms, meta)


def exact(store: Store, queries: np.ndarray, k: int, **given):
    reader = Store.open(store.path)
    reader.exact_limit = 10**9
    return reader.search_vectors(COLUMN, queries, k, **given)


def queries(vectors: np.ndarray, n: int = 100) -> np.ndarray:
    rng = np.random.default_rng(1)
    mixed = (
        vectors[rng.integers(0, len(vectors), n)] + 0.5 * vectors[rng.integers(0, len(vectors), n)]
    )
    return (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)


def overlap(found, true) -> float:
    pairs = zip(found, true, strict=True)
    return float(np.mean([len(set(a.ids) & set(b.ids)) / len(b.ids) for a, b in pairs]))


def test_it_finds_what_exact_search_finds(clustered):
    store, vectors = clustered
    asked = queries(vectors)
    assert approximate.find_usable_notes(store._chunks, store.path, COLUMN, store.exact_limit)
    found, true = store.search_vectors(COLUMN, asked, 10), exact(store, asked, 10)
    assert overlap(found, true) >= 0.95
    assert overlap(found, true[1:] + true[:1]) < 0.5  # control: the answers to other questions
    for a, b in zip(found, true, strict=True):
        scores = dict(zip(b.ids, b.scores, strict=True))
        same = [(scores[i], s) for i, s in zip(a.ids, a.scores, strict=True) if i in scores]
        np.testing.assert_allclose(*zip(*same, strict=True), atol=1e-5)
        assert a.mean == pytest.approx(b.mean, abs=1e-4)
        assert a.deviation == pytest.approx(b.deviation, rel=0.15)  # of a sample, whatever is best
        assert a.ids == [i for _, i in sorted(zip(-a.scores, a.ids, strict=True))]


def test_where_and_large_k(clustered):
    store, vectors = clustered
    asked = queries(vectors, 10)
    found = store.search_vectors(COLUMN, asked, 5, where="n < 30")
    assert overlap(found, exact(store, asked, 5, where="n < 30")) >= 0.95
    assert all(len(ranking.ids) == 5 for ranking in found)
    assert len(store.search_vectors(COLUMN, asked[:1], 200)[0].ids) == 200
    with pytest.raises(_errors.FilterError):
        store.search_vectors(COLUMN, asked, 5, where="nope = 1")


def test_the_recall_measured_is_written_and_reported(clustered):
    store, _ = clustered
    report = store.statistics().ann[COLUMN]
    assert report["kind"] == "IVF_RQ" and report["queries"] == 200
    assert 0.95 <= report["recall_at_10"] <= 1.0 and report["coverage"] == 1.0
    stored = json.loads((store.path / "ann.json").read_text(encoding="utf-8"))
    assert stored["columns"][COLUMN]["probes"] == report["probes"]
    assert not list(store.path.glob("*.tmp"))


def test_rows_that_come_later_are_found_and_then_covered(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((900, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = Store.create(tmp_path / "s", {COLUMN: DIM})
    store.exact_limit = 500
    store.append([row(i, vectors[i]) for i in range(600)])
    store.compact()
    store.append([row(i, vectors[i]) for i in range(600, 900)])
    assert store.statistics().ann[COLUMN]["coverage"] == pytest.approx(2 / 3)
    late = store.search_vectors(COLUMN, vectors[899][None], 1)[0]
    assert late.ids == ["d0449"] and late.scores[0] == pytest.approx(1.0, abs=1e-5)
    store.compact()
    assert store.statistics().ann[COLUMN]["coverage"] == 1.0
    assert store.search_vectors(COLUMN, vectors[899][None], 1)[0].ids == ["d0449"]
    store.delete(["d0449"])
    assert store.search_vectors(COLUMN, vectors[899][None], 1)[0].ids != ["d0449"]


MEAN = f"ann_{COLUMN}.npy"


@pytest.fixture(scope="module")
def noted(tmp_path_factory) -> tuple[Store, np.ndarray]:
    """300 rows and an index over them, with its notes."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, DIM)).astype(np.float32)
    store = Store.create(tmp_path_factory.mktemp("noted") / "s", {COLUMN: DIM})
    store.exact_limit = 200
    store.append([row(i, vectors[i]) for i in range(300)])
    store.compact()
    assert approximate.find_faults(store._chunks, store.path) == []
    return store, vectors


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: (f / "ann.json").write_text("{", encoding="utf-8"),
        lambda f: (f / "ann.json").write_text("[]", encoding="utf-8"),
        lambda f: (f / "ann.json").write_text(
            json.dumps({"format": approximate.FORMAT, "columns": {COLUMN: 7}}), encoding="utf-8"
        ),
        lambda f: (f / "ann.json").write_text(
            json.dumps({"format": approximate.FORMAT, "columns": {COLUMN: {"probes": "x"}}}),
            "utf-8",
        ),
        lambda f: (f / "ann.json").write_bytes(b"\xff\xfe"),
        lambda f: (f / "ann.json").unlink(),
        lambda f: (f / MEAN).unlink(),
        lambda f: (f / MEAN).write_bytes(b""),
        lambda f: (f / MEAN).write_bytes(b"\x93NUMPY broken"),
        lambda f: np.save(f / MEAN, np.zeros(DIM + 1, np.float32)),
        lambda f: np.save(f / MEAN, np.full(DIM, np.nan, np.float32)),
    ],
)
def test_without_its_notes_the_index_is_not_trusted(noted, tmp_path, damage):
    first, vectors = noted
    store = Store.open(shutil.copytree(first.path, tmp_path / "s"))
    store.exact_limit = 200
    assert approximate.find_usable_notes(store._chunks, store.path, COLUMN, 200)
    damage(store.path)
    assert not approximate.find_usable_notes(store._chunks, store.path, COLUMN, 200)
    assert len(approximate.find_faults(store._chunks, store.path)) == 1
    best = max(range(300), key=lambda i: float(vectors[i] @ vectors[7]))
    assert store.search_vectors(COLUMN, vectors[7][None], 1)[0].ids == [f"d{best // 2:04d}"]
    store.statistics()
    store.compact()
    assert approximate.find_usable_notes(store._chunks, store.path, COLUMN, 200)


def test_a_document_with_many_near_rows_does_not_crowd_out_the_rest(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((400, DIM)).astype(np.float32)
    vectors[:200] = vectors[0] + 0.01 * vectors[:200]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = Store.create(tmp_path / "s", {COLUMN: DIM})
    store.exact_limit = 300
    rows = [make_row("big", i, 200, vectors={COLUMN: vectors[i]}) for i in range(200)]
    store.append([*rows, *(row(2 * i, vectors[i]) for i in range(200, 400))])
    store.compact()
    assert approximate.find_usable_notes(store._chunks, store.path, COLUMN, 300)
    ranking = store.search_vectors(COLUMN, vectors[:1], 5)[0]
    assert ranking.ids[0] == "big" and len(ranking.ids) == 5
