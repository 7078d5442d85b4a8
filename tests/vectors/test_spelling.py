"""Strings one letter away from keys: found exactly, and given vectors near what they were for."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.text.ngrams import Ngrams, spell
from sememe.vectors.keyed import KeyedVectors, SubwordVectors
from sememe.vectors.spelling import Spellings

KEYS = ["history", "hostel", "far", "for", "a", "강아지", "고양이", "😀😀", ""]


def one_letter_apart(a: str, b: str) -> bool:
    """The definition, letter by letter: replaced, added, left out, or neighbours swapped."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) == len(b):
        differ = [i for i in range(len(a)) if a[i] != b[i]]
        swapped = len(differ) == 2 and differ[1] == differ[0] + 1
        return len(differ) <= 1 or (
            swapped and a[differ[0]] == b[differ[1]] != b[differ[0]] == a[differ[1]]
        )
    long, short = (a, b) if len(a) > len(b) else (b, a)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def near(spellings: Spellings, words: list[str]) -> set[tuple[int, int]]:
    return {(int(w), int(r)) for w, r in zip(*spellings.near(words), strict=True)}


@pytest.mark.parametrize("jamo", [False, True])
def test_all_pairs_one_letter_apart_are_found_and_no_wild_ones(jamo):
    rng = np.random.default_rng(0)
    alphabet = list("abㄱㅏ가각나")
    made = ["".join(rng.choice(alphabet, size=rng.integers(1, 6))) for _ in range(300)]
    words = list(dict.fromkeys(made))
    found = near(Spellings(words, jamo=jamo), words)
    letters = spell if jamo else str
    right = {
        (i, j)
        for i, a in enumerate(words)
        for j, b in enumerate(words)
        if one_letter_apart(letters(a), letters(b))
    }
    assert right <= found
    for i, j in found - right:  # one letter moved by one place: two neighbours replaced at most
        a, b = letters(words[i]), letters(words[j])
        assert len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 2
    assert len(found) < len(words) ** 2 / 4


def test_what_has_no_letters_or_too_many():
    spellings = Spellings(KEYS, jamo=True)
    strange = ["", "x" * 5000, "\ud800", "😀", "histor", "강아쥐", "이양고"]
    assert near(spellings, strange) == {(2, 4), (3, 4), (3, 7), (4, 0), (5, 5)}
    assert near(spellings, []) == set()
    assert near(Spellings([], jamo=False), ["a"]) == set()


def made_vectors(spelling: bool) -> SubwordVectors:
    """Words with random vectors and n-grams that say nothing about them."""
    rng = np.random.default_rng(1)
    letters = list("abcdefghij")
    keys = list(dict.fromkeys("".join(rng.choice(letters, size=8)) for _ in range(3000)))
    return SubwordVectors(
        keys,
        rng.normal(size=(len(keys), 20)),
        ngrams=rng.normal(size=(500, 20)),
        subwords=Ngrams(3, 6, buckets=500),
        counts=np.arange(len(keys), 0, -1),
        spelling=spelling,
    )


@pytest.mark.parametrize(("spelling", "low", "high"), [(True, 0.95, 1.0), (False, 0.0, 0.05)])
def test_a_slip_keeps_its_word_near(spelling, low, high):
    """Without the spelling the n-grams, random here, find nothing: the control."""
    vectors = made_vectors(spelling)
    words = list(vectors.keys[:200])
    slips = [word[:3] + "z" + word[4:] for word in words]
    found = vectors.most_similar_of_many(slips, k=10)
    hit = [word in dict(near) for word, near in zip(words, found, strict=True)]
    assert low <= np.mean(hit) <= high


def test_frequent_words_count_more_and_lengths_stay():
    vectors = SubwordVectors(
        ["cart", "care"],
        [[1.0, 0], [0, 1.0]],
        ngrams=np.full((50, 2), 0.5),
        subwords=Ngrams(3, 3, buckets=50),
        counts=[400, 100],
        spelling=True,
    )
    got = vectors["carp"]
    pull = np.array([20, 10]) / np.hypot(20, 10)  # the roots of 400 and 100, by hand
    expected = np.array([1, 1]) / np.sqrt(2) + 2 * pull
    assert got / np.linalg.norm(got) == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert np.linalg.norm(got) == pytest.approx(
        np.linalg.norm(vectors.compose(["carp"])) * np.linalg.norm(expected), rel=1e-5
    )


def test_the_same_alone_and_in_a_batch_and_after_loading(tmp_path):
    vectors = made_vectors(spelling=True)
    slips = [word[1:] for word in vectors.keys[:50]] + ["", "\ud800", "zzzz"]
    rows = vectors.rows(slips)
    assert np.isfinite(rows).all() and rows.any(axis=1).all()
    for word, row in zip(slips, rows, strict=True):
        assert vectors[word] == pytest.approx(row, abs=1e-6)
    loaded = KeyedVectors.load(vectors.save(tmp_path / "v"))
    assert isinstance(loaded, SubwordVectors) and loaded.spelling
    assert loaded.rows(slips) == pytest.approx(rows, abs=1e-6)
