"""Probes: numbers by hand, other implementations, meaning with a control, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from sememe._errors import InvalidInputError, UnknownNameError
from sememe.evaluate.runners.few_shot import PROBES, draw_shots, few_shot, new_probe
from sememe.space.kernel_probe import KernelProbe
from sememe.space.linear_probe import LinearProbe
from sememe.space.neighbour_probe import NeighbourProbe
from sememe.space.probe import Standard, fit_standard, split_folds, standardize, take_root


def clusters(n, seed=0, *, classes=3, dim=12, spread=1.0):
    """Rows around a direction for each class, and labels in turn."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(classes, dim)) * 1.5
    labels = np.arange(n) % classes
    rows = middles[labels] + spread * rng.normal(size=(n, dim))
    return rows.astype(np.float32), labels


@pytest.mark.parametrize("kind", PROBES)
def test_it_learns_and_shuffled_labels_do_not(kind):
    rows, labels = clusters(300)
    asked, truth = clusters(300, seed=1)
    told = new_probe(kind).fit(rows, labels).probabilities(asked)
    assert told.shape == (300, 3)
    np.testing.assert_allclose(told.sum(1), 1, atol=1e-5)
    assert (told.argmax(1) == truth).mean() > 0.9
    wrong = np.random.default_rng(0).permutation(labels)
    lost = new_probe(kind).fit(rows, wrong).probabilities(asked).argmax(1)
    assert (lost == truth).mean() < 0.5


@pytest.mark.parametrize("kind", PROBES)
def test_what_was_learnt_can_be_put_away_and_taken_up(kind):
    rows, labels = clusters(60)
    probe = new_probe(kind).fit(rows, labels)
    again = type(probe).of({name: np.array(x) for name, x in probe.arrays().items()})
    np.testing.assert_array_equal(again.probabilities(rows), probe.probabilities(rows))


@pytest.mark.parametrize("kind", PROBES)
def test_rows_are_told_one_by_one_as_all_together(kind):
    rows, labels = clusters(50, classes=2)
    probe = new_probe(kind).fit(rows, labels)
    one_by_one = np.concatenate([probe.probabilities(row[None]) for row in rows])
    np.testing.assert_allclose(one_by_one, probe.probabilities(rows), atol=1e-5)
    assert probe.probabilities(rows[:0]).shape == (0, 2)


@pytest.mark.parametrize("kind", PROBES)
def test_one_class_or_a_gap_is_refused(kind):
    rows, _ = clusters(6)
    for labels in (np.zeros(6, np.int64), np.array([0, 2] * 3)):
        with pytest.raises(InvalidInputError, match="at least two"):
            new_probe(kind).fit(rows, labels)


def test_the_linear_probe_minimises_its_loss():
    """By the gradient: at the minimum, mean cross-entropy + λ/2 |W|² has slope 0 in W and bias."""
    rows, labels = clusters(90, spread=2.0)
    probe = LinearProbe(regularization=0.1).fit(rows, labels)
    learnt = probe.arrays()
    x = standardize(rows, Standard.among(learnt)).astype(np.float64)
    wrong = probe.probabilities(rows) - np.eye(3)[labels]
    np.testing.assert_allclose(wrong.T @ x / 90 + 0.1 * learnt["weight"], 0, atol=2e-3)
    np.testing.assert_allclose(wrong.mean(0), 0, atol=2e-3)


def test_of_two_classes_the_linear_probe_is_logistic():
    rows, labels = clusters(40, classes=2)
    probe = LinearProbe(regularization=1.0).fit(rows, labels)
    learnt = probe.arrays()
    assert not learnt["weight"][0].any()
    x = standardize(rows, Standard.among(learnt))
    second = 1 / (1 + np.exp(-(x @ learnt["weight"][1] + learnt["bias"][1])))
    np.testing.assert_allclose(probe.probabilities(rows)[:, 1], second, atol=1e-5)


def test_the_penalty_is_chosen_by_what_is_held_out():
    """Of equals the strongest is taken; what only the difference of two like columns tells needs
    large weights, so a weak one."""
    easy = LinearProbe().fit(*clusters(200, spread=0.3))
    assert (easy.regularization_, easy.held_out_) == (10.0, 1.0)
    rng = np.random.default_rng(0)
    common, side = rng.normal(5, 1, 400), rng.normal(0, 0.2, 400)
    rows = np.stack([common + side, common - side, np.full(400, 20.0)], 1).astype(np.float32)
    hard = LinearProbe().fit(rows, (side > 0).astype(np.int64))
    assert hard.regularization_ < 1
    assert hard.held_out_ > 0.9


