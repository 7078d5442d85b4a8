"""Zero-shot classification: the formula, texts whose class is known, pictures, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe import CorruptFileError, InvalidInputError, SpaceMismatchError
from sememe.tasks.zero_shot import CAPTIONS, CAPTIONS_KO, ZeroShot
from tests.models.clip import checkpoints as small

LABELS = ["cat", "dog", "고양이"]
TOPICS = {
    "cooking": ["Simmer the bones overnight and salt the broth.", "양파를 볶다가 된장을 푼다."],
    "sports": ["The striker scored in the last minute.", "투수가 한 점도 주지 않고 이겼다."],
    "weather": ["Heavy rain and snow are expected tonight.", "내일은 비가 그치고 맑겠다."],
    "finance": ["The central bank raised interest rates.", "은행들이 대출 금리를 올렸다."],
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A small CLIP: the text encoder and the image encoder."""
    return sememe.load_encoders(str(small.write(tmp_path_factory.mktemp("clip") / "m")), threads=1)


def pictures(n=4):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (30, 40, 3), dtype=np.uint8) for _ in range(n)]


def test_probabilities_are_the_formula(pair):
    """Average the templates, bring to unit length, softmax of scale times cosine."""
    texts, images = pair
    templates = ["a photo of a {}.", "{}!"]
    judge = ZeroShot(images, texts, LABELS, templates=templates, scale=7.0)
    rows = []
    for label in LABELS:
        mean = texts.encode([t.replace("{}", label) for t in templates]).mean(axis=0)
        rows.append(mean / np.linalg.norm(mean))
    expected = []
    for picture in images.encode(pictures()):
        powers = [np.exp(7.0 * float(picture @ row)) for row in rows]
        expected.append([power / sum(powers) for power in powers])
    np.testing.assert_allclose(judge.probabilities(pictures()), expected, atol=1e-5)
    for row, best in zip(expected, judge.classify(pictures(), k=2), strict=True):
        order = np.argsort(row)[::-1]
        assert [guess.label for guess in best] == [LABELS[j] for j in order[:2]]
        assert best[0].probability == pytest.approx(row[order[0]], abs=1e-5)


def test_the_scale_is_what_training_learnt(pair):
    """It makes surer and orders nothing anew."""
    texts, images = pair
    judge = ZeroShot(images, texts, LABELS)
    assert judge.scale == pytest.approx(np.exp(3.0))
    softer = ZeroShot(images, texts, LABELS, scale=1.0)
    sure, soft = judge.probabilities(pictures()), softer.probabilities(pictures())
    np.testing.assert_array_equal(sure.argsort(axis=1), soft.argsort(axis=1))
    assert (sure.max(axis=1) > soft.max(axis=1)).all()
    np.testing.assert_allclose(sure.sum(axis=1), 1, atol=1e-5)


def test_usual_templates_go_by_encoder_and_script(pair, encoder):
    texts, images = pair
    usual = ZeroShot(images, texts, LABELS).vectors
    told = [CAPTIONS, CAPTIONS, CAPTIONS_KO]
    for label, templates, row in zip(LABELS, told, usual, strict=True):
        named = ZeroShot(images, texts, [label, "other"], templates=templates)
        np.testing.assert_allclose(row, named.vectors[0], atol=1e-6)
    plain = ZeroShot(encoder, encoder, LABELS)  # which learnt nothing from captions
    np.testing.assert_allclose(plain.vectors, encoder.encode(LABELS), atol=1e-6)
    assert plain.scale == 10


def test_texts_of_known_classes(encoder):
    """Labels that say what the texts are of; labels that change places are the control."""
    texts = [text for some in TOPICS.values() for text in some]
    truth = [label for label, some in TOPICS.items() for _ in some]

    def share(labels):
        names = dict(zip(labels, TOPICS, strict=True))
        found = ZeroShot(encoder, encoder, labels).classify(texts, k=1)
        told = [names[best[0].label] for best in found]
        return np.mean([one == true for one, true in zip(told, truth, strict=True)])

    assert share(list(TOPICS)) >= 0.875
    assert share(["요리", "스포츠", "날씨", "금융"]) >= 0.875
    assert share(["finance", "weather", "sports", "cooking"]) <= 0.125


