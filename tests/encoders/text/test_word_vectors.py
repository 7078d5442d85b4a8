"""Word vectors as a text encoder: the contract, SIF by hand and by the paper, unknown words."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError, KeyedVectors, SubwordVectors, UnknownNameError, WordEncoder
from sememe.encoders.load.text import load_vectors
from sememe.text.ngrams import Ngrams
from sememe.vectors.formats.folder import write_vectors
from tests.contracts.encoder import EncoderContract

ITEMS = [
    "The cat sleeps.",
    "a dog barks loudly",
    "고양이",
    "zzqx",
    "",
    "🙂",
    "the the of",
    "Cat's toy",
]
WORDS = ["the", "of", "a", "cat", "dog", "sleeps", "barks", "loudly", "toy", "'s"]


def some_vectors(dim=16):
    matrix = np.random.default_rng(0).normal(size=(len(WORDS), dim)) + 0.5
    return KeyedVectors(WORDS, matrix, counts=[500, 300, 200, 9, 8, 7, 6, 5, 4, 3])


@pytest.fixture(scope="module")
def glove():
    return load_vectors("glove-6b-50d")


class TestMean(EncoderContract):
    @pytest.fixture
    def subject(self):
        return WordEncoder(some_vectors(), pooling="mean")

    @pytest.fixture
    def items(self):
        return ITEMS


class TestSif(TestMean):
    @pytest.fixture
    def subject(self):
        return WordEncoder(some_vectors(), pooling="sif")


class TestSifOfSubwords(TestMean):
    @pytest.fixture
    def subject(self):
        kv = some_vectors()
        rows = np.random.default_rng(1).normal(size=(500, 16))
        shape = Ngrams(buckets=500, hangul="jamo")
        return WordEncoder(
            SubwordVectors(kv.keys, kv.matrix, ngrams=rows, subwords=shape, counts=kv.counts)
        )


class TestGlove(TestMean):
    @pytest.fixture
    def subject(self, glove):
        return WordEncoder(glove, name="glove-6b-50d")


def test_the_mean_by_hand():
    kv = KeyedVectors(["a", "b"], [[3, 0], [0, 1]])
    vector = WordEncoder(kv, pooling="mean").encode_one("a a b, unknown")
    np.testing.assert_allclose(vector, np.array([6, 1]) / 37**0.5, atol=1e-6)


def test_sif_is_the_papers_two_steps_in_a_plain_loop():
    """Arora et al. 2017, algorithm 1, with the component of a reference."""
    kv = some_vectors()
    share = dict(zip(kv.keys, kv.counts / kv.counts.sum(), strict=True))
    reference = ["the cat sleeps", "a dog barks", "the toy of a cat", "of the dog"]

    def weighted(text):
        return np.mean([1e-3 / (1e-3 + share[w]) * kv[w].astype(float) for w in text.split()], 0)

    rows = np.stack([weighted(text) for text in reference])
    first = np.linalg.svd(rows)[2][0]
    text = "the cat barks"
    expected = weighted(text) - weighted(text) @ first * first
    expected /= np.linalg.norm(expected)
    got = WordEncoder(kv, pooling="sif", reference=reference).encode_one(text)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_default_component_is_that_of_many_random_texts():
    kv = some_vectors().subset(WORDS[:9])
    rng = np.random.default_rng(0)
    shares = kv.counts / kv.counts.sum()
    texts = [" ".join(words) for words in rng.choice(WORDS[:9], (6000, 20), p=shares)]
    default = WordEncoder(kv)._component
    assert default @ WordEncoder(kv, reference=texts)._component > 0.999
    other = WordEncoder(kv, reference=["cat toy", "toy toy cat"])._component
    assert default @ other < 0.95


def test_without_counts_frequencies_follow_zipf():
    kv = KeyedVectors(["a", "b", "c"], np.eye(3))
    shares = np.array([1, 1 / 2, 1 / 3]) / (1 + 1 / 2 + 1 / 3)
    np.testing.assert_allclose(WordEncoder(kv)._weights, 1e-3 / (1e-3 + shares))


def test_meaning_is_found_and_noise_finds_none(glove):
    pairs = [
        ("The doctor treats patients in the hospital", "A nurse and a physician give medicine"),
        ("The team won the football match", "The players scored goals in the game"),
        ("Shares fell on the stock market", "Investors lost money on the exchange"),
        ("He cooked soup with onions and garlic", "The recipe needs butter, salt and meat"),
    ]

    def right(kv):
        left, other = (WordEncoder(kv).encode([pair[i] for pair in pairs]) for i in (0, 1))
        return ((left @ other.T).argmax(axis=1) == np.arange(4)).mean()

    assert right(glove) == 1
    rng = np.random.default_rng(0)
    noise = [right(KeyedVectors(glove.keys, rng.normal(size=(len(glove), 50)))) for _ in range(3)]
    assert np.mean(noise) < 0.7


def test_texts_of_unknown_words_are_like_themselves_alone():
    encoder = WordEncoder(some_vectors())
    same = encoder.encode(["Qwzx", "qwzx!", "vbnm", "cat"])
    similarity = same @ same.T
    assert similarity[0, 1] == pytest.approx(1)
    assert np.abs(similarity[0, 2:]).max() < 0.9
    receipt = encoder.encode_with_receipt(["qwzx cat", "...", "cat"]).receipt
    assert (receipt.tokens, receipt.encoded, receipt.unknown, receipt.empty) == (3, 3, 1, [1])


def test_words_are_found_in_the_case_of_the_vocabulary():
    lower = WordEncoder(KeyedVectors(["paris", "rome"], np.eye(2)), pooling="mean")
    np.testing.assert_allclose(lower.encode_one("PARIS"), [1, 0])
    cased = WordEncoder(KeyedVectors(["Paris", "paris", "is"], np.eye(3)), pooling="mean")
    np.testing.assert_allclose(cased.encode(["Paris", "paris", "IS"]), np.eye(3))
    spaced = WordEncoder(KeyedVectors(["a,b", "a"], np.eye(2)), pooling="mean", tokens="whitespace")
    np.testing.assert_allclose(spaced.encode_one(" a,b "), [1, 0])


def test_the_space_changes_with_all_that_shapes_a_vector():
    kv = some_vectors()
    encoders = [
        WordEncoder(kv, pooling="mean"),
        WordEncoder(kv),
        WordEncoder(kv, reference=["the cat sleeps", "of a dog"]),
        WordEncoder(KeyedVectors(kv.keys, kv.matrix)),
        WordEncoder(kv, pooling="mean", tokens="whitespace"),
        WordEncoder(kv.cut(15), pooling="mean"),
    ]
    assert len({encoder.space for encoder in encoders}) == len(encoders)
    assert WordEncoder(some_vectors(), name="other").space == WordEncoder(kv).space


def test_long_texts_are_cut_into_passages(glove):
    encoder = WordEncoder(glove)
    text = " ".join(f"Sentence number {i} speaks of cats and dogs." for i in range(60))
    [spans] = encoder.split([text], headings=["A title"])
    assert len(spans) > 3
    assert max(span.tokens for span in spans) <= 126
    assert encoder.split([" \n"]) == [[]]


def test_vectors_load_by_name_folder_and_file(tmp_path):
    kv = some_vectors()
    folder, file = kv.save(tmp_path / "own"), kv.save(tmp_path / "v.vec")
    a, b = sememe.load(str(folder)), sememe.load(str(file))
    np.testing.assert_array_equal(a.encode(["cat"]).shape, (1, 16))
    assert a.name == str(folder.resolve())
    assert sememe.load(a.name).space == a.space
    assert a.vectors.fingerprint == b.vectors.fingerprint
    mean = sememe.load(f"{folder}:mean")
    assert mean.pooling == "mean" and sememe.load(mean.name).space == mean.space
    assert mean.space != a.space == sememe.load(f"{folder}:sif").space


def test_a_models_folder_says_how_its_texts_were_cut(tmp_path):
    kv = KeyedVectors(["a,b", "a"], np.eye(2))
    facts = {"parameters": {"tokens": "whitespace"}}
    write_vectors(tmp_path / "model", kv.record, kind="word2vec", facts=facts)
    encoder = sememe.load(f"{tmp_path / 'model'}:mean")
    np.testing.assert_allclose(encoder.encode_one("a,b"), [1, 0])


def test_an_index_is_built_on_word_vectors_and_searched(tmp_path):
    kv = load_vectors("glove-6b-50d").subset(
        "the a cat sleeps kitten purrs train railway rides station on mat leaves".split()
    )
    name = str(kv.save(tmp_path / "own"))
    index = sememe.Index.create(tmp_path / "index", [name])
    index.add([("pet", "The cat sleeps on the mat"), ("rail", "A train leaves the station")])
    again = sememe.Index.open(tmp_path / "index")
    assert again.search("kitten purrs", k=1, mode="semantic")[0].id == "pet"
    assert again.search("railway rides", k=1, mode="semantic")[0].id == "rail"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: WordEncoder(some_vectors(), pooling="max"), UnknownNameError, "mean, sif"),
        (lambda: WordEncoder(some_vectors(), tokens="chars"), UnknownNameError, "whitespace"),
        (lambda: WordEncoder(some_vectors(), reference=["zzz"]), InvalidInputError, "reference"),
        (lambda: WordEncoder(some_vectors()).encode([3]), InvalidInputError, "item 0 is int"),
        (lambda: WordEncoder(some_vectors()).encode([], batch_size=0), InvalidInputError, "least"),
        (lambda: sememe.load("glove-6b-50"), UnknownNameError, "Did you mean 'glove-6b-50d'"),
        (lambda: WordEncoder(KeyedVectors([], np.empty((0, 3)))), InvalidInputError, "one key"),
        (lambda: sememe.load(""), UnknownNameError, "model=''"),
        (lambda: sememe.load(":mean"), UnknownNameError, "model=':mean'"),
        (lambda: sememe.load("a" * 5000), UnknownNameError, "Nor is there a folder"),
        (lambda: load_vectors("use-multilingual-v3"), InvalidInputError, "holds no word vectors"),
    ],
)  # fmt: skip
def test_bad_input_says_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("pooling", ["sif", "mean"])
def test_nan_in_a_mapped_file_is_no_vector(tmp_path, pooling):
    with (some_vectors().save(tmp_path / "v") / "matrix.npy").open("r+b") as file:
        file.seek(-16 * 4 * len(WORDS), 2)  # the first number
        file.write(np.float32("nan").tobytes())
    kv = KeyedVectors.load(tmp_path / "v")
    with pytest.raises(InvalidInputError, match="hold NaN"):
        WordEncoder(kv, pooling=pooling).encode([WORDS[0]])
