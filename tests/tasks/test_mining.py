"""Mining texts: paraphrases are found, by random vectors no better than chance; refusals."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe._errors import InvalidInputError

PARAPHRASES = [
    ("The cat sleeps all day long.", "A cat is asleep the whole day."),
    ("How can I learn to play the guitar?", "What is the best way to learn guitar?"),
    ("The company lost a lot of money last year.", "Last year the firm made heavy losses."),
    ("Take an umbrella, it is going to rain.", "It will rain soon, so bring your umbrella."),
    ("She passed the exam at the first attempt.", "She succeeded in the test on her first try."),
    ("서울에서 부산까지 기차로 두 시간 반이 걸린다.", "부산은 서울에서 기차로 두 시간 반 거리다."),
    ("김치찌개를 맛있게 끓이는 방법을 알려 주세요.", "맛있는 김치찌개는 어떻게 끓이나요?"),
    ("병원은 아침 아홉 시에 문을 연다.", "The hospital opens at nine in the morning."),
    ("우리 팀이 축구 경기에서 이겼다.", "Our team won the football match."),
    ("비밀번호를 잊어버렸어요.", "I forgot my password."),
]  # fmt: skip
TEXTS = [pair[0] for pair in PARAPHRASES] + [pair[1] for pair in PARAPHRASES]
TRUE = {(i, i + 10) for i in range(10)}


class Drawn:
    """An encoder that knows nothing: each text has a direction of its own."""

    name, dim, modality, space = "drawn", 16, "text", "none"

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.seen = []

    def encode(self, items, *, batch_size=None, show_progress=False):
        self.seen.append(list(items))
        return self.rng.standard_normal((len(items), self.dim)).astype(np.float32)


class Spelt(Drawn):
    """Worked vectors: a text is its two numbers."""

    dim = 2

    def encode(self, items, *, batch_size=None, show_progress=False):
        self.seen.append(list(items))
        return np.array([text.split() for text in items], np.float32)


def found_of(encoder):
    pairs = sememe.mine_pairs(TEXTS, encoder, max_pairs=10)
    return len({pair[:2] for pair in pairs} & TRUE)


def test_known_paraphrases_are_the_most_similar_pairs(encoder):
    assert found_of(encoder) >= 9


def test_random_vectors_find_them_no_better_than_chance():
    """10 of 190 pairs are true, so 10 drawn ones hold 0.53 on average; 100 draws: 0.53 +- 0.07."""
    mean = np.mean([found_of(Drawn(seed)) for seed in range(100)])
    assert 0.25 < mean < 0.8


def test_paraphrases_are_dropped_and_their_first_kept(encoder):
    found = sememe.deduplicate(TEXTS, encoder, threshold=0.7)
    right = [
        kept == row - 10
        for row, kept in zip(found.dropped.tolist(), found.duplicate_of.tolist(), strict=True)
    ]
    assert len(right) >= 7 and all(right)
    assert len(sememe.deduplicate(TEXTS, Drawn(), threshold=0.9).dropped) == 0


def test_worked_pairs_with_copies_and_blanks():
    """Directions (1,0) (3,4) (4,3); the copies at 3 and 4 pair with their first place, 1, alone."""
    texts = ["1 0", "3 4", " ", "3 4", "3 4", "4 3", ""]
    encoder = Spelt()
    found = sememe.mine_pairs(texts, encoder)
    assert encoder.seen == [["1 0", "3 4", "4 3"]]
    assert [pair[:2] for pair in found] == [(1, 3), (1, 4), (1, 5), (0, 5), (0, 1)]
    scores = [1, 1, 0.96, 0.8, 0.6]
    assert [pair.score for pair in found] == pytest.approx(scores, abs=1e-6)
    assert found[2].texts == ("3 4", "4 3")
    assert sememe.mine_pairs(texts, Spelt(), max_pairs=3) == found[:3]
    assert sememe.mine_pairs(texts, Spelt(), threshold=0.9) == found[:3]
    assert sememe.mine_pairs(texts, Spelt(), repeats=False) == found[2:]


def test_many_copies_do_not_crowd_out_the_bound():
    texts = ["3 4"] * 500 + ["6 8", "1 0"]
    found = sememe.mine_pairs(texts, Spelt(), max_pairs=500)
    assert [pair[:2] for pair in found] == [(0, i) for i in range(1, 501)]
    assert sememe.mine_pairs(texts, Spelt(), max_pairs=1, repeats=False)[0][:2] == (0, 500)
    assert sememe.mine_pairs(["a"] * 3, Drawn(), repeats=False) == []
    assert len(sememe.mine_pairs(["a"] * 3, Drawn())) == 2


def test_worked_deduplicate_with_copies_and_blanks():
    """(4,3) is dropped for (3,4), and its copy with it; the copy of (3,4) for its first place."""
    texts = ["1 0", "", "3 4", "4 3", "3 4", "4 3", "\n"]
    found = sememe.deduplicate(texts, Spelt(), threshold=0.9)
    assert found.kept.tolist() == [0, 2]
    assert found.dropped.tolist() == [3, 4, 5]
    assert found.duplicate_of.tolist() == [2, 2, 2]
    assert found.scores.tolist() == pytest.approx([0.96, 1, 0.96])
    assert found.groups() == {2: [3, 4, 5]}


def test_the_encoder_gets_batches():
    encoder = Drawn()
    sememe.mine_pairs([f"text {i}" for i in range(5000)], encoder, max_pairs=1)
    assert [len(batch) for batch in encoder.seen] == [4096, 904]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: sememe.mine_pairs(["a", " "], Drawn()), "got 1 texts with content among 2"),
        (lambda: sememe.mine_pairs("ab", Drawn()), "takes a list of texts, got one str"),
        (lambda: sememe.mine_pairs(["a", 3], Drawn()), "item 1 is int"),
        (lambda: sememe.mine_pairs(["a", "b"], Drawn(), max_pairs=-1), "max_pairs=-1"),
        (lambda: sememe.mine_pairs(["a", "b"], Drawn(), threshold=7), "threshold=7"),
        (lambda: sememe.deduplicate([], Drawn()), "got 0 texts, none with content"),
        (lambda: sememe.deduplicate(["a"], Drawn(), threshold=-2), "threshold=-2"),
        (lambda: sememe.mine_pairs(["1 0", "1 0", "0 0"], Spelt()), "drawn gives text 2 a vector"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(InvalidInputError, match=says):
        call()
