"""Masked language models: against the plain network, windows, batches, masks and bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe._errors import TextTooLongError
from sememe.encoders.text import masked_lm as module
from sememe.encoders.text.masked_lm import MaskedLM
from sememe.models.bert import mlm_head as read_masked_head
from tests.models.bert import checkpoints
from tests.models.bert.checkpoints import PIECES, POSITIONS

KINDS = ["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet"]
MASK, WINDOW = 4, POSITIONS - 2
LONG = "the cat sat on the mat . a dog ran ? " * 9  # 99 tokens


def made(tmp_path, kind="bert", **options):
    return MaskedLM.load(str(checkpoints.write_masked(tmp_path / kind, kind, **options)))


def plain(kind, ids, place):
    """Log-probabilities (vocabulary,) at one place of a sequence, the mask put there."""
    ids = [*ids[:place], MASK, *ids[place + 1 :]]
    found = checkpoints.masked_tensors(kind)
    row = checkpoints.plain_logits(kind, found, checkpoints.config(kind), ids)[place]
    return row - row.max() - np.log(np.exp(row - row.max()).sum())


def number(token):
    return PIECES.index(token)


@pytest.mark.parametrize("kind", KINDS)
def test_fills_are_those_of_the_plain_network(kind, tmp_path):
    fills = made(tmp_path, kind).fill("the cat [MASK] on the mat", k=5)[0]
    log_probs = plain(kind, [2, 5, 7, MASK, 11, 5, 12, 3], 3)
    order = np.argsort(-log_probs[: len(PIECES)], kind="stable")[:5]  # the others have no name
    assert [fill.token for fill in fills] == [PIECES[i] for i in order]
    np.testing.assert_allclose([fill.score for fill in fills], np.exp(log_probs[order]), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_each_token_is_masked_in_turn(kind, tmp_path):
    model = made(tmp_path, kind)
    texts = ["the cat sat", "a dog ran on the mat ."]
    by_hand = []
    for text, found in zip(texts, model.token_log_probabilities(texts), strict=True):
        ids = [2, *map(number, text.split()), 3]
        own = [plain(kind, ids, i)[ids[i]] for i in range(1, len(ids) - 1)]
        np.testing.assert_allclose(found, own, atol=1e-4)
        by_hand += own
    assert model.pseudo_perplexity(texts) == pytest.approx(np.exp(-np.mean(by_hand)), rel=1e-4)


def test_a_uniform_model_by_hand(tmp_path):
    """A head whose rows and bias are 0 gives each of 60 tokens 1/60: the perplexity is 60."""
    weights = checkpoints.masked_tensors("bert", tied=False)
    for name in ("weight", "bias"):
        weights[f"cls.predictions.decoder.{name}"][:] = 0
    model = made(tmp_path, weights=weights)
    assert model.pseudo_perplexity(["the cat sat", "a dog"]) == pytest.approx(60)
    fills = model.fill("the [MASK]")[0]
    assert fills[0].score == pytest.approx(1 / 60)


def test_equal_scores_are_ordered_by_id(tmp_path):
    weights = checkpoints.masked_tensors("bert", tied=False)
    weights["cls.predictions.decoder.weight"][:] = 0
    weights["cls.predictions.decoder.bias"][:] = np.arange(60) * 7 % 3
    model = made(tmp_path, weights=weights)
    expected = sorted(range(len(PIECES)), key=lambda i: (-(i * 7 % 3), i))
    assert [number(fill.token) for fill in model.fill("the [MASK]", k=31)[0]] == expected
    assert model.predict([[5, 6]], [[0]])[1].tolist() == [expected[0]]


def test_masks_of_one_text_are_predicted_together(tmp_path):
    model = made(tmp_path)
    ids = model.token_ids(["the cat sat on the mat"])
    log_probs, best = model.predict(ids, [[1, 4]])
    masked = [2, 5, MASK, 9, 11, MASK, 12, 3]
    rows = checkpoints.plain_logits(
        "bert", checkpoints.masked_tensors("bert"), checkpoints.config("bert"), masked
    )[[2, 5]]
    expected = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(log_probs, expected[[0, 1], [7, 5]], atol=1e-4)
    assert best.tolist() == rows.argmax(axis=1).tolist()
    fills = model.fill("the [MASK] sat on <mask> mat", k=1)
    assert len(fills) == 2
    assert fills[1][0].text.startswith("the [MASK] sat on")  # the other mask stays


def test_a_batch_changes_nothing(tmp_path, monkeypatch):
    model = made(tmp_path)
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(PIECES[5:16], size=n)) for n in rng.integers(1, 60, size=25)]
    together = model.token_log_probabilities(texts)
    alone = [model.token_log_probabilities([text])[0] for text in texts]
    assert [len(a) for a in alone] == [len(text.split()) for text in texts]
    np.testing.assert_allclose(np.concatenate(alone), np.concatenate(together), atol=1e-5)
    ids = model.token_ids(texts)
    places = [list(range(0, len(one), 3)) for one in ids]
    whole = model.predict(ids, places)
    monkeypatch.setattr(module, "_TOKENS", 50)
    parts = [model.predict([one], [some]) for one, some in zip(ids, places, strict=True)]
    for i in (0, 1):
        np.testing.assert_allclose(np.concatenate([part[i] for part in parts]), whole[i], atol=1e-5)
    monkeypatch.setattr(read_masked_head, "_BLOCK", 3 * checkpoints.WORDS)
    np.testing.assert_allclose(model.predict(ids, places)[0], whole[0], atol=1e-5)


def test_long_texts_are_read_in_windows(tmp_path):
    """Alone, a token stands in the middle of its window; masks together share even pieces."""
    model = made(tmp_path)
    ids = model.token_ids([LONG])[0]
    assert len(ids) == 99 and model.window == WINDOW
    found = model.token_log_probabilities([LONG])[0]
    for i, start in ((0, 0), (50, 50 - WINDOW // 2), (98, 99 - WINDOW)):
        window = [2, *ids[start : start + WINDOW], 3]
        expected = plain("bert", window, i - start + 1)[ids[i]]
        assert found[i] == pytest.approx(expected, abs=1e-4)
    log_probs, _ = model.predict([ids], [[0, 33, 98]])
    for place, start, got in zip((0, 33, 98), (0, 33, 66), log_probs, strict=True):
        window = [2, *ids[start : start + 33], 3]
        assert got == pytest.approx(plain("bert", window, place - start + 1)[ids[place]], abs=1e-4)


def test_special_tokens_are_not_asked_for(tmp_path):
    model = made(tmp_path)
    assert {1, 2, 3, MASK} <= model.special_ids
    found = model.token_log_probabilities(["the zebra [MASK] sat", "zebra", ""])
    assert [len(one) for one in found] == [2, 0, 0]
    assert model.token_log_probabilities([]) == []
    assert model.predict([], [])[0].shape == (0,)
    with pytest.raises(InvalidInputError, match="without a token that .* knows"):
        model.pseudo_perplexity(["zebra"])


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("The _ sat.", " cat", "The cat sat."),
        ("walk _ home", "ing", "walking home"),
        ("walk_ home", " ing", "walk ing home"),
        ("(_)", " cat", "(cat)"),
        ("私は_です", " 猫", "私は猫です"),
        ("배_", "를", "배를"),
        ("_ is it", "It", "It is it"),
        ("end _", ".", "end."),
        ("a\n_", " b", "a\nb"),
        ("_", "", ""),
    ],
)
def test_how_a_token_stands_in_the_text(text, written, expected):
    at = text.index("_")
    assert module._replace_mask(text, (at, at + 1), written) == expected


def test_pieces_are_written_by_the_tokenizers_own_decoder(tmp_path):
    """Byte-level, as RoBERTa: a mask that takes the space before it, and pieces with one."""
    from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors
    from tokenizers import models as kinds

    model = made(tmp_path, "roberta")
    assert model._tokenizer.render_pieces([number("cat"), number("##ing")]) == [" cat", "ing"]
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5, "Ġa": 6,
                  "b": 7, "Ġb": 8, "Ġ": 9}  # fmt: skip
    tokenizer = Tokenizer(kinds.BPE(vocabulary, [("Ġ", "a"), ("Ġ", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.save(str(tmp_path / "roberta" / "tokenizer.json"))
    model = MaskedLM.load(str(tmp_path / "roberta"))
    assert model.mask_token == "<mask>"
    assert model.special_ids == {0, 1, 2, 3, 4}
    assert model._tokenizer.render_pieces([5, 6]) == ["a", " a"]
    texts = {fill.token: fill.text for fill in model.fill("a b [MASK] b", k=10)[0]}
    assert (texts["a"], texts["Ġa"]) == ("a ba b", "a b a b")
    assert {f.token: f.written for f in model.fill("<mask>", k=10)[0]}["Ġb"] == " b"
    assert (
        model.token_ids(["a b<mask> b"])[0] == [5, 8, 4, 8] == model.token_ids(["a b <mask> b"])[0]
    )


@pytest.mark.parametrize(
    "file",
    [
        {"special_tokens_map.json": {"mask_token": "river"}},
        {"special_tokens_map.json": {"mask_token": {"content": "river", "lstrip": False}}},
        {"tokenizer_config.json": {"mask_token": "river"}},
    ],
)
def test_the_mask_is_the_one_that_the_folder_names(file, tmp_path):
    model = made(tmp_path, files=file)
    assert model.mask_token == "river"
    for text in ("the river sat", "the [MASK] sat", "the <mask> sat"):
        assert model.fill(text, k=1)[0][0].text == model.fill("the river sat", k=1)[0][0].text


def test_the_mask_of_the_config(tmp_path):
    assert made(tmp_path, mask_token_id=number("bank")).mask_token == "bank"


def test_a_vocabulary_without_a_mask(tmp_path):
    pieces = [piece if piece != "[MASK]" else "[XYZ]" for piece in PIECES]
    with pytest.raises(InvalidInputError, match=r"no mask token \(tried <m>, \[MASK\], <mask>\)"):
        made(tmp_path, pieces=pieces, files={"special_tokens_map.json": {"mask_token": "<m>"}})


@pytest.mark.parametrize(
    ("text", "k", "error", "says"),
    [
        (
            "the cat sat",
            5,
            InvalidInputError,
            r"has no mask; write \[MASK\] for the missing word",
        ),
        ("", 5, InvalidInputError, "has no mask"),
        ("a " * 38 + "[MASK]", 5, TextTooLongError, "has 39 tokens; .* reads 38 at once"),
        ("a [MASK]", 0, InvalidInputError, "k=0; give a whole number of at least 1"),
        (7, 5, InvalidInputError, "item 0 is int"),
    ],
)
def test_what_cannot_be_filled(text, k, error, says, tmp_path):
    with pytest.raises(error, match=says):
        made(tmp_path).fill(text, k=k)


def test_a_text_that_just_fits(tmp_path):
    assert len(made(tmp_path).fill("a " * 37 + "[MASK]", k=2)[0]) == 2


def test_more_than_all_tokens_are_all_tokens(tmp_path):
    fills = made(tmp_path).fill("\ud800 a [MASK]", k=1000)[0]
    assert len(fills) == len(PIECES) and all(fill.token for fill in fills)
    assert 0 < sum(fill.score for fill in fills) < 1  # the rows without a name have their share


def test_what_cannot_be_loaded(tmp_path):
    encoder = checkpoints.write(tmp_path / "encoder")
    with pytest.raises(InvalidInputError, match="no head that predicts masked words"):
        MaskedLM.load(str(encoder))
    for name in ("", "no such folder", "x" * 5000, "all-minilm-l6-v2"):
        with pytest.raises(InvalidInputError, match="is no folder; allowed"):
            MaskedLM.load(name)
    with pytest.raises(InvalidInputError, match="threads=0"):
        MaskedLM.load(str(encoder), threads=0)
    weights = checkpoints.masked_tensors("bert")
    weights["cls.predictions.bias"][7] = np.nan
    with pytest.raises(CorruptFileError, match="predictions.bias holds NaN"):
        made(tmp_path, weights=weights)
    with pytest.raises(InvalidInputError, match="type 't5'"):
        made(tmp_path, model_type="t5")
    (tmp_path / "bert" / "tokenizer.json").unlink()
    checkpoints.write_masked(tmp_path / "b2")
    (tmp_path / "b2" / "tokenizer_config.json").write_text("{")
    with pytest.raises(CorruptFileError, match=r"tokenizer_config.json cannot be read"):
        MaskedLM.load(str(tmp_path / "b2"))


def test_a_tokenizer_of_another_network(tmp_path):
    model = made(tmp_path, pieces=[*PIECES, *(f"x{i}" for i in range(60))])
    with pytest.raises(CorruptFileError, match=r"the id 90, the network has rows for 60 tokens"):
        model.token_ids(["a x59"])


def test_the_folder_is_left_as_it_was(tmp_path):
    folder = checkpoints.write_masked(tmp_path / "m")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    MaskedLM.load(str(folder)).fill("a [MASK]")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads(before["config.json"])["model_type"] == "bert"
