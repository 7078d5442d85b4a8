"""FastText: words, their parts, and words that were never seen."""

from __future__ import annotations

import gensim
import numpy as np
import pytest

from sememe._errors import InvalidInputError
from sememe.train.words.fasttext import FastText
from sememe.vectors.keyed import KeyedVectors, SubwordVectors
from tests.train.words.topic_corpora import same_topic, topics

SMALL = {
    "dim": 16, "min_count": 1, "epochs": 3, "subsample": 0, "workers": 2, "seed": 1,
    "buckets": 5000,
}  # fmt: skip


@pytest.mark.parametrize("mode", ["skipgram", "cbow"])
@pytest.mark.parametrize("objective", ["negative-sampling", "hierarchical-softmax"])
@pytest.mark.parametrize(("shuffled", "low", "high"), [(False, 0.95, 1.0), (True, 0.0, 0.3)])
def test_learns_topics_and_nothing_from_shuffled_words(mode, objective, shuffled, low, high):
    """The words' own letters are dealt out at random, so that only company can tell the topic."""
    names = np.random.default_rng(5).permutation(10_000)[:96].tolist()
    coded = {f"t{t}_w{w}": str(10_000 + names[t * 12 + w]) for t in range(8) for w in range(12)}
    corpus = [[coded[word] for word in s] for s in topics(3000, shuffled=shuffled)]
    model = FastText(mode=mode, objective=objective, min_n=5, max_n=6, **SMALL).fit(corpus)
    back = {code: word for word, code in coded.items()}
    vectors = model.vectors_
    named = KeyedVectors([back[key] for key in vectors.keys], vectors.matrix)
    assert low <= same_topic(named) <= high


STEMS = ["고양이", "강아지", "자동차", "비행기", "사과나무", "도서관"]
ENDINGS = ["가", "는", "를", "에게", "처럼", "까지"]


def korean(seed=0):
    """Each stem with any ending, among words of its own."""
    rng = np.random.default_rng(seed)
    for _ in range(4000):
        stem = int(rng.integers(len(STEMS)))
        word = STEMS[stem] + ENDINGS[int(rng.integers(len(ENDINGS)))]
        yield [f"곁{stem}{rng.integers(5)}", word, f"곁{stem}{rng.integers(5)}"]


def test_an_unseen_inflection_lies_with_its_stem():
    model = FastText(**SMALL).fit(list(korean()))
    for stem in STEMS:
        unseen = stem + "마저"
        assert unseen not in model.vectors_
        near = [key for key, _ in model.vectors_.most_similar(unseen, k=5)]
        assert sum(key.startswith(stem) for key in near) >= 4


def test_jamo_share_parts_that_syllables_do_not():
    """갑니다 and 가다 share ㄱㅏ; as whole syllables they share nothing between "<" and ">"."""
    corpus = [["갑니다", "여기"], ["먹습니다", "저기"]] * 50
    for hangul, shares in (("jamo", True), ("syllables", False)):
        vectors = FastText(hangul=hangul, min_n=2, max_n=3, **SMALL).fit(corpus).vectors_
        parts = [set(vectors.subwords.of(word)) for word in ("갑니다", "가는")]
        assert bool(parts[0] & parts[1]) is shares


def test_every_string_has_a_vector():
    vectors = FastText(**SMALL).fit(topics(200)).vectors_
    rng = np.random.default_rng(0)
    strings = ["", " ", "\ud800", "\x00", "🙂", "ᄀ", "ㄱ", "é", "e\u0301", "a" * 5000]
    for _ in range(20_000):
        points = rng.integers(0, 0x110000, size=int(rng.integers(0, 12)))
        strings.append("".join(map(chr, points.tolist())))
    rows = vectors.rows(strings)
    assert np.isfinite(rows).all()
    assert (np.abs(rows).max(axis=1) > 0).all()


def test_deterministic_save_load_and_going_on(tmp_path):
    model = FastText(deterministic=True, **SMALL).fit(list(korean()))
    loaded = FastText.load(model.save(tmp_path / "model"))
    assert isinstance(loaded.vectors_, SubwordVectors)
    assert np.array_equal(loaded.vectors_["없던말"], model.vectors_["없던말"])
    again = FastText(deterministic=True, **{**SMALL, "workers": 1}).fit(list(korean()))
    assert again.vectors_.matrix.tobytes() == model.vectors_.matrix.tobytes()
    for one in (model, loaded):
        one.partial_fit([["새말", "고양이가"]] * 20)
    assert "새말" in model.vectors_
    assert np.array_equal(loaded.vectors_.matrix, model.vectors_.matrix)


def test_gensim_opens_the_bin_with_equal_values(tmp_path):
    model = FastText(hangul="syllables", spelling=False, **SMALL)
    vectors = model.fit(topics(500)).vectors_
    vectors.save(tmp_path / "model.bin", format="fasttext-bin")
    other = gensim.models.fasttext.load_facebook_vectors(tmp_path / "model.bin")
    assert other.index_to_key == list(vectors.keys)
    for word in ("t0_w0", "t0_w99", "unseen"):
        np.testing.assert_allclose(other[word], vectors[word], atol=1e-6)


def test_a_state_can_be_resumed(tmp_path, monkeypatch):
    from sememe.train.words.kernels import choose

    settings = {**SMALL, "deterministic": True}
    corpus = topics(20_000)
    expected = FastText(**settings).fit(corpus).vectors_.matrix.tobytes()
    calls, kernel = [], choose.subword_block

    def fails(*args):
        calls.append(1)
        if len(calls) == 6:
            raise RuntimeError("power cut")
        return kernel(*args)

    fails.py_func = kernel.py_func
    monkeypatch.setattr(choose, "subword_block", fails)
    with pytest.raises(RuntimeError, match="power cut"):
        FastText(**settings).fit(corpus, checkpoint=tmp_path / "state")
    monkeypatch.undo()
    model = FastText(**settings).fit(corpus, checkpoint=tmp_path / "state")
    assert model.report_.resumed_at > 0
    assert model.vectors_.matrix.tobytes() == expected


def test_bad_parameters():
    for settings in ({"min_n": 0}, {"min_n": 5, "max_n": 3}, {"buckets": 0}, {"hangul": "letters"}):
        with pytest.raises(InvalidInputError, match=next(iter(settings))):
            FastText(**settings).fit([["a"]])
