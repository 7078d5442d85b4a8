"""Distillation: by hand, against the network in plain NumPy, refusals, and meaning."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.train.distil import token_weights
from sememe.train.distil.distil import Distilled, distil, principal
from sememe.train.distil.token_weights import (
    select_tokens,
    sif_weights,
    token_counts,
    token_ranks,
    zipf_weights,
)
from tests.models.bert import checkpoints
from tests.models.static import folders as static_folders

MARKS = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A BERT of 16 dimensions with random weights, and its folder."""
    folder = tmp_path_factory.mktemp("teacher") / "bert"
    checkpoints.write(folder)
    marked = json.loads((folder / "tokenizer.json").read_text())
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(marked))
    tokenizer.add_special_tokens(sorted(MARKS))
    tokenizer.save(str(folder / "tokenizer.json"))
    return sememe.load(str(folder))


def states_of_token(i, *, begin=2, end=3):
    """The last states of [CLS] i [SEP], of the network in plain NumPy."""
    plain = checkpoints.plainly(
        "bert", checkpoints.tensors("bert"), checkpoints.config("bert"), [begin, i, end]
    )
    return plain[-1]


def turned_and_weighted(vectors, dim, weights):
    """PCA by SVD of the centred rows, the reference for eigenvectors of the moment."""
    centred = vectors - vectors.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:dim]
    return centred @ directions.T * weights[:, None]


def test_principal_directions_by_hand():
    """The points (0, 0), (4, 0), (2, 1), (2, -1) have the mean (2, 0); less it they are (-2, 0),
    (2, 0), (0, 1), (0, -1): 8 of the sum of squares along x and 2 along y, so 0.8 is kept."""
    points = np.array([[0, 0], [4, 0], [2, 1], [2, -1]], np.float32)
    turned, kept = principal(points, 1)
    np.testing.assert_allclose(turned[:, 0], [-2, 2, 0, 0], atol=1e-6)
    assert kept == pytest.approx(0.8)
    turned, kept = principal(points, 2)
    np.testing.assert_allclose(turned[:, 1], [0, 0, 1, -1], atol=1e-6)
    assert kept == pytest.approx(1)


def test_all_directions_keep_distances():
    rows = np.random.default_rng(0).normal(size=(9000, 5)).astype(np.float32)
    turned, kept = principal(rows, 5)
    some = slice(0, 40)
    centred = rows[some] - rows.mean(axis=0)
    np.testing.assert_allclose(turned[some] @ turned[some].T, centred @ centred.T, atol=1e-4)
    assert kept == pytest.approx(1)


def test_equal_rows_have_no_direction():
    turned, kept = principal(np.ones((4, 3), np.float32), 2)
    np.testing.assert_allclose(turned, 0)
    assert kept == 0


def test_ranks_and_weights_by_hand():
    """static_folders.PIECES less its marks: the a cat dog sat ran on mat ##s ##ing . , 배 를 탔다.

    "a", "##s", "." and "," are single and count as rank 1. the, cat, dog, sat, ran, on, mat, ##ing
    and 탔다 are numbered 1 to 9; 배 and 를 are wide and stand in the middle, (9 + 1) // 2 = 5.
    """
    tokenizer = static_folders.tokenizer()
    kept = select_tokens(tokenizer)
    assert kept.tolist() == list(range(3, 18))
    ranks = token_ranks(tokenizer, kept)
    assert ranks.tolist() == [1, 1, 2, 3, 4, 5, 6, 7, 1, 8, 1, 1, 5, 5, 9]
    assert zipf_weights(ranks)[[0, 14]] == pytest.approx([np.log(2), np.log(10)])
    assert sif_weights(np.array([2.0, 6.0]), 0.25) == pytest.approx([0.5, 0.25])


def test_unused_tokens_and_marks_get_no_row():
    from tokenizers import Tokenizer, models

    names = ["[PAD]", "[unused0]", "<unk>", "a", "<extra_id_7>", "extra_token_id_1", "unused"]
    tokenizer = Tokenizer(models.Unigram([(name, -1.0) for name in names], unk_id=2))
    tokenizer.add_special_tokens(["[PAD]"])
    assert select_tokens(tokenizer).tolist() == [3, 6]
    assert token_ranks(tokenizer, np.array([3, 6])).tolist() == [1, 2]
    with pytest.raises(InvalidInputError, match="none of the teacher's 2 tokens"):
        select_tokens(Tokenizer(models.Unigram([("u", 0.0), ("[unused1]", -1.0)], unk_id=0)))


