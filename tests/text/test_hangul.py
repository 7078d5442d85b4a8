"""Particles and endings, worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sememe.text.hangul import (
    final_of,
    other_readings,
    short_noun,
    stems,
    strip_ending,
    strip_particle,
)

WORDS = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("학교에서는", "학교"),
        ("자동차를", "자동차"),
        ("자동차", "자동차"),
        ("고양이를", "고양이"),
        ("서울로", "서울"),  # 로 after ㄹ
        ("부산으로", "부산"),
        ("친구에게도", "친구"),
        ("나라의", "나라"),
        ("물을", "물"),
        ("사과", "사과"),  # 과 never follows a vowel
        ("결과", "결과"),  # one syllable is left only before 은 는 을 를
        ("회의", "회의"),
        ("운동장까지", "운동장"),
    ],
)
def test_particles(word, stem):
    assert strip_particle(word) == stem
    assert stems(word)[0] == stem


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("먹었습니다", "먹"),
        ("먹는", "먹"),
        ("설립되었나요", "설립"),
        ("설립된", "설립"),
        ("설립했다", "설립"),
        ("설립하여", "설립"),
        ("사용하는", "사용"),
        ("태어났나요", "태어나"),
        ("끝났는가", "끝나"),  # the past tense melts into the syllable before it
        ("있습니다", "있"),  # the ㅆ of 있다 is no tense
        ("이해", "이해"),  # 해 is not always a verb
        ("동해", "동해"),
        ("이해하나요", "이해"),
    ],
)
def test_endings(word, stem):
    assert stems(word)[0] == stem


def test_different_forms_of_a_verb_share_a_stem():
    forms = "먹었습니다 먹었다 먹는다 먹는 먹고 먹으면 먹었나요 먹어서 먹습니까".split()
    assert {stems(form)[0] for form in forms} == {"먹"}


def test_a_light_verb_alone_leaves_nothing():
    assert strip_ending("하나요") == ""
    assert stems("했습니다") == ("",)


def test_batchim():
    assert [final_of(letter) for letter in "가각갈핳"] == [0, 1, 8, 27]


@pytest.mark.parametrize(
    ("word", "noun"),
    [
        *((word, word[0]) for word in "꽃이 눈이 집에 책도 밥과 차가 차로 물로 왕의".split()),
        *((word, "") for word in "차이 집가 차과 꽃로 꽃 나무 꽃이다 자동차가".split()),
    ],
)
def test_one_syllable_before_a_particle_that_its_final_allows(word, noun):
    assert short_noun(word) == noun


@pytest.mark.parametrize(
    ("stem", "readings"),
    [
        ("먹다", ("먹",)),
        ("피다", ("피", "펴")),
        ("배우다", ("배우", "배워")),
        ("쓰다", ("쓰", "써")),
        ("바다", ()),  # the sea
        ("캐나다", ("캐나",)),  # tried only where no document holds 캐나다
        ("이서연씨", ("이서연",)),  # before four syllables are halved
        ("이서연님", ("이서연",)),
        ("김씨", ()),
        ("환불규정", ("환불", "규정")),
        ("자동차", ()),
        ("꽃이", ("꽃",)),
    ],
)
def test_what_a_stem_may_be_made_of(stem, readings):
    assert other_readings(stem) == readings


@given(WORDS)
def test_a_stem_is_shorter_or_the_word(word):
    found = stems(word)
    assert found
    assert len(set(found)) == len(found)
    for stem in found:
        assert stem == word or len(stem) <= len(word)
        assert all("가" <= syllable <= "힣" for syllable in stem)


@given(WORDS, st.sampled_from(["에서는", "까지", "부터"]))
def test_a_long_particle_is_always_seen(word, particle):
    assert strip_particle(word + particle) != word + particle


@given(WORDS)
def test_another_reading_is_shorter(word):
    assert all(0 < len(reading) < len(word) for reading in other_readings(word))
