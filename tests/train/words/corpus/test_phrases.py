"""Phrases: by hand, as gensim finds them, and only where there is something to find."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.train.words.corpus import counting, phrases
from sememe.train.words.corpus import disk_counts as spill
from sememe.train.words.corpus import reader as reading
from sememe.train.words.corpus.phrases import Phrases, npmi


def sentences_with_phrases(signal, n=600, seed=0):
    """Random words; in a share `signal` of the sentences "new york" and "ice cream" stand."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        words = [f"w{i}" for i in rng.integers(0, 60, size=rng.integers(3, 12))]
        extra = ["new", "york", "ice", "cream"]
        if rng.random() >= signal:
            rng.shuffle(extra)
        for i in rng.permutation(2) * 2:
            place = rng.integers(0, len(words) + 1)
            words[place:place] = extra[i : i + 2]
        made.append(words)
    return made


def test_by_hand():
    """a b 3 times, b c once; a 3, b 4, c 2: size = 3 words + 3 pairs (a b, b c, c b).

    With min_count 1: (3 - 1) / (3 * 4) * 6 = 1; the others score 0.
    """
    corpus = [["a", "b"], ["a", "b", "c"], ["a", "b"], ["c", "b"]]
    found = Phrases(min_count=1, threshold=0.9).fit(corpus)
    assert found.phrases_ == {("a", "b"): 1.0}
    assert Phrases(min_count=1, threshold=1.0).fit(corpus).phrases_ == {}
    assert list(found.transform(corpus))[:2] == [["a_b"], ["a_b", "c"]]


def test_npmi_by_hand():
    """p(ab) = 1/8, p(a) = p(b) = 1/4: ln(2) / ln(8) = 1/3. Independent: 0."""
    assert math.isclose(npmi(2, 2, 1, n_words=8), 1 / 3)
    assert npmi(4, 4, 2, n_words=8) == 0
    assert npmi(8, 8, 8, n_words=8) == 1


@pytest.mark.parametrize(
    ("scoring", "threshold"), [("default", 0.5), ("default", 10.0), ("npmi", 0.2), ("npmi", 0.7)]
)
@pytest.mark.parametrize("min_count", [1, 5])
def test_the_same_as_gensim(scoring, threshold, min_count):
    from gensim.models.phrases import Phrases as Theirs

    corpus = sentences_with_phrases(0.9)
    theirs = Theirs(corpus, min_count=min_count, threshold=threshold, scoring=scoring)
    ours = Phrases(min_count=min_count, threshold=threshold, scoring=scoring).fit(corpus)
    expected = {tuple(key.split("_")): score for key, score in theirs.export_phrases().items()}
    assert ours.phrases_.keys() == expected.keys()
    assert all(math.isclose(score, expected[pair]) for pair, score in ours.phrases_.items())
    assert list(ours.transform(corpus)) == [theirs[sentence] for sentence in corpus]


@pytest.mark.parametrize(("signal", "expected"), [(1.0, 2), (0.0, 0)])
def test_finds_phrases_where_there_are_some(signal, expected):
    found = Phrases(threshold=3.0).fit(sentences_with_phrases(signal)).phrases_
    assert len(found) == expected
    if expected:
        assert set(found) == {("new", "york"), ("ice", "cream")}