def test_tokens_of_a_corpus_are_counted():
    counts = token_counts(static_folders.tokenizer(), ["the cat", "cats cat", "", "the unheard"])
    names = dict(zip(static_folders.PIECES, counts, strict=True))
    assert {name: n for name, n in names.items() if n} == {
        "the": 2, "cat": 3, "##s": 1, "[UNK]": 1
    }  # fmt: skip


@pytest.mark.parametrize("dim", [4, None])
def test_rows_are_those_of_the_network_in_plain_numpy(small, dim):
    """The mean of the states of [CLS] and the token, centred, turned, times log(1 + rank)."""
    made = distil(small, dim=dim)
    kept = np.arange(5, len(checkpoints.PIECES))
    vectors = np.array([states_of_token(i)[:2].mean(axis=0) for i in kept])
    single = np.array([len(checkpoints.PIECES[i].removeprefix("##")) == 1 for i in kept])
    wide = single & np.array([checkpoints.PIECES[i].strip("#") > "가" for i in kept])
    ranks = np.where(single, 1, np.cumsum(~single))
    ranks[wide] = ((~single).sum() + 1) // 2
    expected = turned_and_weighted(vectors, dim or 16, np.log(1 + ranks))
    assert made.rows.shape == (len(checkpoints.PIECES), dim or 16)
    np.testing.assert_allclose(made.rows[:5], 0)
    np.testing.assert_allclose(
        made.rows[kept] @ made.rows[kept].T, expected @ expected.T, atol=2e-3
    )


def test_a_token_as_the_encoder_makes_it(small):
    made = distil(small, dim=None, pooling="sentence", weighting="none")
    kept = np.arange(5, len(checkpoints.PIECES))
    vectors = np.array([states_of_token(i).mean(axis=0) for i in kept])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = turned_and_weighted(vectors, 16, np.ones(len(kept)))
    found = made.rows[kept] @ made.rows[kept].T
    np.testing.assert_allclose(found, expected @ expected.T, atol=1e-4)


def test_sif_weighs_by_frequency(small):
    """Of the corpus 'the the the cat', p(the) = 3/4 and p(cat) = 1/4; with a = 1/4 the weights are
    1/4 and 1/2, and 1 for all others."""
    plain = distil(small, dim=8, weighting="none").rows
    made = distil(
        small, dim=8, weighting="sif", corpus=["the the the", "cat"], sif_coefficient=0.25
    ).rows
    names = checkpoints.PIECES
    for name, weight in (("the", 0.25), ("cat", 0.5), ("dog", 1)):
        i = names.index(name)
        np.testing.assert_allclose(made[i], plain[i] * weight, atol=1e-6)
    by_order = distil(small, dim=8, weighting="sif", sif_coefficient=0.1).rows
    dog, mat = names.index("dog"), names.index("mat")
    factor = np.linalg.norm(by_order, axis=1) / np.maximum(np.linalg.norm(plain, axis=1), 1e-9)
    assert factor[dog] < factor[mat] < 1


def test_new_words_have_the_teachers_vector(small, tmp_path):
    """ "cat" + "##s" becomes one token, whose vector is the mean over [CLS] cat ##s."""
    made = distil(small, dim=None, weighting="none", vocabulary=["Cats", "cat", "cats", "dogs"])
    names = [*checkpoints.PIECES, "cats", "dogs"]
    assert made.facts["parameters"]["new_words"] == 2
    assert made.rows.shape == (len(names), 16)
    ids = [2, names.index("cat"), names.index("##s"), 3]
    states = checkpoints.plainly(
        "bert", checkpoints.tensors("bert"), checkpoints.config("bert"), ids
    )[-1]
    kept = np.arange(5, len(checkpoints.PIECES))
    singles = np.array([states_of_token(i)[:2].mean(axis=0) for i in kept])
    between = states[:3].mean(axis=0) - singles[0]
    found = made.rows[names.index("cats")] - made.rows[5]
    assert found @ found == pytest.approx(between @ between, rel=1e-3)
    encoder = sememe.load(str(made.save(tmp_path / "new")))
    expected = made.rows[names.index("cats")]
    np.testing.assert_allclose(
        encoder.encode_one("CATS"), expected / np.linalg.norm(expected), atol=1e-5
    )


