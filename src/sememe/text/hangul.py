"""Stemming of Hangul words by rule, without a dictionary.

A Korean word in running text is a stem with particles (josa: 학교+에서+는) or endings (eomi:
설립+되+었+나요) attached. The rules look only at the end of the word, in letters (jamo), since an
ending may begin inside a syllable (간다 = 가 + ㄴ다), and at whether the syllable before a particle
ends with a consonant (batchim), which decides which particles may follow.

Without a dictionary, 고양이 (cat) cannot be distinguished from 고양 + 이, so a word may have
several stems; `stems` returns all of them.
"""

from __future__ import annotations

import re
import unicodedata

_FIRST_SYLLABLE = 0xAC00
_FINALS = 28  # a syllable block is (initial, vowel, final), and 28 finals include "none"
_RIEUL = 8  # the final ㄹ, after which some particles have the form used after a vowel

# Particles by what they may follow. The longest match wins, so compounds are listed as the product
# of a case particle and a closing one (에서 + 는, 에게 + 도).
_CASE = (
    "에서 에게 에게서 한테 한테서 께 께서 에 까지 부터 처럼 만큼 보다 같이 마다 조차 마저 밖에 "
    "대로 뿐 만 하고"
)
_CASE_CLOSED = "으로 으로서 으로써 으로부터 이랑 과"
_CASE_OPEN = "로 로서 로써 로부터 랑 와"
_CLOSE = "는 도 만 의 까지 부터 은 가 이 를 을 나 이나 조차 마저 밖에"
_PLAIN = "의 도 들 들이 들은 들을 들의 들에 들에게 들과 들도 들에서 끼리 씩 이라도 라도"
_PLAIN_CLOSED = "은 이 을 이나 이며 이란 이라 이라는 이라고 이든 이여 아"
_PLAIN_OPEN = "는 가 를 나 며 란 라 라는 라고 든 여 야"
# Noun + 이다, in its usual forms (이 may contract with an open syllable: 무언가요).
_COPULA = (
    "인가요 인가 인지 입니다 입니까 이다 이에요 예요 이었다 였다 이었나요 였나요 이었는가 "
    "였는가 이었던 였던 이고 이면 이지만 이자 인 인데 이니 이므로 일까 일까요 이었습니다 "
    "였습니다 이며 이라서 라서 이야 이지 이죠 인데요 이던 임"
)


def _words(*groups: str) -> list[str]:
    return [word for group in groups for word in group.split()]


def _compounds(cases: str) -> list[str]:
    return _words(cases) + [case + end for case in _words(cases) for end in _words(_CLOSE)]


# Nouns that end in 다 (바다, sea), not a stem and 다.
_NOUNS_IN_DA = frozenset(_words("바다 판다 소다 수다 람다 혼다"))
_AFTER_ANY = frozenset(_compounds(_CASE) + _words(_PLAIN))
_AFTER_CLOSED = frozenset(_compounds(_CASE_CLOSED) + _words(_PLAIN_CLOSED, _COPULA))
_AFTER_OPEN = frozenset(_compounds(_CASE_OPEN) + _words(_PLAIN_OPEN, _COPULA))
_LONGEST = max(map(len, _AFTER_ANY | _AFTER_CLOSED | _AFTER_OPEN))

