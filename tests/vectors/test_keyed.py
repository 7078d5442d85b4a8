"""KeyedVectors: by hand, as gensim and as plain loops compute, and what it refuses."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import InvalidInputError, KeyedVectors, UnknownKeyError, UnknownNameError


def random_vectors(n=300, dim=8, seed=0):
    matrix = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return KeyedVectors([f"w{i:03}" for i in range(n)], matrix)


@pytest.fixture(scope="module")
def gensim_twin():
    from gensim.models import KeyedVectors as Gensim

    ours = random_vectors()
    theirs = Gensim(ours.dim)
    theirs.add_vectors(list(ours.keys), ours.matrix)
    return ours, theirs


def same(ours, theirs):
    assert [key for key, _ in ours] == [key for key, _ in theirs]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in theirs], atol=1e-5)


def test_by_hand():
    """cos((3,4),(4,3)) = 24/25; distances sqrt(2) and 2."""
    kv = KeyedVectors(["a", "b", "c"], [[3, 4], [4, 3], [-3, -4]])
    assert kv.similarity("a", "b") == pytest.approx(0.96)
    assert kv.similarity("a", "b", metric="dot") == 24
    assert kv.distance("a", "b") == pytest.approx(0.04)
    assert kv.distance("a", "b", metric="euclidean") == pytest.approx(2**0.5)
    assert kv.distance("a", "b", metric="l1") == 2
    assert kv.most_similar("a") == [("b", pytest.approx(0.96)), ("c", pytest.approx(-1))]
    assert kv.search([3, 4], k=1)[0] == ("a", pytest.approx(1))
    assert kv.nearest([3, 4], k=2) == [("a", 0), ("b", pytest.approx(2**0.5))]
    assert kv.nearest([3, 4], metric="manhattan")[2] == ("c", 14)
    assert kv.nearest([3, 4], metric="cosine")[2] == ("c", pytest.approx(2))
    assert kv.odd_one_out(["a", "b", "c"]) == "c"
    np.testing.assert_allclose(kv.centroid(["a", "b"]), [0.7, 0.7], rtol=1e-6)
    np.testing.assert_allclose(
        kv.centroid(["a", "b"], weights=[3, 1], normalize=False), [3.25, 3.75]
    )


def test_an_analogy_by_hand():
    """b - a + c = (0, 1) - (1, 0) + (1, 0) = (0, 1): d, as b itself may not answer."""
    kv = KeyedVectors(["a", "b", "c", "d", "e"], [[1, 0], [0, 1], [1, 0.01], [0.2, 1], [1, -1]])
    assert kv.analogy("a", "b", "c")[0][0] == "d"
    # 3CosMul of d by the formula, each cosine moved to (cos + 1) / 2
    unit = kv.matrix / np.linalg.norm(kv.matrix, axis=1, keepdims=True)
    cos = (unit[3] @ unit[:3].T + 1) / 2
    expected = cos[1] * cos[2] / (cos[0] + 0.001)
    assert kv.analogy("a", "b", "c", method="3CosMul")[0] == (
        "d",
        pytest.approx(expected, rel=1e-5),
    )


def test_neighbours_are_those_of_gensim(gensim_twin):
    ours, theirs = gensim_twin
    same(ours.most_similar("w007", 20), theirs.most_similar("w007", topn=20))
    same(
        ours.most_similar("w007", 5, among=50),
        theirs.most_similar("w007", topn=5, restrict_vocab=50),
    )
    same(ours.search(ours["w003"] * 2, 5), theirs.similar_by_vector(ours["w003"], topn=5))
    assert ours.odd_one_out(["w001", "w002", "w003", "w004"]) == theirs.doesnt_match(
        ["w001", "w002", "w003", "w004"]
    )
    mean = theirs.get_mean_vector(["w001", "w002"], pre_normalize=True)
    np.testing.assert_allclose(ours.centroid(["w001", "w002"]), mean, atol=1e-6)


@pytest.mark.parametrize("among", [None, 40])
def test_analogies_are_those_of_gensim(gensim_twin, among):
    ours, theirs = gensim_twin
    positive, negative = ["w002", "w003"], ["w001"]
    same(
        ours.analogy("w001", "w002", "w003", 8, among=among),
        theirs.most_similar(positive, negative, topn=8, restrict_vocab=among),
    )


def test_3cosmul_ranks_as_gensim(gensim_twin):
    """gensim's epsilon is 1e-6, the paper's 1e-3: the scores differ a little, the ranks do not."""
    ours, theirs = gensim_twin
    with pytest.warns(DeprecationWarning, match="init_sims"):
        expected = theirs.most_similar_cosmul(["w002", "w003"], ["w001"], topn=8)
    found = ours.analogy("w001", "w002", "w003", 8, method="3CosMul")
    assert [key for key, _ in found] == [key for key, _ in expected]


def test_3cosmul_is_the_formula_in_a_plain_loop():
    kv = random_vectors(60)
    unit = kv.matrix / np.linalg.norm(kv.matrix, axis=1, keepdims=True)
    scores = {}
    for key, row in zip(kv.keys, unit, strict=True):
        a, b, c = ((row @ unit[i] + 1) / 2 for i in (1, 2, 3))
        scores[key] = b * c / (a + 0.001)
    for key in ("w001", "w002", "w003"):
        del scores[key]
    expected = sorted(scores.items(), key=lambda pair: -pair[1])[:5]
    same(kv.analogy("w001", "w002", "w003", 5, method="3CosMul"), expected)


def test_many_are_as_one_at_a_time(monkeypatch):
    import sememe.vectors.nearest as module

    kv = random_vectors()
    keys = list(kv.keys[:30])
    singles = [kv.most_similar(key, 3) for key in keys]
    questions = list(zip(keys, keys[1:], keys[2:], strict=False))
    answers = [kv.analogy(*question, 2) for question in questions]
    for cells in (8_000_000, 700):  # in one block, and by twos
        monkeypatch.setattr(module, "_CELLS", cells)
        for many, one in zip(kv.most_similar_of_many(keys, 3), singles, strict=True):
            same(many, one)
        for many, one in zip(kv.analogies(questions, 2), answers, strict=True):
            same(many, one)
        for many, key in zip(kv.search_many(kv.rows(keys), 4), keys, strict=True):
            same(many[1:], kv.most_similar(key, 3))
    assert kv.search_many(np.empty((0, 8))) == []


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-1, 1), min_size=2, max_size=30), st.integers(1, 40))
def test_scores_descend_and_ties_go_by_key(numbers, k):
    keys = [f"k{i}" for i in np.random.default_rng(0).permutation(len(numbers))]
    kv = KeyedVectors(keys, np.array(numbers)[:, None])
    found = kv.search([1.0], k, metric="dot")
    assert found == sorted(zip(keys, numbers, strict=True), key=lambda p: (-p[1], p[0]))[:k]


def test_an_analogy_holds_where_there_is_structure_and_not_in_noise():
    """Pairs differ by one direction plus noise: solved; random vectors: at chance."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(50, 20))
    keys = [f"{kind}{i}" for kind in "ab" for i in range(50)]
    pairs = np.concatenate([base, base + rng.normal(size=20) + 0.1 * rng.normal(size=(50, 20))])

    def right(matrix):
        kv = KeyedVectors(keys, matrix)
        questions = [(f"a{i}", f"b{i}", f"a{(i + 1) % 50}") for i in range(50)]
        found = kv.analogies(questions)
        return np.mean([found[i][0][0] == f"b{(i + 1) % 50}" for i in range(50)])

    assert right(pairs) > 0.95
    assert right(rng.normal(size=pairs.shape)) < 0.1


