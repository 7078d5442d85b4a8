"""Folds: as data or names say, drawn with each class in all, and nobody on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.evaluate.data.folds import Folds
from sememe.sources.datasets.labelled_data import Labelled


def labelled(names, labels, **more):
    return Labelled(tuple(names), tuple(labels), modality="audio", **more)


def test_the_names_say():
    data = labelled(["d/2-a.wav", "d/1-b.wav", "2-c.wav"], "xyx")
    found = Folds(pattern="^.").of(data)
    assert found.fold.tolist() == [1, 0, 1]
    assert found.names == ("1", "2")
    assert found.group is None


def test_the_table_says_unless_something_else_is_told():
    data = labelled("abcd", "xxyy", folds=("1", "2", "1", "2"), groups=("p", "p", "q", "q"))
    assert Folds().of(data).fold.tolist() == [0, 1, 0, 1]
    assert Folds().of(data).group.tolist() == [0, 0, 1, 1]
    grouped = Folds(2).of(data).fold
    assert grouped[0] == grouped[1] != grouped[2] == grouped[3]


def test_a_fold_for_each_group_or_five_where_they_are_many():
    names = [f"{i}_{speaker}_1.wav" for i in range(3) for speaker in "abc"]
    found = Folds(groups="_(.)_").of(labelled(names, [name[0] for name in names]))
    assert found.names == ("a", "b", "c")
    assert found.fold.tolist() == [0, 1, 2] * 3 == found.group.tolist()
    names = [f"_{chr(97 + i)}_" for i in range(20)]
    many = Folds(groups="_(.)_").of(labelled(names, "xy" * 10))
    assert many.names == ("1", "2", "3", "4", "5")
    assert np.bincount(many.fold).tolist() == [4] * 5


def test_drawn_folds_are_even_in_each_class_and_follow_the_seed():
    labels = ["a"] * 13 + ["b"] * 7
    data = labelled(range(20), labels)
    fold = Folds(5).of(data, seed=3).fold
    for label, allowed in (("a", {2, 3}), ("b", {1, 2})):
        assert set(np.bincount(fold[np.array(labels) == label])) <= allowed
    assert set(np.bincount(fold)) == {4}
    assert (fold == Folds(5).of(data, seed=3).fold).all()
    assert (fold != Folds(5).of(data, seed=4).fold).any()


def test_no_group_is_on_both_sides_and_the_classes_stay_even():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 30, 600)
    labels = rng.integers(0, 4, 600)
    data = labelled(range(600), map(str, labels), groups=tuple(map(str, group)))
    fold = Folds(5).of(data, seed=1).fold
    assert all(len(set(fold[group == one])) == 1 for one in range(30))
    counts = np.array([np.bincount(labels[fold == i], minlength=4) for i in range(5)])
    assert counts.min() > 0.6 * counts.mean()


def test_by_hand_groups_go_where_the_classes_stay_even():
    """Groups of 6 a, 5 b, 4 b and 3 a: by size alone one fold would be all a, the other all b."""
    sizes = {"p": 6, "q": 5, "r": 4, "s": 3}
    groups = tuple(name for name, n in sizes.items() for _ in range(n))
    labels = ["b" if name in "qr" else "a" for name in groups]
    fold = Folds(2).of(labelled(range(18), labels, groups=groups)).fold
    of = {name: int(fold[groups.index(name)]) for name in sizes}
    assert of["p"] == of["r"] != of["q"] == of["s"]


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        (Folds(1), "folds=1 of 3 recordings"),
        (Folds(4), "no more than there are recordings"),
        (Folds(2, "^."), "give one of them"),
        (Folds(pattern="(a)"), "finds nothing in b"),
        (Folds(pattern="$"), "finds nothing in a, b, c"),
        (Folds(groups="(?=[abc])|[abc]|"), "finds nothing"),
        (Folds(5, groups="."), "folds=5 of 3 groups"),
    ],
)
def test_what_cannot_be_is_refused(folds, said):
    with pytest.raises(InvalidInputError, match=said):
        folds.of(labelled("abc", "xyx"))


def test_one_fold_and_one_group_are_none():
    with pytest.raises(InvalidInputError, match="all are in one group"):
        Folds(groups="^w").of(labelled(["wa", "wb"], "xy"))
    with pytest.raises(InvalidInputError, match="all are in fold '1'"):
        Folds().of(labelled("ab", "xy", folds=("1", "1")))
