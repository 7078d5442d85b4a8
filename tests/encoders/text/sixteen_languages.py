"""Texts in the sixteen languages of the default encoder, and noise, drawn with a seed."""

from __future__ import annotations

import random

SENTENCES = {
    "ar": "القطة تنام على السجادة بينما يهطل المطر في الخارج",
    "de": "Während draußen der Regen fällt, schläft die Katze auf dem Teppich",
    "en": "The cat sleeps on the rug while rain falls outside the window",
    "es": "El gato duerme en la alfombra mientras afuera cae la lluvia",
    "fr": "Le chat dort sur le tapis pendant que la pluie tombe dehors",
    "it": "Il gatto dorme sul tappeto mentre fuori cade la pioggia",
    "ja": "外では雨が降っていて、猫は絨毯の上で眠っています",
    "ko": "밖에는 비가 내리고 고양이는 양탄자 위에서 잠을 잔다",
    "nl": "De kat slaapt op het tapijt terwijl buiten de regen valt",
    "pl": "Kot śpi na dywanie, podczas gdy na zewnątrz pada deszcz",
    "pt": "O gato dorme no tapete enquanto a chuva cai lá fora",
    "ru": "Кошка спит на ковре, пока за окном идёт дождь",
    "th": "แมวนอนหลับอยู่บนพรมขณะที่ฝนตกอยู่ข้างนอก",
    "tr": "Dışarıda yağmur yağarken kedi halının üzerinde uyuyor",
    "zh": "外面下着雨,猫在地毯上睡觉",
    "zh-TW": "外面下著雨,貓在地毯上睡覺",
}
RANGES = [
    (0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x590), (0x600, 0x700), (0xE00, 0xE80),
    (0x1100, 0x1200), (0x2000, 0x2200), (0x3040, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4),
    (0xFF00, 0xFFF0), (0x1F300, 0x1FB00), (0x1, 0xD800), (0x10000, 0x2FFFF),
]  # fmt: skip
ODD = [
    "",
    " ",
    "▁▁",
    "<s> </s> <unk>",
    "𓀀𓀁",
    "１２３ ①②③ ㎏",
    "e\u0301a\u0308",
    "\u1112\u1161\u11ab",
    "a\tb\n\nc",
]


def texts_in_sixteen_languages(count: int) -> list[str]:
    """Shuffled words of the sentences, stretches of single ranges, digits, emoji, odd cases."""
    rng = random.Random(0)
    texts = [*SENTENCES.values(), *ODD]
    languages = sorted(SENTENCES)
    while len(texts) < count:
        kind = rng.random()
        if kind < 0.6:
            words = SENTENCES[rng.choice(languages)].split()
            texts.append(" ".join(rng.choices(words, k=rng.randint(1, 12))))
        elif kind < 0.7:
            texts.append(f"{rng.randint(0, 10**9)} {rng.random():.3f} 2026-11-{rng.randint(1, 30)}")
        else:
            low, high = rng.choice(RANGES)
            texts.append("".join(chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 40))))
    return [text.encode("utf-8", "replace").decode() for text in texts]
