"""Static encoders: the contract, a plain loop, unknown and long texts, the receipt, loading."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe import CorruptFileError, Encoder, Index
from sememe.encoders.text import static
from sememe.encoders.text.static import StaticEncoder
from sememe.models.static.folder import write_static_files
from tests.contracts.encoder import EncoderContract
from tests.models.static import folders as static_folders

TEXTS = ["the cat sat on the mat", "a dog ran", "배를 탔다", "cats", "mat", "sitting", "", "🙂"]


@pytest.fixture
def subject(tmp_path):
    return sememe.load(str(static_folders.write(tmp_path / "static")))


class TestContract(EncoderContract):
    @pytest.fixture
    def subject(self, tmp_path):
        return sememe.load(str(static_folders.write(tmp_path / "static")))

    @pytest.fixture
    def items(self):
        return [*TEXTS, "the cat sat on the mat. " * 20 + "a dog", "dog " * 60_000]


def test_vectors_are_those_of_a_plain_loop(subject):
    """The mean of the rows of the known tokens, marks and unknown ones left out, at unit length."""
    rows, tokenizer = static_folders.rows(), static_folders.tokenizer()
    tokenizer.no_truncation()
    texts = [*TEXTS[:2], "cats", "the cat sat on the unheard mats , a dog"]
    for text, found in zip(texts, subject.encode(texts), strict=True):
        ids = [i for i in tokenizer.encode(text, add_special_tokens=False).ids if i != 1]
        mean = np.mean([rows[i] for i in ids], axis=0)
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_what_has_no_known_token_is_like_nothing_else(subject):
    vectors = subject.encode(["🙂", "🦄", "", " ", "xyz"])
    cosine = vectors @ vectors.T
    np.testing.assert_allclose(cosine[2, 3], 1, atol=1e-6)
    rest = cosine[np.ix_([0, 1, 2, 4], [0, 1, 2, 4])]
    assert np.abs(rest[~np.eye(4, dtype=bool)]).max() < 0.99
    np.testing.assert_array_equal(vectors, subject.encode(["🙂", "🦄", "", " ", "xyz"]))


def test_the_receipt_counts_every_token(subject):
    found = subject.encode_with_receipt(["the cat unheard", " ", "a dog", "a dog"])
    receipt = found.receipt
    assert (receipt.items, receipt.tokens, receipt.encoded, receipt.dropped) == (4, 7, 7, 0)
    assert (receipt.unknown, receipt.empty, receipt.duplicates) == (1, [1], {3: 2})
    chunks = [(note.item, note.start, note.end, note.tokens) for note in receipt.chunks]
    assert chunks == [(0, 0, 15, 3), (2, 0, 5, 2), (3, 0, 5, 2)]
    np.testing.assert_array_equal(
        found.vectors, subject.encode(["the cat unheard", " ", "a dog", "a dog"])
    )


def test_a_long_text_is_its_tokens_wherever_it_is_cut(subject, monkeypatch):
    text = " ".join(["the cat sat on the mat", "a dog ran"] * 300)
    whole = subject.encode([text, "cat", text])
    monkeypatch.setattr(static, "_CHARS", 1500)
    assert len(static._split_long(text)) > 3
    assert "".join(static._split_long(text)) == text
    np.testing.assert_allclose(subject.encode([text, "cat", text]), whole, atol=1e-5)
    assert subject.encode_with_receipt([text]).receipt.tokens == 2700
    assert "".join(static._split_long("x" * 4000)) == "x" * 4000


def test_passages_for_an_index(subject):
    text = "the cat sat on the mat. a dog ran. " * 60
    spans = subject.split([text, " ", "a dog"])
    assert (len(spans[1]), len(spans[2])) == (0, 1)
    assert len(spans[0]) > 2
    assert max(span.tokens for span in spans[0]) <= subject.model.passage


def test_the_space_is_that_of_the_files(tmp_path):
    one = StaticEncoder.load(static_folders.write(tmp_path / "1"))
    assert isinstance(one, Encoder)
    assert one.name == str(tmp_path / "1")
    assert StaticEncoder.load(static_folders.write(tmp_path / "2")).space == one.space
    rows = static_folders.rows(seed=1)
    assert StaticEncoder.load(static_folders.write(tmp_path / "3", embeddings=rows)).space != (
        one.space
    )


def test_an_index_opens_its_static_encoder_again(tmp_path):
    folder = static_folders.write(tmp_path / "static")
    Index.create(tmp_path / "index", [str(folder)]).add(["the cat sat", "a dog ran on"])
    hits = Index.open(tmp_path / "index").search("cat", k=1, mode="semantic")
    assert hits[0].text == "the cat sat"


def test_a_folder_of_sentence_transformers(tmp_path, subject):
    other = sememe.load(str(static_folders.write_nested(tmp_path / "nested")))
    np.testing.assert_array_equal(other.encode(TEXTS), subject.encode(TEXTS))


def test_what_sememe_wrote(tmp_path, subject):
    facts = {"teacher": {}, "parameters": {}}
    (tmp_path / "own").mkdir()
    tokenizer = static_folders.tokenizer().to_str()
    write_static_files(tmp_path / "own", static_folders.rows(), tokenizer, facts)
    np.testing.assert_array_equal(
        sememe.load(str(tmp_path / "own")).encode(TEXTS), subject.encode(TEXTS)
    )


def test_rows_of_another_tokenizer_are_refused(tmp_path):
    folder = static_folders.write(tmp_path, embeddings=static_folders.rows()[:-1])
    with pytest.raises(CorruptFileError, match="18 tokens, the weights have rows for 17"):
        sememe.load(str(folder))