def test_a_file_gives_what_its_words_give(tmp_path, monkeypatch):
    lines = [" ".join(words).title() + ", don't—stop." for words in sentences_with_phrases(0.9)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    lists = [[*line[: line.rindex(",")].lower().split(), "don't", "stop"] for line in lines]
    options = {"min_count": 2, "threshold": 1.0}
    expected = Phrases(**options).fit(lists)
    assert ("don't", "stop") in expected.phrases_
    monkeypatch.setattr(reading, "PIECE_BYTES", 500)
    monkeypatch.setattr(counting, "MAX_DISTINCT", 100)
    for module in (counting, spill):
        monkeypatch.setattr(module, "ROWS", 50)
    found = Phrases(workers=2, **options).fit(path)
    assert found.phrases_ == expected.phrases_
    joined = found.transform(path)
    assert list(joined) == list(joined) == list(expected.transform(lists))
    monkeypatch.setattr(reading.TextCorpus, "is_large", True)
    assert Phrases(**options).fit(path).phrases_ == expected.phrases_


def test_the_result_can_be_a_corpus_again():
    """A second pass makes "new_york_city" of "new_york city"."""
    corpus = [[f"x{i % 7}", "new", "york", "city", f"y{i % 5}"] for i in range(100)]
    first = Phrases(min_count=30, threshold=0.1).fit(corpus).transform(corpus)
    second = Phrases(min_count=30, threshold=0.1).fit(first).transform(first)
    assert next(iter(first)) == ["x0", "new_york", "city", "y0"]
    assert list(second) == [[f"x{i % 7}", "new_york_city", f"y{i % 5}"] for i in range(100)]


def test_no_word_is_in_two_phrases():
    found = Phrases()
    found.phrases_ = {("a", "b"): 20.0, ("b", "c"): 30.0, ("a", "a"): 11.0}
    assert found.transform_one(["a", "b", "c", "a", "a", "a"]) == ["a_b", "c", "a_a", "a"]
    assert found.transform_one([]) == []


def test_what_is_saved_is_loaded(tmp_path):
    corpus = sentences_with_phrases(0.9)
    found = Phrases(threshold=1.0, delimiter=" ", min_count=3).fit(corpus)
    again = Phrases.load(found.save(tmp_path / "phrases.json"))
    assert list(again.phrases_.items()) == list(found.phrases_.items())
    assert list(again.transform(corpus)) == list(found.transform(corpus))
    assert (again.threshold, again.min_count, again.delimiter) == (1.0, 3, " ")
    found.phrases_["a", "b"] = object()  # nothing JSON can hold
    with pytest.raises(TypeError):
        found.save(tmp_path / "phrases.json")
    assert len(Phrases.load(tmp_path / "phrases.json").phrases_) == len(again.phrases_)
    assert [path.name for path in tmp_path.iterdir()] == ["phrases.json"]


def test_numbers_of_numpy(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("new york is a city\n" * 300_000)  # large: another process counts
    few = {"min_count": np.int64(2), "threshold": np.float32(0), "workers": np.int64(1)}
    again = Phrases.load(Phrases(**few).fit(path).save(tmp_path / "phrases.json"))
    assert (again.min_count, again.threshold) == (2, 0)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", b'{"kind": "sememe phrases", "version": 2}',
     b'{"kind": "sememe phrases", "version": 1, "parameters": {"a": 1}, "phrases": []}',
     b'{"kind": "sememe phrases", "version": 1, "parameters": {}, "phrases": [["a", "b"]]}'],
)  # fmt: skip
def test_broken_files(tmp_path, data):
    path = tmp_path / "phrases.json"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"phrases\.json"):
        Phrases.load(path)


def test_bad_input():
    with pytest.raises(InvalidInputError, match=r"Type: phrases\.fit"):
        Phrases().transform([["a"]])
    with pytest.raises(UnknownNameError, match="default, npmi"):
        Phrases(scoring="pmi").fit([["a"]])
    with pytest.raises(InvalidInputError, match="only once"):
        Phrases().fit(words for words in [["a"]])
    with pytest.raises(InvalidInputError, match="threshold='high'; give a number"):
        Phrases(threshold="high").fit([["a"]])
    with pytest.raises(InvalidInputError, match="threshold=nan"):
        Phrases(threshold=float("nan")).fit([["a"]])
    with pytest.raises(InvalidInputError, match="delimiter=''"):
        Phrases(delimiter="").fit([["a"]])
    with pytest.raises(InvalidInputError, match="is no file"):
        Phrases.load(".")
    assert phrases.SCORINGS == ("default", "npmi")
