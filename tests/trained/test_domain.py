"""Domain adaptation: the road from end to end, what it reports, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError
from sememe.train.domain import DomainAdaptation
from sememe.train.mlm import MaskedTraining
from tests.trained import made

QUICK = {"mlm_epochs": 2, "mlm_batch_size": 4, "epochs": 4, "batch_size": 16, "evaluations": 2,
         "learning_rate": 2e-3}  # fmt: skip


def corpus(n=150):
    rng = np.random.default_rng(0)
    texts = [made.sentence(words, rng) for words in (made.SEA, made.KITCHEN) for _ in range(n)]
    return [f"{text} jib" for text in texts]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(made.network(tmp_path_factory.mktemp("base") / "bert", heads=True))


def test_the_whole_road(base, tmp_path, monkeypatch):
    training = DomainAdaptation(base, new_words=["jib"], **QUICK)
    data, held, state = made.scored(120, 1), made.scored(60, 2), tmp_path / "state"
    report = training.fit(corpus(), examples=data, evaluate=held, checkpoint=state).report_
    assert report.new_words == ("jib",)
    assert report.tokens_per_word[1] < report.tokens_per_word[0]
    assert report.after > report.before + 0.2
    folder = training.save(tmp_path / "out")
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert told["after"] == pytest.approx(report.after)
    from sentence_transformers import SentenceTransformer

    texts = ["the ship and the jib", "butter in a pan"]
    theirs = SentenceTransformer(str(folder)).encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(sememe.load(str(folder)).encode(texts), theirs, atol=1e-5)

    def again(*_, **__):
        raise AssertionError("a finished stage ran again")

    monkeypatch.setattr(MaskedTraining, "fit", again)
    DomainAdaptation(base, new_words=["jib"], **QUICK).fit(
        corpus(), examples=data, evaluate=held, checkpoint=state
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [({"keep": 1}, "keep=1"), ({"mlm_epochs": -1}, "mlm_epochs=-1"), ({"epochs": 0}, "epochs=0")],
)
def test_refused_before_any_work(base, options, says):
    with pytest.raises(InvalidInputError, match=says):
        DomainAdaptation(base, **options).fit(corpus(5))


def test_a_base_whose_tokenizer_cuts_texts_reads_them_whole(tmp_path):
    """A tokenizer file with a truncation to 4 tokens: all tokens of the corpus are trained on."""
    base = made.network(tmp_path / "b", heads=True)
    file = base / "tokenizer.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    file.write_text(json.dumps(facts | {"truncation": cut}), encoding="utf-8")
    options = {"steps": 2, "max_tokens": 16, "batch_size": 4, "evaluations": 1}
    report = MaskedTraining(base=str(base), **options).fit(["the ship and the pan"] * 100).report_
    assert report.n_tokens > 450
