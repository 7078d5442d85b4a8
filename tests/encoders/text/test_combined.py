"""The default encoder: E5 and USE side by side, languages together."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe.models.e5.combination import read_combination, stack
from tests.contracts.encoder import TextContract

KOREAN = [
    "고속 열차는 서울에서 부산까지 두 시간 반이면 도착한다.",
    "고양이는 하루에 열네 시간을 잔다.",
    "김치는 배추를 소금에 절여 고춧가루로 버무린다.",
    "세금은 5월에 신고한다.",
    "벌은 춤으로 꽃이 있는 곳을 알린다.",
    "피아노를 조율하려면 귀가 좋아야 한다.",
    "태풍이 오면 창문을 테이프로 붙인다.",
    "회의는 다음 주 화요일로 미뤘다.",
]
ENGLISH = [
    "The express train takes two and a half hours from Seoul to Busan.",
    "Cats sleep for fourteen hours a day.",
    "Kimchi is cabbage pickled in salt and mixed with chilli powder.",
    "Taxes are declared in May.",
    "Bees dance to tell where the flowers are.",
    "You need a good ear to tune a piano.",
    "When a typhoon comes, tape the windows.",
    "The meeting was moved to next Tuesday.",
]
UNRELATED = [
    "Volcanic ash closed the airport.", "She paints portraits in oil.",
    "The recipe needs two eggs.", "Our team won the final.", "He repairs old clocks.",
    "The river froze in January.", "A new bridge opens today.", "They sell second-hand books.",
]  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    return sememe.load("e5-use-multilingual")


class TestCombined(TextContract):
    @pytest.fixture
    def subject(self, encoder):
        return encoder


def test_a_query_alone_has_the_vector_it_has_among_others(encoder):
    """Alone, both encoders run at once, and the first on several threads."""
    among = encoder.encode_query([*KOREAN[:2], *ENGLISH[:2]])
    alone = np.concatenate([encoder.encode_query([text]) for text in [*KOREAN[:2], *ENGLISH[:2]]])
    np.testing.assert_allclose(alone, among, atol=2e-6)


@pytest.mark.parametrize("role", ["text", "document"])
def test_cosines_are_about_those_of_both_parts(encoder, role):
    """The projection keeps them: 0.8 of one and 0.2 of the other, within 0.08."""
    first, second = encoder.first, sememe.load("use-multilingual-v3")
    texts, how = [*KOREAN[:4], *ENGLISH[:4]], read_combination()
    vectors = first.encode(texts) if role == "text" else first.encode_document(texts)
    expected = stack(how.remove_language(vectors, role), second.encode(texts))
    got = encoder.encode(texts) if role == "text" else encoder.encode_document(texts)
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, atol=0.08)
    np.testing.assert_allclose(got, how.combine(vectors, second.encode(texts), role), atol=1e-5)


def test_the_first_is_e5_but_for_documents(encoder):
    """Their network is another, which of short ones merges no tokens, and is near to E5's."""
    e5, texts = sememe.load("multilingual-e5-small"), [*KOREAN[:4], *ENGLISH[:4]]
    np.testing.assert_allclose(encoder.first.encode(texts), e5.encode(texts), atol=1e-5)
    np.testing.assert_allclose(encoder.first.encode_query(texts), e5.encode_query(texts), atol=1e-5)
    cosines = (encoder.first.encode_document(texts) * e5.encode_document(texts)).sum(axis=1)
    assert 0.98 < cosines.min() and cosines.max() < 0.9999


def test_unrelated_texts_in_the_language_of_a_question_are_hardly_nearer(encoder):
    """The same documents in two languages, in deviations of unrelated pairs; E5 alone is the
    control."""

    def preference(one):
        questions = one.encode_query(KOREAN)
        same, other = (
            (questions @ one.encode_document(texts).T)[~np.eye(len(texts), dtype=bool)]
            for texts in (KOREAN, ENGLISH)
        )
        return (same.mean() - other.mean()) / same.std()

    assert preference(encoder) < 1.3
    assert preference(sememe.load("multilingual-e5-small")) > 2.5


def test_a_question_finds_its_answer_in_the_other_language(encoder):
    scores = encoder.encode_query(ENGLISH) @ encoder.encode_document([*KOREAN, *UNRELATED]).T
    assert (scores.argmax(axis=1) == np.arange(len(ENGLISH))).all()


def test_it_splits_counts_and_gives_tokens_as_the_first(encoder):
    text = "고양이가 잔다. " * 200
    spans = encoder.split([text])[0]
    assert spans == sememe.load("multilingual-e5-small").split([text])[0]
    done = encoder.encode_with_receipt([text, ""])
    assert done.receipt.empty == [1] and done.receipt.dropped == 0
    assert np.isfinite(done.vectors).all()
    assert encoder.encode_tokens(["배를 탔다"])[0].vectors.shape[1] == 384


def test_its_space_names_both_and_what_is_removed(encoder):
    assert encoder.documents.space == encoder.space
    assert encoder.space != sememe.load("e5-use-multilingual:float32").space
    assert encoder.space == "ef5877028eb7dabc"  # since 2026-12-01