# Verb endings in jamo; a leading compatibility consonant is a final (ㄴ다 as in 간다).
_ENDINGS = (
    "다 ㄴ다 는다 습니다 ㅂ니다 습니까 ㅂ니까 나 나요 ㄴ가 ㄴ가요 은가 은가요 는가 는가요 던가 "
    "던가요 ㄹ까 ㄹ까요 을까 을까요 어요 아요 여요 네요 네 군요 구나 죠 지요 고 며 으며 면 으면 "
    "면서 으면서 아서 어서 여서 니까 으니까 니 으니 는데 ㄴ데 은데 던데 지만 거나 도록 려고 "
    "으려고 러 으러 기 음 ㅁ 는 ㄴ 은 ㄹ 을 던 ㄴ지 은지 는지 ㄹ지 을지 아 어 여 아도 어도 여도 "
    "자 라 자마자 다가 다는 다고 ㄴ다는 ㄴ다고 는다고 기에 기도 기는 기를 게 지 지는 지도 므로 "
    "으므로 아야 어야 여야 어라 아라 세요 으세요 십시오 소서 듯이 느라 는지를 ㄹ수록 을수록"
)
# Endings distinctive enough to be accepted on any word, without a tense mark before them.
_SURE = (
    "ㄴ다 는다 습니다 ㅂ니다 습니까 ㅂ니까 나요 ㄴ가요 은가요 는가 는가요 ㄹ까요 을까요 을까 "
    "어요 아요 여요 네요 군요 지요 으며 으면 면서 으면서 아서 어서 여서 니까 으니까 는데 은데 "
    "던데 지만 거나 도록 려고 으려고 으러 을지 는지 은지 아도 어도 여도 자마자 다가 ㄴ다는 "
    "ㄴ다고 는다고 으므로 어야 아야 여야 어라 아라 세요 으세요 십시오 ㄹ수록 을수록 고 게 지 는 "
    "은 을 던 음 기 면"
)
_FINAL_JAMO = {"ㄴ": "\u11ab", "ㄹ": "\u11af", "ㅁ": "\u11b7", "ㅂ": "\u11b8", "ㅆ": "\u11bb"}


def _letters(ending: str) -> str:
    """Spell an ending in conjoining jamo.

    >>> [hex(ord(letter)) for letter in _letters("ㄴ다")]
    ['0x11ab', '0x1103', '0x1161']
    """
    head = _FINAL_JAMO.get(ending[0], "")
    return head + unicodedata.normalize("NFD", ending[1:] if head else ending)


def _any_of(words: str) -> str:
    """Return a pattern of the endings, longest first; 은, 을, 음, 습 require a final before."""
    patterns = []
    for letters in sorted(map(_letters, _words(words)), key=len, reverse=True):
        needs_final = letters[:3] == "\u1109\u1173\u11b8" or letters[:2] == "\u110b\u1173"
        patterns.append("(?<=[\u11a8-\u11c2])" + letters if needs_final else letters)
    return "|".join(patterns)


# Vowels of a stem contracted with 어 or 아: ㅗ to ㅘ, ㅜ to ㅝ, ㅡ to ㅓ, ㅣ to ㅕ.
_CONTRACTED = {"\u1169": "\u116a", "\u116e": "\u116f", "\u1173": "\u1165", "\u1175": "\u1167"}
# A final ㅆ marks the past tense, except in 있다 and 겠.
_TENSE = f"(?:{_any_of('았 었 였 겠')}|(?<!\u110b\u1175)\u11bb)+"
_HONOUR = f"(?:{_any_of('으시 시 으셔 셔')})?"
# Light verbs 하다, 되다, 시키다, ...: they follow a noun.
_LIGHT = _any_of(
    "하 해 되 돼 시키 시켜 당하 당해 받 스럽 스러 되어지 되어져 하여지 하여져 해지 해져"
)
_LIGHT_VERB = re.compile(f"(?s)^(.*?)(?:{_LIGHT}){_HONOUR}(?:{_TENSE})?({_any_of(_ENDINGS)}|)$")
_TENSED_VERB = re.compile(f"(?s)^(.+?){_HONOUR}{_TENSE}(?:{_any_of(_ENDINGS)})$")
_PLAIN_VERB = re.compile(f"(?s)^(.+?){_HONOUR}(?:{_any_of(_SURE)})$")


def final_of(syllable: str) -> int:
    """Return the index of a syllable's final consonant: 0 none, 8 ㄹ, ... 27 ㅎ.

    >>> final_of("차"), final_of("울")
    (0, 8)
    """
    return (ord(syllable) - _FIRST_SYLLABLE) % _FINALS


def strip_particle(word: str) -> str:
    """Return the word without its longest possible particle, at least one syllable.

    >>> strip_particle("학교에서는"), strip_particle("사과"), strip_particle("자동차를")
    ('학교', '사과', '자동차')
    """
    for size in range(min(_LONGEST, len(word) - 1), 0, -1):
        rest, tail = word[:-size], word[-size:]
        # 결과, 회의, 제도: one syllable is left only before an unambiguous particle.
        if _may_follow(rest, tail) and (len(rest) > 1 or size > 1 or tail in "은는을를"):
            return rest
    return word


