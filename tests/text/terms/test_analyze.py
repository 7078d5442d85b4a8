"""The terms of documents and queries, and the rule by which a query finds a document."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import _errors
from sememe.text.terms.analyze import Analyzer, QueryTerms, analyzer

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.fixture(scope="module")
def default() -> Analyzer:
    return analyzer("default")


def finds(analyser: Analyzer, query: str, document: str) -> bool:
    """Whether a keyword search for the query returns the document."""
    return not set(analyser.analyze_query(query).required).isdisjoint(analyser.analyze(document))


@pytest.mark.parametrize(
    "document",
    [
        "자동차",
        "자동차를 샀다",
        "새 자동차는 조용하다",
        "전기자동차의 시대",
        "자동차보험",
        "(자동차)",
    ],
)
def test_a_word_finds_the_documents_that_hold_it(default, document):
    assert finds(default, "자동차", document)


@pytest.mark.parametrize(
    "document", ["자동문이 열린다", "자동으로 꺼진다", "동차", "차량과 승용차", "자동 동차", "SUV"]
)
def test_and_no_document_that_shares_only_syllables(default, document):
    assert not finds(default, "자동차", document)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("학교에서는", "우리 학교가 좋다"),
        ("먹었다", "밥을 먹는 사람"),
        ("설립", "1920년에 설립되었다"),
        ("언제 설립되었나요?", "1920년에 설립된 회사"),
        ("초등학교", "서울초등학교에서"),
        ("SUV", "SUV차량을 샀다"),
        ("running", "He runs"),
        ("cafe", "Café"),
        ("covid19", "COVID-19 백신"),
        ("email", "an e-mail"),
        ("e-mail", "mail"),
        ("1000", "1,000명"),
        ("C++", "C++를 배우다"),
        ("日本", "日本語"),
        ("ﾊﾝｸﾞﾙ", "ハングル"),
        ("무엇", "무엇인가"),
        ("the who", "The Who"),
    ],
)
def test_finds(default, query, document):
    assert finds(default, query, document)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("고양이", "고양시의 시장"),  # a word alone is taken as typed
        ("제주도", "제주"),
        ("GPT-4", "4월 4일"),
        ("e-mail", "vitamin e"),
        ("C++", "vitamin C"),
        ("수도는 어디인가요", "어디인가에 있다"),
        ("what is a sedan", "what is a tree"),
        ("자동차를 하나요", "하나요"),
    ],
)
def test_does_not_find(default, query, document):
    assert not finds(default, query, document)


def test_document_terms_by_hand(default):
    """학교에: pairs 학교 교에, triple = word 학교에, stem 학교 (a pair already)."""
    assert default.analyze("학교에 GPT-4 running") == [
        "학교",
        "교에",
        "학교에",
        "gpt4",
        "gpt",
        "4",
        "running",
        "run",
    ]


def test_a_noun_in_ing_is_a_term_beside_its_short_stem_in_documents_and_queries(default):
    """wedding and Wednesday's abbreviation share the stem wed; sing is no short stem."""
    assert default.analyze("Weddings, Wed, singing") == ["wedding", "wed", "wed", "sing"]
    assert default.analyze("the wedding's day") == ["the", "wedding", "wed", "day"]
    assert default.analyze_query("a wedding").required == ("wedding", "wed")
    assert default.analyze_query("string king").required == ("string", "king")


def test_terms_of_an_older_version_are_those_it_made(default):
    older = analyzer("default", terms="default-2")
    assert older.fingerprint == "default-2" != default.fingerprint
    assert older.analyze("wedding") == ["wed"] == list(older.analyze_query("wedding").required)
    assert analyzer("default", terms="default-1") == default  # one that nobody can read any more


def test_a_term_counts_once_for_each_word(default):
    assert default.analyze("자동차 자동차를").count("자동차") == 2


def test_query_terms_by_hand(default):
    """발명하였는가 is 발명 + 하 + 였 + 는가; 자동차 is three syllables, so its pairs are extra."""
    terms = default.analyze_query("자동차를 누가 발명하였는가?")
    assert terms.required == ("자동차", "발명")
    assert set(terms.extra) == {"자동차를", "자동", "동차", "발명하였는가"}
    assert set(terms.weights) == {*terms.required, *terms.extra}
    assert all(0 < terms.weights[term] < terms.weights["자동차"] for term in terms.extra)


