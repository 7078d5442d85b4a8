"""The dictionary analyser keeps the same rule of matching."""

import pytest

pytest.importorskip("kiwipiepy")

from sememe.text.terms.analyze import Analyzer, analyzer


@pytest.fixture(scope="module")
def kiwi() -> Analyzer:
    return analyzer("kiwi")


def finds(analyser: Analyzer, query: str, document: str) -> bool:
    return not set(analyser.analyze_query(query).required).isdisjoint(analyser.analyze(document))


def test_its_terms_are_not_the_default_ones(kiwi):
    assert kiwi.name == "kiwi"
    assert kiwi.fingerprint != analyzer("default").fingerprint


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("자동차", "자동차를 샀다"),
        ("학교에서는", "우리 학교가 좋다"),
        ("먹었다", "밥을 먹는 사람"),
        ("SUV", "SUV차량"),
    ],
)
def test_finds(kiwi, query, document):
    assert finds(kiwi, query, document)


@pytest.mark.parametrize("document", ["자동문이 열린다", "자동으로 꺼진다", "고양시"])
def test_does_not_find(kiwi, document):
    assert not finds(kiwi, "자동차", document)
    assert not finds(kiwi, "고양이", document)


@pytest.mark.parametrize("text", ["", "가" * 5000, "\ud800", "뷁쉛", "는", "🍎 ㅋㅋ"])
def test_strange_text(kiwi, text):
    assert all(term.split() == [term] for term in kiwi.analyze(text))