def _may_follow(noun: str, tail: str) -> bool:
    """Return whether the tail is a particle that may follow the last syllable of the noun."""
    final = final_of(noun[-1])
    open_like = final == 0 or (final == _RIEUL and tail.startswith("로"))
    return tail in _AFTER_ANY or tail in (_AFTER_OPEN if open_like else _AFTER_CLOSED)


def short_noun(word: str) -> str:
    """Return the syllable before what may be a particle (꽃이), or "" if the word is not such.

    >>> short_noun("꽃이"), short_noun("꽃가"), short_noun("회의"), short_noun("자동차가")
    ('꽃', '', '회', '')
    """
    return word[0] if len(word) == 2 and _may_follow(word[0], word[1]) else ""


def _strip_tensed_ending(letters: str) -> str | None:
    """Return what precedes 하다, 되다... or a tense mark, None if there is neither."""
    if match := _LIGHT_VERB.match(letters):
        rest = unicodedata.normalize("NFC", match[1])
        if len(rest) != 1 or match[2]:  # 이해, 동해, 위해 end in 해 and are not verbs
            return rest
    match = _TENSED_VERB.match(letters)
    return unicodedata.normalize("NFC", match[1]) if match else None


def strip_ending(word: str) -> str:
    """Return the word without its verb ending, "" if it is a light verb alone.

    >>> strip_ending("먹었습니다"), strip_ending("설립되었나요"), strip_ending("하나요")
    ('먹', '설립', '')
    """
    letters = unicodedata.normalize("NFD", word)
    if (rest := _strip_tensed_ending(letters)) is not None:
        return rest
    match = _PLAIN_VERB.match(letters)
    return unicodedata.normalize("NFC", match[1]) if match else word


def stems(word: str) -> tuple[str, ...]:
    """Return the distinct possible stems of a Hangul word, by default the word itself.

    A word of one syllable is its own stem. "" is the stem of a word of endings only (하나요).

    >>> stems("학교에서는"), stems("자동차"), stems("간다는")
    (('학교',), ('자동차',), ('간다', '가'))
    """
    if len(word) < 2:
        return (word,)
    verb = _strip_tensed_ending(unicodedata.normalize("NFD", word))
    if verb is not None:
        return (verb,)
    noun = strip_particle(word)
    if len(word) - len(noun) > 1:  # a particle of two syllables is rarely part of the stem
        return (noun,)
    shorter = dict.fromkeys(stem for stem in (noun, strip_ending(word)) if stem != word)
    return tuple(shorter) or (word,)


def other_readings(stem: str) -> tuple[str, ...]:
    """Return alternative readings of a stem, () if there are none.

    The dictionary form of a verb gives its stem, also contracted with 어; a name loses 씨 or 님;
    four syllables are two nouns more often than one.

    >>> other_readings("먹다"), other_readings("배우다"), other_readings("이서연씨")
    (('먹',), ('배우', '배워'), ('이서연',))
    >>> other_readings("환불규정"), other_readings("자동차"), other_readings("바다")
    (('환불', '규정'), (), ())
    """
    if stem in _NOUNS_IN_DA:
        return ()
    if len(stem) > 1 and stem.endswith("다"):
        return tuple(dict.fromkeys((stem[:-1], _contract(stem[:-1]))))
    if len(stem) > 2 and stem[-1] in "씨님":
        return (stem[:-1],)
    if len(stem) == 4:
        return (stem[:2], stem[2:])
    return (short_noun(stem),) if short_noun(stem) else ()


def _contract(stem: str) -> str:
    """Return a verb stem contracted with 어 or 아, itself if it has no contraction.

    >>> _contract("배우"), _contract("보"), _contract("쓰"), _contract("먹"), _contract("가")
    ('배워', '봐', '써', '먹', '가')
    """
    letters = unicodedata.normalize("NFD", stem)
    return unicodedata.normalize("NFC", letters[:-1] + _CONTRACTED.get(letters[-1], letters[-1]))