def test_subsets_and_cuts_keep_what_they_should(vectors):
    part = vectors.subset(["queen", "the"])
    assert list(part) == ["queen", "the"]
    assert part.counts.tolist() == [98, 100]
    np.testing.assert_array_equal(part["queen"], vectors["queen"])
    assert vectors.cut(3).dim == 3
    np.testing.assert_array_equal(vectors.cut(3)["king"], vectors["king"][:3])
    norms = np.linalg.norm(vectors.normalized().matrix, axis=1)
    np.testing.assert_allclose(norms, 1, atol=1e-6)
    zero = KeyedVectors(["o", "x"], [[0, 0], [1, 0]])
    assert zero.normalized()["o"].tolist() == [0, 0]
    assert zero.most_similar("o") == [("x", 0)]


def test_lookups(vectors):
    assert "king" in vectors and "kong" not in vectors and 3 not in vectors
    assert vectors.get("kong") is None and vectors.get("kong", 0) == 0
    assert vectors.index_of("queen") == 2
    assert len(vectors) == 10 and vectors.dim == 12
    assert vectors.rows([]).shape == (0, 12)
    vectors["king"][:] = 0  # a copy
    assert vectors["king"].any()
    with pytest.raises(ValueError, match="read-only"):
        vectors.matrix[0] = 0


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("King", "'king'"),
        ("qeen", "'queen'"),
        ("고양", "'고양이'"),
        ("zzzzzz", "`in`"),
        ("Qeuen", "'queen'"),
        ("cafe\u0301", "'café'"),
    ],
)
def test_an_unknown_key_is_a_key_error_that_suggests(vectors, key, hint):
    with pytest.raises(KeyError) as caught:
        vectors[key]
    assert isinstance(caught.value, UnknownKeyError)
    assert hint in str(caught.value)
    assert str(copy.copy(caught.value)) == str(caught.value)
    assert str(caught.value).startswith(f"key={key!r} is not among the 10 keys")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda kv: kv.most_similar("king", 0), InvalidInputError, "k=0"),
        (lambda kv: kv.most_similar("king", metric="cosin"), UnknownNameError, "mean 'cosine'"),
        (lambda kv: kv.most_similar("king", among=0), InvalidInputError, "among=0"),
        (lambda kv: kv.most_similar("king", among=2.5), InvalidInputError, "among=2.5"),
        (lambda kv: kv.search("king"), InvalidInputError, "query is not all numbers"),
        (lambda kv: kv.search([1e39] * 12), InvalidInputError, "infinity"),
        (lambda kv: kv[["king"]], UnknownKeyError, "not among"),
        (lambda kv: kv["a" * 10_000_000], UnknownKeyError, r"a{99}\.\.\. is not"),
        (lambda kv: kv.analogies([("the", "x")]), InvalidInputError, "three keys"),
        (lambda kv: kv.analogies(["abc"]), InvalidInputError, "three keys"),
        (lambda kv: kv.distance("king", "the", metric="dot"), UnknownNameError, "euclidean"),
        (lambda kv: kv.search([1, 2]), InvalidInputError, "has 12 numbers"),
        (lambda kv: kv.search([np.nan] * 12), InvalidInputError, "NaN"),
        (lambda kv: kv.analogy("king", "the", "x", method="3cosadd"), UnknownNameError, "3CosAdd"),
        (lambda kv: kv.analogy("king", "the", "y"), UnknownKeyError, "'y'"),
        (lambda kv: kv.odd_one_out(["king", "the"]), InvalidInputError, "3 or more"),
        (lambda kv: kv.centroid([]), InvalidInputError, "empty"),
        (lambda kv: kv.centroid(["king"], weights=[0]), InvalidInputError, "weights"),
        (lambda kv: kv.rows("king"), InvalidInputError, r"\['king'\]"),
        (lambda kv: kv.cut(13), InvalidInputError, "1..12"),
        (lambda kv: kv.cut(1.5), InvalidInputError, "dim=1.5; give a whole number"),
        (lambda kv: kv.cut(True), InvalidInputError, "dim=True; give a whole number"),
        (lambda kv: kv.cut(0), InvalidInputError, "dim=0; give a whole number of at least 1"),
        (lambda kv: KeyedVectors(["a", "b", "a"], np.eye(3)), InvalidInputError, "rows 0 and 2"),
        (lambda kv: KeyedVectors(["a"], np.eye(2)), InvalidInputError, "1 keys and 2 rows"),
        (lambda kv: KeyedVectors(["a"], [[np.inf]]), InvalidInputError, "row 0"),
        (lambda kv: KeyedVectors(["a"], [1.0]), InvalidInputError, "shape"),
        (lambda kv: KeyedVectors("ab", np.eye(2)), InvalidInputError, "one str"),
        (lambda kv: KeyedVectors([["a"]], [[1.0]]), InvalidInputError, "no str"),
        (lambda kv: KeyedVectors(["a", "b"], [[1], [1, 2]]), InvalidInputError, "one length"),
        (lambda kv: KeyedVectors(["a"], [[1e39]]), InvalidInputError, "row 0"),
        (lambda kv: KeyedVectors(["a"], [[1.0]], counts=[2**63]), InvalidInputError, "counts"),
        (lambda kv: KeyedVectors([1], [[1.0]]), InvalidInputError, "no str"),
        (lambda kv: KeyedVectors(["a"], [[1.0]], counts=[-1]), InvalidInputError, "counts"),
    ],
)  # fmt: skip
def test_bad_input_says_what_is_wrong(vectors, call, error, message):
    with pytest.raises(error, match=message):
        call(vectors)


