"""Text classifiers: they learn, with controls that must not; they say what can be trusted."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe import CorruptFileError, InvalidInputError
from sememe.encoders.classify.text_classifier import TextModel
from sememe.evaluate.metrics.calibration import calibration_error
from sememe.train.classify_text.classes import encode_names, order_classes
from sememe.train.classify_text.classifier import TextClassifier
from sememe.train.classify_text.heads import Examples, pool_heads
from sememe.train.classify_text.learning import learn
from sememe.vectors.nearest import unit

GOOD = ("wonderful", "delightful", "brilliant", "moving", "훌륭한", "감동적인", "재미있는", "멋진")
BAD = ("dreadful", "boring", "clumsy", "tedious", "형편없는", "지루한", "어설픈", "끔찍한")
THINGS = ("film", "actor", "story", "ending", "music", "영화", "배우", "줄거리", "결말", "음악")


def make_reviews(words, things):
    korean = [f"정말 {word} {thing}였다" for word in words[4:] for thing in things[5:]]
    english = [f"a {word} {thing}, I must say" for word in words[:4] for thing in things[:5]]
    return [*english, *korean]


TEXTS = [*make_reviews(GOOD, THINGS), *make_reviews(BAD, THINGS)]
LABELS = ["긍정"] * (len(TEXTS) // 2) + ["부정"] * (len(TEXTS) // 2)
NEW = [
    "the book was charming",
    "a waste of an evening",
    "최고의 하루였다",
    "최악이었다, 다시는 안 본다",
]
ANSWERS = ["긍정", "부정", "긍정", "부정"]


@pytest.fixture(scope="module")
def classifier():
    return TextClassifier().fit((TEXTS, LABELS))


def test_it_learns_what_shuffled_labels_do_not_teach(classifier):
    report = classifier.report_
    assert classifier.predict(NEW) == ANSWERS
    assert report.accuracy > 0.95 > 0.75 > report.control
    assert report.n_train == {"긍정": 40, "부정": 40}
    assert report.n_held == len(TEXTS)
    shuffled = np.random.default_rng(3).permutation(LABELS).tolist()
    control = TextClassifier().fit((TEXTS, shuffled)).report_
    assert control.accuracy < 0.7
    assert any("nothing can be learnt" in note for note in control.notes)
    assert not any("nothing can be learnt" in note for note in report.notes)


def test_names_lead_where_there_are_few_examples():
    few = ["there are two chairs", "there are three chairs", "의자가 둘 있다", "의자가 셋 있다"]
    labels = ["positive", "negative", "positive", "negative"]
    named = TextClassifier().fit((few, labels))
    blind = TextClassifier().fit((few, ["1", "2", "1", "2"]))
    wanted = np.array(LABELS) == "긍정"
    by_name = np.mean((np.array(named.predict(TEXTS)) == "positive") == wanted)
    by_number = np.mean((np.array(blind.predict(TEXTS)) == "1") == wanted)
    assert by_name > 0.9 > 0.75 > by_number
    assert named.report_.parts.keys() == {"vectors and names"}


def test_names_that_mean_nothing_are_not_used():
    encoder = sememe.load("use-multilingual-v3")
    assert encode_names(encoder, ["1", "2"]) is None
    assert encode_names(encoder, ["a", "b"]) is None
    np.testing.assert_allclose(
        encode_names(encoder, ["very_good", "bad"]), encoder.encode(["very good", "bad"])
    )


def test_a_saved_classifier_gives_the_same_answers(classifier, tmp_path):
    folder = classifier.save(tmp_path / "mine")
    again = TextClassifier.load(folder)
    assert again.labels == classifier.labels == ("긍정", "부정")
    np.testing.assert_allclose(again.predict_proba(NEW), classifier.predict_proba(NEW), atol=1e-3)
    assert again.predict_sets(NEW, error=0.2) == classifier.predict_sets(NEW, error=0.2)
    with pytest.raises(InvalidInputError, match="was loaded, not trained here"):
        again.save(tmp_path / "other")
    assert TEXTS[0] not in (folder / "sememe.json").read_text(encoding="utf-8")
    (folder / "weights.npz").write_bytes((folder / "weights.npz").read_bytes()[:-9])
    with pytest.raises(CorruptFileError, match="does not match its hash"):
        TextClassifier.load(folder)


def test_the_parts_that_decided_come_first(classifier):
    text = "Yesterday we saw a dreadful film"
    reasons = classifier.explain(text)
    assert reasons[0].text == "dreadful"
    assert text[reasons[0].start : reasons[0].end] == "dreadful"
    assert reasons[0].change > 0.1 > reasons[-1].change
    long = "We met at noon and talked about the weather for a while. " * 4
    first = classifier.explain(f"{long}It was a wonderful and moving film.")[0]
    assert first.text == "It was a wonderful and moving film."


def test_a_wrong_label_is_the_first_suspect():
    labels = list(LABELS)
    labels[7] = "부정"
    report = TextClassifier().fit((TEXTS, labels)).report_
    first = report.suspects[0]
    assert (first.row, first.text, first.label, first.told) == (7, TEXTS[7], "부정", "긍정")
    assert first.probability < 0.5


def test_text_unlike_the_examples_is_told(classifier):
    strange = ["0x7f3a 0x0041 ff ff ff 9c", "print(x) ; return 3 # todo"]
    assert classifier.find_unfamiliar(strange).all()
    assert not classifier.find_unfamiliar(["a wonderful actor, I must say"]).any()


def test_whole_numbers_in_a_row_are_grades():
    assert order_classes(["3", "1", "2"]) == (("1", "2", "3"), True)
    assert order_classes(["1", "2"]) == (("1", "2"), False)
    assert order_classes(["1", "2", "4"]) == (("1", "2", "4"), False)
    assert order_classes(["high", "low"], ["low", "high"]) == (("low", "high"), True)
    with pytest.raises(InvalidInputError, match="but the labels are high, low"):
        order_classes(["high", "low"], ["low", "top"])


def make_line(n, *, classes, noise, seed=0):
    """Vectors on an arc, whose angle grows with the grade, and noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    angle = (y + rng.normal(0, noise, n)) / classes * 1.5
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    return vectors, y


