"""Cross-validated classification: signal and noise, groups apart, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import InvalidInputError, UnknownNameError
from sememe.evaluate.data.folds import Folds
from sememe.evaluate.metrics.confusion import Confusion
from sememe.evaluate.runners.classification import evaluate_classification
from sememe.sources.datasets.labelled_data import Labelled
from tests.evaluate.audio_encoders import SetRows

FAST = {"resamples": 50}


def made(signal, *, n=120, classes=3, dim=8, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    rows = rng.standard_normal((n, dim)) + signal * rng.standard_normal((classes, dim))[y]
    names = [f"{i // 2 % 4}-{i}" for i in range(n)]
    data = Labelled(tuple(names), tuple(f"class {c}" for c in y), modality="audio")
    return SetRows(dict(zip(names, rows, strict=True))), data


@pytest.mark.parametrize("probe", ["linear", "kernel", "knn"])
@pytest.mark.parametrize(("signal", "floor", "ceiling"), [(6.0, 0.95, 1.0), (0.0, 0.15, 0.5)])
def test_accuracy_tracks_the_signal(probe, signal, floor, ceiling):
    encoder, data = made(signal)
    found = evaluate_classification(encoder, data, probe=probe, folds=Folds(pattern="^."), **FAST)
    assert floor <= found.metrics["accuracy"] <= ceiling
    assert 0.1 <= found.control["accuracy"] <= 0.55
    folds = [found.metrics[f"fold {i}"] for i in range(4)]
    assert found.metrics["accuracy"] == pytest.approx(np.mean(folds))
    low, high = found.intervals["accuracy"]
    assert low <= found.metrics["accuracy"] <= high
    assert (found.task, found.n, found.covered) == ("audio-classification", 120, 1.0)


def test_who_speaks_is_no_help_when_nobody_is_on_both_sides():
    """Each of six speakers says one word alone, and the vectors know the speaker alone."""
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(6), 12)
    rows = rng.standard_normal((6, 16))[speaker] * 4 + rng.standard_normal((72, 16))
    names = [f"{i}_{chr(97 + s)}_" for i, s in enumerate(speaker)]
    labels = tuple("word a" if s % 2 else "word b" for s in speaker)
    encoder = SetRows(dict(zip(names, rows, strict=True)))
    data = Labelled(tuple(names), labels, modality="audio")
    shared = evaluate_classification(encoder, data, folds=Folds(5), **FAST)
    apart = evaluate_classification(encoder, data, folds=Folds(groups="_(.)_"), **FAST)
    assert shared.metrics["accuracy"] > 0.95
    assert apart.metrics["accuracy"] < 0.7


def test_the_interval_is_over_groups_where_there_are_some():
    """Four of eight speakers are told right, the others by chance: 8 units say less than 160."""
    rng = np.random.default_rng(0)
    speaker, y = np.repeat(np.arange(8), 20), np.tile([0, 1], 80)
    rows = rng.standard_normal((160, 4)) + np.where(speaker < 4, 8, 0)[:, None] * (
        2 * y[:, None] - 1
    )
    names = tuple(range(160))
    labels, folds = tuple(map(str, y)), tuple(str(i % 3) for i in range(160))
    encoder = SetRows(dict(enumerate(rows)))
    single = Labelled(names, labels, modality="audio", folds=folds)
    grouped = Labelled(
        names, labels, modality="audio", folds=folds, groups=tuple(map(str, speaker))
    )
    one, other = (evaluate_classification(encoder, data, probe="knn") for data in (single, grouped))
    assert one.metrics["accuracy"] == pytest.approx(other.metrics["accuracy"], abs=0.05)
    assert np.diff(other.intervals["accuracy"]) > 1.5 * np.diff(one.intervals["accuracy"])


def test_what_is_chosen_is_chosen_by_whole_groups():
    """Each recording has a twin of the same speaker with its label, which for a quarter is wrong.

    Chosen among the same speakers, one neighbour is best: the twin. For another speaker it is right
    for 5/8, and many neighbours, who outvote the wrong labels, for 3/4.
    """
    rng = np.random.default_rng(0)
    speaker, kind = np.repeat(np.arange(8), 30), np.tile([0, 1], 120)
    rows = np.where(kind == 1, 1, -1)[:, None] + 0.2 * rng.standard_normal((240, 8))
    labels = np.where(rng.random(240) < 0.25, 1 - kind, kind)
    twice = [np.concatenate([one, one]) for one in (rows, labels, speaker)]
    told = tuple(map(str, twice[2]))
    encoder = SetRows(dict(enumerate(twice[0])))
    names, words = tuple(range(480)), tuple(map(str, twice[1]))
    alone = Labelled(names, words, modality="audio", folds=told)
    grouped = Labelled(names, words, modality="audio", folds=told, groups=told)
    one, many = (
        evaluate_classification(encoder, data, probe="knn", **FAST).metrics["accuracy"]
        for data in (alone, grouped)
    )
    assert one < 0.68 < 0.7 < many


def test_by_hand_which_classes_are_confused():
    """The two of b that lie among a are told to be a: 2 of 6; by the nearest, no other is wrong."""
    rows, labels = {}, []
    for i in range(6):
        rows[f"a{i}"] = [1, 0.01 * i]
        labels.append("a")
    for i in range(6):
        rows[f"b{i}"] = [0.01 * i, 1] if i > 1 else [1, 0.03 + 0.01 * i]
        labels.append("b")
    folds = tuple(str(i % 3) for i in range(12))
    data = Labelled(tuple(rows), tuple(labels), modality="audio", folds=folds)
    found = evaluate_classification(SetRows(rows), data, probe="knn", **FAST)
    assert found.confused[0] == Confusion("b", "a", 2, 6)
    assert found.to_dict()["confused"][0] == {"label": "b", "told": "a", "count": 2, "of": 6}


def test_what_cannot_be_asked_lowers_what_is_covered():
    encoder, data = made(6.0, n=60)
    del encoder.rows[data.items[0]]
    lonely = Labelled((*data.items, "9-x"), (*data.labels, "alone"), modality="audio")
    encoder.rows["9-x"] = np.ones(8, np.float32)
    found = evaluate_classification(encoder, lonely, folds=Folds(pattern="^."), **FAST)
    assert found.covered == pytest.approx(59 / 61)  # one is damaged, one is of a class by itself
    assert "fold 9" not in found.metrics


def test_other_encoders_probes_and_data_are_refused(random_encoder):
    encoder, data = made(1.0, n=12)
    with pytest.raises(InvalidInputError, match="an audio encoder"):
        evaluate_classification(random_encoder, data)
    with pytest.raises(UnknownNameError, match="probe='lin' is not one of linear, kernel, knn"):
        evaluate_classification(encoder, data, probe="lin")
    with pytest.raises(InvalidInputError, match="one class, x"):
        evaluate_classification(encoder, Labelled(data.items, ("x",) * 12, modality="audio"))
    with pytest.raises(InvalidInputError, match="no recording can be read: damaged"):
        evaluate_classification(
            encoder, Labelled(("p", "q") * 3, tuple("ab" * 3), modality="audio")
        )