def test_the_folder_tells_where_it_comes_from(small, tmp_path):
    folder = distil(small, dim=5).save(tmp_path / "fast")
    about = json.loads((folder / "sememe.json").read_text())
    assert about["teacher"] == {"name": small.name, "space": small.space, "dim": 16}
    assert about["parameters"]["weighting"] == "zipf"
    assert (about["dim"], about["tokens_kept"]) == (5, len(checkpoints.PIECES) - 5)
    assert json.loads((folder / "config.json").read_text())["apply_pca"] == 5
    encoder = sememe.load(str(folder))
    assert (encoder.dim, encoder.name) == (5, str(folder))
    facts = json.loads((folder / "tokenizer.json").read_text())
    assert facts["post_processor"] is facts["truncation"] is facts["padding"] is None


def test_the_same_teacher_gives_the_same_bytes(small, tmp_path):
    one, two = (distil(small, dim=6).save(tmp_path / name) for name in "12")
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_a_teacher_with_a_prompt_is_distilled_without(tmp_path):
    prompts = {"prompts": {"document": "passage : "}}
    files = {"config_sentence_transformers.json": prompts}
    plain = sememe.load(str(checkpoints.write(tmp_path / "1")))
    told = sememe.load(str(checkpoints.write(tmp_path / "2", files=files)))
    assert len(told.model.begin) > len(plain.model.begin)
    for pooling in ("states", "sentence"):
        rows = [distil(encoder, dim=4, pooling=pooling).rows for encoder in (plain, told)]
        np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dim": 17}, "Give 1 to 16"),
        ({"dim": 0}, "Give 1 to 16"),
        ({"dim": 2.5}, "whole number"),
        ({"dim": True}, "whole number"),
        ({"dim": 4, "weighting": "idf"}, "not one of zipf, sif, none"),
        ({"dim": 4, "pooling": "mean"}, "not one of states, sentence"),
        ({"dim": 4, "weighting": "sif", "sif_coefficient": 1.0}, "between 0 and 1"),
        ({"dim": 4, "corpus": ["a"]}, "Give weighting='sif'"),
        ({"dim": 4, "weighting": "sif", "corpus": "no such file"}, "is not a file"),
        ({"dim": 4, "weighting": "sif", "corpus": iter(["a"])}, "cannot be read twice"),
        ({"dim": 4, "weighting": "sif", "corpus": ["", "xyz"]}, "none of the teacher's tokens"),
        ({"dim": 4, "vocabulary": "cats"}, "list of words"),
        ({"dim": 4, "vocabulary": ["cats", " "]}, "word 1 of the vocabulary is empty"),
    ],
)
def test_bad_options_are_refused_before_the_vocabulary_is_read(small, options, says, monkeypatch):
    calls = []
    states = type(small.network).states
    monkeypatch.setattr(
        type(small.network),
        "states",
        lambda self, ids, **more: calls.append(len(ids)) or states(self, ids, **more),
    )
    error = UnknownNameError if "not one of" in says else InvalidInputError
    with pytest.raises(error, match=says):
        distil(small, **options)
    assert sum(calls) <= 1  # the width is asked of one token


def test_what_has_no_network_is_refused(encoder, tmp_path):
    vectors = sememe.KeyedVectors(["cat", "dog"], [[1, 0], [0, 1]])
    static = sememe.load(str(static_folders.write(tmp_path / "static")))
    for other in (sememe.WordEncoder(vectors), static, "all-minilm-l6-v2"):
        with pytest.raises(InvalidInputError, match="no network to distil"):
            distil(other)
    with pytest.raises(InvalidInputError, match="gives no states"):
        distil(encoder, pooling="states")


def distilled(rows=None):
    rows = static_folders.rows() if rows is None else rows
    return Distilled(rows, static_folders.tokenizer().to_str(), {"teacher": {}, "parameters": {}})