def drawn(kind):
    """Pictures that an image network has an opinion of."""
    rows, columns = np.mgrid[:224, :224]
    match kind:
        case "checks":
            on = (rows // 28 + columns // 28) % 2
        case "stripes":
            on = (columns // 14) % 2
        case "ring":
            on = np.abs(np.hypot(rows - 112, columns - 112) - 80) < 12
        case _:
            on = (np.hypot(rows % 32 - 16, columns % 32 - 16) < 9).astype(int)
    return np.where(on[..., None], [250, 240, 20], [20, 40, 130]).astype(np.uint8)


def test_pictures_by_conse(encoder):
    """What the network itself names is preferred to names far down its list."""
    network = sememe.load("efficientnet-lite0", threads=2)
    images = sememe.load("efficientnet-lite0:conse", threads=2)
    shown = [drawn(kind) for kind in ("checks", "stripes", "ring", "dots")]
    order = np.argsort(-network.probabilities(shown), axis=1)
    right = 0
    for picture, row in zip(shown, order, strict=True):
        own, far = network.labels[row[0]], [network.labels[j] for j in row[[600, 700, 800, 900]]]
        judge = ZeroShot(images, encoder, [*far, own])
        right += judge.classify([picture], k=1)[0][0].label == own
    assert right >= 3
    found, reasons = ZeroShot(images, encoder, LABELS).classify_with_failures([b"none"])
    assert found == [[]] and list(reasons) == [0]


def test_pictures_that_cannot_be_read(pair):
    texts, images = pair
    judge = ZeroShot(images, texts, LABELS)
    shown = [pictures()[0], b"none", pictures()[1]]
    found, reasons = judge.classify_with_failures(shown, k=1)
    assert list(reasons) == [1] and found[1] == []
    assert found[0][0].label == judge.classify(shown[:1], k=1)[0][0].label
    assert found[2][0].label == judge.classify(shown[2:], k=1)[0][0].label
    with pytest.raises(CorruptFileError, match="item 1"):
        judge.classify(shown)
    assert judge.classify_with_failures([b"none"]) == ([[]], {0: reasons[1]})
    assert judge.classify([]) == [] and judge.classify_with_failures([]) == ([], {})


def test_ties_go_by_place(pair):
    """ "cat" and "CAT" are one for CLIP's tokenizer: equal scores, and the first comes first."""
    texts, images = pair
    for labels in (["cat", "CAT"], ["CAT", "cat"]):
        best = ZeroShot(images, texts, labels, templates=["{}"]).classify(pictures(1))[0]
        assert [guess.label for guess in best] == labels
        assert best[0].probability == pytest.approx(0.5)


def test_encoders_of_different_spaces_are_refused(pair, encoder):
    texts, images = pair
    for one, two in ((images, encoder), (sememe.load("efficientnet-lite0"), encoder)):
        with pytest.raises(SpaceMismatchError, match=r"different spaces.*load_encoders"):
            ZeroShot(one, two, LABELS)
    with pytest.raises(InvalidInputError, match="encodes image; the labels need"):
        ZeroShot(images, images, LABELS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["cat"]}, r"labels=\['cat'\]; give two or more"),
        ({"labels": []}, "give two or more"),
        ({"labels": ["cat", " "]}, "label 1 is empty"),
        ({"labels": ["cat", "dog", " cat "]}, "labels 0 and 2 are both 'cat'"),
        ({"labels": ["가", "\u1100\u1161"]}, "labels 0 and 1"),
        ({"labels": "cat"}, "takes a list of texts"),
        ({"labels": ["cat", 3]}, "item 1 is int"),
        ({"templates": "a {}"}, "is one str"),
        ({"templates": []}, r"templates=\[\]"),
        ({"templates": ["a photo"]}, "no place for the label"),
        ({"scale": 0}, "scale=0; give a number above 0"),
        ({"scale": float("nan")}, "scale=nan"),
    ],
)
def test_what_makes_no_sense_is_refused(pair, options, message):
    texts, images = pair
    labels = options.pop("labels", LABELS)
    with pytest.raises(InvalidInputError, match=message):
        ZeroShot(images, texts, labels, **options)


def test_k_is_checked(pair):
    texts, images = pair
    judge = ZeroShot(images, texts, LABELS)
    assert len(judge.classify(pictures(1), k=50)[0]) == len(LABELS)
    with pytest.raises(InvalidInputError, match="k=0"):
        judge.classify(pictures(1), k=0)