def learn_line(vectors, y, classes, *, ordered):
    data = Examples([""] * len(y), vectors, y, None, classes, ordered)
    learnt = learn(data, np.random.default_rng(7).permutation(len(y)) % 5)
    own = learnt.probabilities[np.arange(len(learnt.held)), y[learnt.held]]
    encoder = sememe.load("use-multilingual-v3")
    labels, misfits = "abcdefgh"[:classes], np.sort(1 - own)
    model = TextModel(encoder, learnt.heads, labels, misfits=misfits, known=vectors, familiar=0)
    return learnt, model


def test_grades_that_are_learnt_in_order_are_nearer():
    """The grade is one of 30 dimensions, the others are noise; 16 examples of each."""
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 5
    vectors = rng.normal(0, 1, (2000, 30)).astype(np.float32)
    vectors[:, 0] = y - 2 + rng.normal(0, 0.5, 2000)
    vectors = unit(vectors)
    train, test = slice(80), slice(80, None)
    away = {}
    for ordered in (True, False):
        learnt, _ = learn_line(vectors[train], y[train], 5, ordered=ordered)
        likely = learnt.heads.probabilities(vectors[test], [""] * 1920)
        np.testing.assert_allclose(likely.sum(axis=1), 1, atol=1e-5)
        away[ordered] = np.abs(likely.argmax(axis=1) - y[test]).mean()
    assert away[True] < 0.9 * away[False] < 1.2  # by chance 1.6


def test_sets_hold_the_true_label_as_often_as_is_said():
    vectors, y = make_line(2400, classes=4, noise=1.0)
    train, test = np.arange(2400) < 800, np.arange(2400) >= 800
    learnt, model = learn_line(vectors[train], y[train], 4, ordered=False)
    likely = learnt.heads.probabilities(vectors[test], [""] * 1600)
    sizes = []
    for error in (0.05, 0.1, 0.3):
        sets = model.choose_sets(likely, error=error)
        held = np.mean(["abcd"[i] in own for i, own in zip(y[test].tolist(), sets, strict=True)])
        assert held == pytest.approx(1 - error, abs=0.03)
        sizes.append(np.mean(list(map(len, sets))))
    assert 4 > sizes[0] > sizes[1] > sizes[2] > 0
    with pytest.raises(InvalidInputError, match="error=1"):
        model.choose_sets(likely, error=1)


def test_pooling_trusts_the_head_that_tells_more():
    """One head's logits follow the class, the other's are noise: its weight falls to nothing."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    useful = np.eye(2)[y] * 2 + rng.normal(0, 1, (400, 2))
    noise = rng.normal(0, 1, (400, 2))
    pool = pool_heads([useful.astype(np.float32), noise.astype(np.float32)], y, ordered=False)
    assert pool.weights[0] > 5 * pool.weights[1]
    assert np.abs(pool.bias).max() < 0.2


def test_probabilities_of_grades_are_made_true():
    vectors, y = make_line(2000, classes=5, noise=0.8)
    learnt, _ = learn_line(vectors, y, 5, ordered=True)
    right = learnt.probabilities.argmax(axis=1) == y[learnt.held]
    assert calibration_error(learnt.probabilities.max(axis=1), right) < 0.04
    assert 0.5 < learnt.heads.pool.power < 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((["a b", "c d"], ["x", "x"]), "one class, x"),
        ((["a b", "c d"], ["x", "y"]), "too few to measure with"),
        ((["", " "], ["x", "y"]), "no text with a label"),
        ("/no/such/folder", "folder"),
    ],
)
def test_what_cannot_be_learnt_from_is_told(data, said):
    with pytest.raises(InvalidInputError, match=said):
        TextClassifier("use-multilingual-v3").fit(data)


def test_labels_that_were_not_learnt_are_counted(classifier):
    more = (["a clumsy story, I must say", "neither this nor that"], ["부정", "중립"])
    report = TextClassifier().fit((TEXTS, LABELS), evaluate=more).report_
    assert report.n_held == 1
    assert "held out: label 중립 is not learnt; texts left out: 1" in report.notes
    with pytest.raises(InvalidInputError, match="Name them alike"):
        TextClassifier("use-multilingual-v3").fit((TEXTS, LABELS), evaluate=(["a"], ["b"]))


def test_of_a_long_text_the_beginning_is_read(classifier):
    long = "a wonderful film, I must say. " + "word " * 50_000
    np.testing.assert_allclose(
        classifier.predict_proba([long]), classifier.predict_proba([long[:20_000]])
    )
    report = TextClassifier("use-multilingual-v3").fit(([*TEXTS, long], [*LABELS, "긍정"])).report_
    assert "texts of which only the first 20,000 characters are read: 1" in report.notes


def test_nothing_fitted_and_empty_texts(classifier):
    with pytest.raises(InvalidInputError, match="Call fit first"):
        TextClassifier().predict(["a"])
    with pytest.raises(CorruptFileError, match="text is empty"):
        classifier.predict(["a", " "])
    assert classifier.predict_proba([]).shape == (0, 2)
    with pytest.raises(InvalidInputError, match="empty"):
        classifier.explain(" ")