def test_words_that_only_ask_are_kept_when_alone(default):
    assert default.analyze_query("언제").required == ("언제",)
    assert default.analyze_query("하나요").required == ("하나요",)
    assert default.analyze_query("what is").required == ("what", "is")


@pytest.mark.parametrize("query", ["", " \t\n", "?!", "\u200d", "\ud800"])
def test_a_query_without_words_asks_for_nothing(default, query):
    assert default.analyze_query(query) == QueryTerms((), {})


@settings(deadline=None)
@given(ANY_TEXT)
def test_terms_are_words(default, text):
    terms = default.analyze(text)
    wanted = default.analyze_query(text)
    for term in [*terms, *wanted.weights]:
        assert term
        assert term.split() == [term]
        term.encode("utf-8")
    assert not set(wanted.required) & set(wanted.extra)


@settings(deadline=None)
@given(ANY_TEXT)
def test_composed_and_decomposed_text_give_the_same_terms(default, text):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert default.analyze(composed) == default.analyze(decomposed)
    assert default.analyze_query(composed) == default.analyze_query(decomposed)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=30))
def test_a_document_is_found_by_its_own_word(default, word):
    assert finds(default, word, word)


@given(st.lists(st.sampled_from("자동차를 샀다 SUV차량 3번 C++ e-mail 日本".split())))
def test_white_space_does_not_matter(words):
    assert Analyzer().analyze(" ".join(words)) == Analyzer().analyze("\n\t ".join(words))


@pytest.mark.parametrize("unit", ["가", "a", "a-", "1,", "\ud800", "🍎", "คำ", "\x00", "e\u0301"])
def test_a_long_line_without_spaces_gives_short_terms(unit):
    terms = Analyzer().analyze(unit * 100_000)
    assert max(map(len, terms), default=0) <= 40


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr("sememe.text.terms.analyze._CACHE_SIZE", 10)
    small = Analyzer()
    text = " ".join(f"낱말{number}" for number in range(100))
    assert small.analyze(text) == Analyzer().analyze(text)
    assert len(small._cache) <= 10


def test_names_and_fingerprints(default):
    assert default.name == "default"
    assert default.fingerprint.startswith("default-")
    assert Analyzer() == default
    with pytest.raises(_errors.UnknownNameError, match="kiwi"):
        analyzer("kiwy")


def test_kiwi_missing_names_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    with pytest.raises(_errors.MissingExtraError, match=r"sememe\[korean\]"):
        analyzer("kiwi")


def test_import_is_light():
    code = "import sys, sememe.text.terms.analyze\n"
    code += "print(*sorted({'numpy', 'kiwipiepy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


def test_a_word_typed_with_what_may_be_a_particle_has_a_second_reading(default):
    assert default.analyze_query("자동차가").required == ("자동차가",)
    assert default.analyze_query("자동차가").otherwise == {"자동차가": ("자동차",)}
    assert default.analyze_query("자동차를").otherwise == {}  # read without 를 at once
    assert default.analyze_query("자동차가 빠른").otherwise == {}  # so it is beside other words


def test_every_word_of_a_query_may_have_other_readings(default):
    terms = default.analyze_query("이서연님께서 먹다 남긴 환불규정")
    assert terms.otherwise["이서연님"] == ("이서연",)
    assert terms.otherwise["먹다"] == ("먹",)
    assert terms.otherwise["환불규정"] == ("환불", "규정")


def test_a_reading_may_have_another(default):
    readings = default.analyze_query("이서연씨가").otherwise
    assert readings == {"이서연씨가": ("이서연씨",), "이서연씨": ("이서연",)}


def test_no_word_is_read_as_one_that_only_asks(default):
    assert default.analyze_query("서울에 있다").otherwise == {}


@settings(deadline=None)
@given(st.text("가각나다씨님이을에 ", max_size=30))
def test_readings_end(query):
    terms = Analyzer().analyze_query(query)
    for term, readings in terms.otherwise.items():
        assert all(0 < len(reading) < len(term) for reading in readings)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        *(("꽃", "꽃이 피었다"), ("집", "집에 갔다"), ("책", "책도 샀다"), ("눈", "눈이 온다")),
        *(("물", "물을 마셨다"), ("산", "산으로 갔다"), ("밥", "밥과 국")),
    ],
)
def test_a_word_of_one_syllable_is_found_before_a_particle(default, query, document):
    assert finds(default, query, document)
