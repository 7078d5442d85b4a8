"""Nearest of the same class: figures worked by hand, chance, groups left out."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.evaluate import average_precision, run_task
from sememe.evaluate.runners.class_retrieval import evaluate_class_retrieval, measure_by_class
from sememe.sources.datasets.labelled_data import Labelled
from tests.evaluate.audio_encoders import SetRows
from tests.made_sounds import folder_of_sounds

ANGLES = [0, 10, 15, 25, 90]  # degrees, on a circle: cosines fall with the difference


def rows():
    turn = np.deg2rad(ANGLES)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)


def test_worked_by_hand():
    """Classes a b a a b. Of 0° (a) the answers in order are 10 b, 15 a, 25 a, 90 b:

    precision@1 0, @5 2/4 (four answers), average precision (1/2 + 2/3) / 2. Of 90° (b): 25 a, 15 a,
    10 b, 0 a: 0, 1/4, 1/3.
    """
    found = measure_by_class(rows(), np.array([0, 1, 0, 0, 1]), np.arange(5))
    np.testing.assert_allclose(found[0], [0, 0.5, (1 / 2 + 2 / 3) / 2], atol=1e-12)
    np.testing.assert_allclose(found[4], [0, 0.25, 1 / 3], atol=1e-12)
    known = average_precision({"q": {"1": 4, "2": 3, "3": 2, "4": 1}}, {"q": {"2": 1, "3": 1}})
    assert found[0, 2] == pytest.approx(known)


def test_the_own_group_is_no_answer():
    """With 0° and 15° of one group, 0° has 10 b, 25 a, 90 b: average precision 1/2."""
    group = np.array([0, 1, 0, 2, 3])
    found = measure_by_class(rows(), np.array([0, 1, 0, 0, 1]), group)
    np.testing.assert_allclose(found[0], [0, 1 / 3, 1 / 2], atol=1e-12)
    alone = measure_by_class(rows(), np.array([0, 1, 0, 2, 1]), group)
    assert np.isnan(alone[0]).all() and np.isnan(alone[3]).all()
    assert not np.isnan(alone[1]).any()


def labelled(labels, **more):
    return Labelled(tuple("vwxyz"), tuple(labels), modality="audio", **more)


def test_what_has_nothing_to_find_lowers_what_is_covered():
    encoder = SetRows(dict(zip("vwxy", rows(), strict=False)))
    found = evaluate_class_retrieval(encoder, labelled("abaca"))  # z is damaged, b and c alone
    assert (found.covered, found.n) == (0.4, 5)
    with pytest.raises(InvalidInputError, match="no recording has another of its class in another"):
        evaluate_class_retrieval(encoder, labelled("aabbc", groups=tuple("ppqqr")))
    grouped = evaluate_class_retrieval(encoder, labelled("aabbc"), groups=".")
    assert grouped.covered == 0.8


@pytest.mark.parametrize(("signal", "floor", "ceiling"), [(5.0, 0.95, 1.0), (0.0, 0.1, 0.4)])
def test_precision_tracks_the_signal_and_the_control_does_not(signal, floor, ceiling):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    x = rng.standard_normal((200, 12)) + signal * rng.standard_normal((4, 12))[y]
    data = Labelled(tuple(range(200)), tuple(map(str, y)), modality="audio")
    found = evaluate_class_retrieval(SetRows(dict(enumerate(x))), data, resamples=50)
    assert floor <= found.metrics["precision@1"] <= ceiling
    assert 0.1 <= found.control["precision@1"] <= 0.4
    assert found.control["mean_average_precision"] == pytest.approx(0.25, abs=0.06)


def test_files_are_read_and_measured(tmp_path):
    import sememe

    folder = folder_of_sounds(tmp_path, 8)
    encoder = sememe.load("mel-statistics")
    found = run_task("audio-retrieval", encoder, folder, resamples=20)
    assert found.metrics["precision@1"] > 0.9 > found.control["precision@1"]
    told = run_task("audio-classification", encoder, folder, resamples=20)
    assert told.metrics["accuracy"] > 0.9 > told.control["accuracy"]
