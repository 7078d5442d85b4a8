"""Masked language models: meaning with a control, the saved folder, new words, kills."""

from __future__ import annotations

import json
import string
import unicodedata

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.encoders.text.masked_lm import MaskedLM
from sememe.train.mlm.masked_lm import MaskedTraining
from tests import forked
from tests.train import networks

pytestmark = pytest.mark.train

PARTNER = dict(zip(networks.SEA, networks.KITCHEN, strict=True))
QUICK = {
    "vocab_size": 300, "max_tokens": 16, "batch_size": 16, "steps": 260, "learning_rate": 1e-3,
    "evaluations": 2,
}  # fmt: skip


def corpus(n, *, shuffled=False, seed=0):
    """Texts in which each word of the sea is followed by its own word of the kitchen."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        words = [w for first in rng.choice(networks.SEA, 3) for w in (first, PARTNER[first])]
        if shuffled:
            rng.shuffle(words)
        texts.append(" ".join(words))
    return texts


@pytest.fixture(scope="module")
def trained():
    return MaskedTraining(**QUICK).fit(corpus(1500))


def test_it_learns_the_context_and_a_control_without_any_does_not(trained):
    report = trained.report_
    assert report.curve.before < 0.1
    assert report.curve.after > 3 * report.unigram
    letters = list(string.ascii_letters + string.digits)
    drawn = np.random.default_rng(5).choice(letters, (1500, 12))
    control = MaskedTraining(**{**QUICK, "steps": 150, "held_out": 0.2})
    found = control.fit([" ".join(row) for row in drawn]).report_
    assert found.curve.after < found.unigram + 0.05  # letters that say nothing of one another


def test_a_fresh_network_looks_at_the_places_beside_each(trained):
    """By hand: of 2 heads, one begins looking a place back, one a place on; random ones nowhere."""
    import torch

    from sememe.train.mlm.network import initialise, make_network

    tokenizer = trained.tokenizer_
    torch.manual_seed(0)
    model = make_network("tiny", tokenizer, 0.0, max_tokens=64)
    model.config._attn_implementation = "eager"
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, len(tokenizer), (1, 64)))

    def looks():
        weights = model.bert(ids, output_attentions=True).attentions[0][0].detach()
        back, on = (weights[i].diagonal(offset).mean() for i, offset in ((0, -1), (1, 1)))
        return float(back), float(on)

    assert max(looks()) < 3 / 64
    counts = np.arange(len(tokenizer))
    initialise(model, counts)
    assert min(looks()) > 0.7
    share = model.cls.predictions.bias.detach().softmax(0).numpy()
    np.testing.assert_allclose(share, (counts + 1) / (counts + 1).sum(), rtol=1e-4)


def test_the_saved_folder_fills_masks_as_transformers_does(trained, tmp_path):
    from transformers import pipeline

    folder = trained.save(tmp_path / "mine")
    text = "ship [MASK] wave oven"
    fills = MaskedLM.load(str(folder)).fill(text, k=3)[0]
    assert fills[0].token == f"Ġ{PARTNER['ship']}"  # the mask stands for a word with its space
    assert fills[0].text == text.replace("[MASK]", PARTNER["ship"])
    theirs = pipeline("fill-mask", model=str(folder), top_k=3)(text)
    np.testing.assert_allclose(
        [fill.score for fill in fills], [row["score"] for row in theirs], atol=1e-5
    )
    about = json.loads((folder / "sememe.json").read_text(encoding="utf-8"))
    assert about["kind"] == "masked-lm"
    assert about["training"]["unigram_accuracy"] == pytest.approx(trained.report_.unigram)
    assert sememe.load(str(folder)).encode(["ship pan"]).shape == (1, 128)
    assert MaskedLM.load(str(folder)).window == QUICK["max_tokens"] - 2  # what no row reached: none
    assert len(sememe.load(str(folder)).encode_tokens(["ship pan " * 30])[0].tokens) >= 60


def test_going_on_with_new_words_begins_them_as_the_mean_of_their_pieces(tmp_path):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    from sememe.train.mlm.vocabulary_extension import add_words, frequent_words

    base = networks.network(tmp_path / "base", heads=True)
    model, tokenizer = (cls.from_pretrained(base) for cls in (AutoModelForMaskedLM, AutoTokenizer))
    pieces = tokenizer("xyz", add_special_tokens=False)["input_ids"]
    rows = model.get_input_embeddings().weight.detach().numpy().copy()
    texts = ["the xyz of qqq", "xyz and qqq", "a ship"] * 5
    assert frequent_words(texts, tokenizer.backend_tokenizer, n=5) == ["qqq", "xyz"]
    assert frequent_words(texts, tokenizer.backend_tokenizer, n=1) == ["qqq"]
    assert add_words(model, tokenizer, ["xyz", "ship", "xyz"]) == ("xyz",)
    assert len(pieces) == 3
    new = tokenizer("xyz", add_special_tokens=False)["input_ids"]
    assert new == [len(rows)]
    after = model.get_input_embeddings().weight.detach().numpy()
    np.testing.assert_allclose(after[new[0]], rows[pieces].mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(after[: len(rows)], rows)
    options = {k: v for k, v in QUICK.items() if k != "vocab_size"}
    options |= {"base": str(base), "steps": 60, "new_words": ["xyz"]}
    found = MaskedTraining(**options).fit(texts * 40)
    assert found.report_.new_words == ("xyz",)
    assert found.report_.curve.after > found.report_.curve.before
    folder = found.save(tmp_path / "grown")
    opened = MaskedLM.load(str(folder))
    assert opened.token_ids(["xyz"]) == [new]


def test_accumulated_batches_make_the_step_of_one_large_batch(tmp_path):
    options = {**QUICK, "steps": 3, "evaluations": 1}
    texts = corpus(400)
    one = MaskedTraining(**options).fit(texts)
    two = MaskedTraining(**{**options, "batch_size": 8, "accumulate": 2}).fit(texts)
    first, second = (t.report_.curve.losses[0][1] for t in (one, two))
    assert first == pytest.approx(second, abs=0.02)  # batches of unequal numbers of masks
    assert one.report_.curve.steps == two.report_.curve.steps == 3


def test_killed_twice_the_last_loss_is_the_same(tmp_path):
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(corpus(600)) + "\n", encoding="utf-8")
    common = ["train", "mlm", text, "--vocab-size", 300, "--max-tokens", 16, "--batch-size", 16]
    common += ["--steps", 30, "--evaluations", 5, "--whole-word", "-o"]
    assert main([*map(str, common), str(tmp_path / "whole")]) == 0
    for step in (10, 29):
        assert forked.killed_at(step, *common, tmp_path / "killed") == -9
    assert main([*map(str, common), str(tmp_path / "killed")]) == 0
    whole, killed = (networks.losses(tmp_path / name) for name in ("whole", "killed"))
    assert whole[-1][0] == 30
    np.testing.assert_allclose(killed, whole, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"size": "huge"}, UnknownNameError, "tiny"),
        ({"mask_prob": 1.5}, InvalidInputError, "mask_prob"),
        ({"new_words": 5}, InvalidInputError, "vocab_size"),
        ({"base": "no such model"}, UnknownNameError, "no such model"),
        ({"max_tokens": 4}, InvalidInputError, "max_tokens"),
    ],
)
def test_refused_before_training(options, error, says):
    with pytest.raises(error, match=says):
        MaskedTraining(**options).fit(corpus(5))


def test_a_small_corpus_gives_a_small_vocabulary():
    options = {**QUICK, "steps": 2, "evaluations": 1, "vocab_size": 8192}
    report = MaskedTraining(**options).fit(corpus(300)).report_
    assert 256 + 5 + 20 <= report.vocab_size < 1000


def test_a_base_without_a_head_is_told(tmp_path):
    base = str(networks.network(tmp_path / "base"))
    options = {"max_tokens": 16, "batch_size": 16, "steps": 2, "evaluations": 1}
    report = MaskedTraining(base=base, **options).fit(corpus(100)).report_
    assert any("no head for masked tokens" in note for note in report.notes)


def test_korean_composed_or_not_is_one_text_and_spans_hold_no_space(tmp_path):
    text = "나는 고양이가 좋다"
    training = MaskedTraining(**{**QUICK, "steps": 2, "evaluations": 1})
    folder = training.fit([text, "고양이가 우유를 마신다"] * 80).save(tmp_path / "ko")
    apart = unicodedata.normalize("NFD", text)
    one, other = sememe.load(str(folder)).encode_tokens([text, apart])
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert not any(one.text[start].isspace() for start, _ in one.spans.tolist())
    assert {one.text[s:e] for s, e in one.spans.tolist()} >= {"고양이가"}


def test_too_little_text(tmp_path):
    with pytest.raises(InvalidInputError, match="Give more text"):
        MaskedTraining(base=str(networks.network(tmp_path / "b", heads=True))).fit(["the ship"])


def test_command(tmp_path, capsys):
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(corpus(300)) + "\n", encoding="utf-8")
    words = ["train", "mlm", str(text), "-o", str(tmp_path / "out"), "--vocab-size", "300"]
    words += ["--steps", "4", "--max-tokens", "16"]
    assert main(words) == 0
    assert "most frequent token alone" in capsys.readouterr().out
    assert main(["fill-mask", str(tmp_path / "out"), "ship [MASK] wave", "--json"]) == 0
    assert main([*words, "--overwrite", "--new-words", "3"]) == 2