def test_nothing_has_no_neighbours():
    empty = KeyedVectors([], np.empty((0, 3)))
    assert empty.search([1, 2, 3]) == []
    assert KeyedVectors(["a"], [[1.0]]).most_similar("a") == []


def test_keys_and_numbers_of_numpy_are_taken():
    kv = KeyedVectors(np.array(["a", "b", "c"]), np.eye(3))
    assert {type(key) for key, _ in kv.most_similar("a", np.int64(2), among=np.int32(3))} == {str}
    assert len(kv.analogy("a", "b", "c", np.int64(1))) == 0


@pytest.mark.parametrize("size", [1e-30, 1e-42, 1.0, 1e30])
def test_cosines_hold_for_the_smallest_and_largest_numbers(size):
    """The squares of such numbers are no float32."""
    kv = KeyedVectors(["a", "b", "c"], np.array([[3, 4], [3, 4], [-4, 3]]) * size)
    for found in (kv.most_similar("a"), kv.search(np.array([3, 4]) * size)[1:]):
        assert dict(found) == pytest.approx({"b": 1, "c": 0}, abs=1e-6)


def test_nan_in_a_mapped_file_is_named_by_whatever_meets_it(vectors, tmp_path):
    with (vectors.save(tmp_path / "v") / "matrix.npy").open("r+b") as file:
        file.seek(-4, 2)
        file.write(np.float32("nan").tobytes())
    kv = KeyedVectors.load(tmp_path / "v")
    for ask in (
        kv.most_similar,
        lambda key: kv.analogy(key, key, key),
        lambda key: kv.nearest(kv[key]),
    ):
        with pytest.raises(InvalidInputError, match="row 9 holds NaN"):
            ask("king")