def test_the_kernel_probe_is_gaussian_process_regression():
    """Parity with scikit-learn's: its mean for targets less their mean, of the same kernel."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    rows, labels = clusters(40)
    asked, _ = clusters(20, seed=5)
    probe = KernelProbe().fit(rows, labels)
    learnt = probe.arrays()

    def points(x):
        found = standardize(x, Standard.among(learnt))
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    kernel = RBF(length_scale=(2 * probe.width_) ** -0.5)  # exp(-d² / 2 l²)
    theirs = GaussianProcessRegressor(kernel, alpha=probe.ridge_, optimizer=None)
    targets = np.eye(3)[labels]
    scores = theirs.fit(points(rows), targets - targets.mean(0)).predict(points(asked))
    expected = np.exp(float(learnt["sharp"]) * scores)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(probe.probabilities(asked), expected, atol=1e-4)


def test_neighbours_vote_by_hand():
    """Cosines 1, 0.8 and 0.6 to examples of classes 0, 1, 1: votes 1, e^(-.2/.07), e^(-.4/.07)."""
    examples = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
    probe = NeighbourProbe(k=3).fit(examples, np.array([0, 1, 1]))
    against = np.exp(-0.2 / 0.07) + np.exp(-0.4 / 0.07)
    told = probe.probabilities(np.array([[2, 0]], np.float32))
    np.testing.assert_allclose(told, [[1 / (1 + against), against / (1 + against)]], rtol=1e-4)


def test_k_is_chosen_by_asking_each_example_of_the_others():
    """Pairs of one class at the same place, and far from all else: 1 is right, 3 would not be."""
    angles = np.repeat(np.arange(6) * np.pi / 3, 2)
    rows = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    labels = np.repeat(np.arange(6) % 2, 2)
    probe = NeighbourProbe().fit(rows, labels)
    assert (probe.k_, probe.held_out_) == (1, 1.0)


def test_roots_keep_signs_and_length():
    found = take_root(np.array([[9.0, -16.0], [0.0, 0.0]], np.float32), np.zeros(2, np.float32))
    np.testing.assert_allclose(found[0], np.array([3, -4]) / 5, atol=1e-6)
    assert not found[1].any()


def test_a_column_that_never_changes_does_no_harm():
    rows, labels = clusters(30)
    rows = np.hstack([rows, np.zeros((30, 1), np.float32)])
    assert np.isfinite(standardize(rows, fit_standard(rows))).all()
    assert np.isfinite(LinearProbe().fit(rows, labels).probabilities(rows)).all()


def test_folds_hold_out_each_example_once_and_every_class_stays():
    labels = np.array([0] * 7 + [1] * 2 + [2])
    held = []
    for learnt, aside in split_folds(labels):
        assert set(labels[learnt]) == {0, 1, 2}
        assert not set(learnt) & set(aside)
        held += aside.tolist()
    assert sorted(held) == list(range(9))  # the one example of a class is only learnt from
    assert len(list(split_folds(np.arange(4000) % 2))) == 1


def test_more_shots_tell_more_and_shuffled_ones_do_not():
    rows, labels = clusters(300, spread=3.0)
    aside = clusters(300, seed=1, spread=3.0)
    one, many = (few_shot(rows, labels, aside=aside, shots=n, draws=6) for n in (1, 40))
    assert one.mean < many.mean
    assert many.control < 0.5 < many.mean
    assert len(one.accuracies) == 6 and one.deviation > 0
    assert one == few_shot(rows, labels, aside=aside, shots=1, draws=6)


def test_few_shot_refuses_what_there_is_not():
    rows, labels = clusters(30)
    with pytest.raises(InvalidInputError, match="10 or fewer"):
        few_shot(rows, labels, aside=(rows, labels), shots=11)
    with pytest.raises(InvalidInputError, match="1 or more"):
        few_shot(rows, labels, aside=(rows, labels), shots=0)
    with pytest.raises(UnknownNameError, match="probe"):
        new_probe("prob")
    with pytest.raises(InvalidInputError, match="above 0"):
        LinearProbe(regularization=0).fit(rows, labels)


def test_a_draw_has_as_many_of_each_class():
    labels = np.array([0] * 9 + [1] * 4)
    places = draw_shots(labels, 3, np.random.default_rng(0))
    assert len(set(places.tolist())) == 6
    assert np.bincount(labels[places]).tolist() == [3, 3]