def test_a_static_encoder_is_replaced_and_nothing_else(tmp_path):
    folder = distilled().save(tmp_path / "fast")
    distilled(static_folders.rows(seed=1)).save(folder)
    np.testing.assert_array_equal(
        sememe.load(str(folder))._static.rows[2], static_folders.rows(seed=1)[2]
    )
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInputError, match=r"holds notes\.txt"):
        distilled().save(folder)
    for other in (checkpoints.write(tmp_path / "bert"), static_folders.write(tmp_path / "m2v")):
        with pytest.raises(InvalidInputError, match="did not write"):
            distilled().save(other)
    sememe.KeyedVectors(["a"], [[1, 0]]).save(tmp_path / "words")
    with pytest.raises(InvalidInputError, match="holds"):
        distilled().save(tmp_path / "words")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bert", "fast", "m2v", "words"]


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_the_files_are_as_readable_as_others(tmp_path):
    folder = distilled().save(tmp_path / "fast")
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


PAIRS = [
    ("A man is playing a guitar", "Someone performs music on a guitar"),
    ("The stock market fell sharply", "Share prices dropped a lot today"),
    ("A cat sleeps on the sofa", "The kitten is napping on a couch"),
    ("The doctor treated the patient", "A physician cared for a sick man at the hospital"),
    ("The train arrived late", "Railway passengers suffered a delay"),
    ("She is cooking dinner in the kitchen", "A woman prepares a meal"),
    ("The team won the football match", "The players celebrated a victory in the soccer game"),
    ("Heavy rain flooded the streets", "A storm left the roads under water"),
    ("The court sentenced the thief to prison", "A judge jailed the burglar"),
    ("Scientists discovered a new planet", "Astronomers found an unknown world in space"),
]


def found_again(encoder):
    """The share of sentences whose paraphrase is the nearest of all."""
    first, second = (encoder.encode(list(side)) for side in zip(*PAIRS, strict=True))
    return float(((first @ second.T).argmax(axis=1) == np.arange(len(PAIRS))).mean())


def test_meaning_survives_and_shuffled_rows_lose_it(monkeypatch, tmp_path):
    """The teacher finds all ten paraphrases. Rows dealt to other tokens find them by shared words
    alone, of which there are few. A thousand tokens are kept, and those of the sentences."""
    teacher = sememe.load("all-minilm-l6-v2")
    rng = np.random.default_rng(0)
    select, kept = token_weights.select_tokens, []

    def some(tokenizer):
        all_kept = select(tokenizer)
        assert len(all_kept) == 30_522 - 994 - 5
        used = [tokenizer.encode(s, add_special_tokens=False).ids for pair in PAIRS for s in pair]
        kept.append(np.union1d(rng.choice(all_kept, 1000, replace=False), np.concatenate(used)))
        return kept[0]

    monkeypatch.setattr(token_weights, "select_tokens", some)
    made = distil(teacher)
    assert found_again(teacher) == 1
    assert found_again(sememe.load(str(made.save(tmp_path / "fast")))) >= 0.9
    rows = made.rows.copy()
    rows[kept[0]] = rows[rng.permutation(kept[0])]
    shuffled = Distilled(rows, made.tokenizer, made.facts)
    assert found_again(sememe.load(str(shuffled.save(tmp_path / "shuffled")))) <= 0.5


def test_the_multilingual_encoder_keeps_its_tokenizer(encoder, monkeypatch, tmp_path):
    """Its SentencePiece model becomes a tokenizer.json; a few of its 128,000 tokens are enough."""
    names = [f"▁{word}" for word in "물 water 음악 music 학교 school 돈 money".split()]
    select = token_weights.select_tokens

    def few(tokenizer):
        assert len(select(tokenizer)) == 127_994
        return np.array([tokenizer.token_to_id(name) for name in names])

    monkeypatch.setattr(token_weights, "select_tokens", few)
    made = distil(encoder, dim=6, weighting="none")
    static = sememe.load(str(made.save(tmp_path / "fast")))
    vectors = static.encode([name.strip("▁") for name in names])
    cosine = vectors[::2] @ vectors[1::2].T
    assert (cosine.argmax(axis=1) == np.arange(4)).all()
