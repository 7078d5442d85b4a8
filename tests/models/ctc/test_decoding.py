"""Decoding CTC: worked by hand, and exact against all readings, added up one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sememe._errors import InvalidInputError
from sememe.models.ctc.beam_search import BeamDecoder
from sememe.models.ctc.greedy import GreedyDecoder, TimedUnit, log_probabilities
from sememe.models.ctc.word_trie import WordTrie

ALL = 10**6  # beginnings: more than there are
SPACE = 3


def logs(rows):
    with np.errstate(divide="ignore"):
        return np.log(np.array(rows, float))


def random_logs(frames, units, seed=0):
    rng = np.random.default_rng(seed)
    return log_probabilities(2 * rng.normal(size=(frames, units)))


def added_up(log_probs, blank=0):
    """The probability of each text: all readings, units^frames of them, one by one."""
    frames, units = log_probs.shape
    found = {}
    for reading in itertools.product(range(units), repeat=frames):
        text = tuple(unit for unit, _ in itertools.groupby(reading) if unit != blank)
        score = log_probs[np.arange(frames), reading].sum()
        found[text] = np.logaddexp(found.get(text, -np.inf), score)
    return found


def decoded(log_probs, *, parts=1, **options):
    beam = BeamDecoder(0, **options)
    for part in np.array_split(log_probs, parts):
        beam.feed(part)
    return beam.hypotheses()


def test_the_best_units_are_not_the_best_text():
    """By hand, blank 0.6 and a 0.4 in both frames: the best reading is none twice, 0.36; but a is
    written by three readings, 2 * 0.24 + 0.16 = 0.64."""
    log_probs = logs([[0.6, 0.4], [0.6, 0.4]])
    greedy = GreedyDecoder(0)
    greedy.feed(log_probs)
    assert greedy.finish().units == ()
    assert np.exp(greedy.finish().score) == pytest.approx(0.36)
    best, other = decoded(log_probs, size=2)
    assert (best.ids, other.ids) == ((1,), ())
    assert np.exp([best.score, other.score]) == pytest.approx([0.64, 0.36])


def test_greedy_drops_repeats_and_blanks_and_knows_when():
    """a a - a b b -: two a's, as there is a blank between."""
    greedy = GreedyDecoder(0)
    for part in (logs(np.eye(3)[[1, 1, 0]]), logs(np.eye(3)[[1, 2, 2, 0]])):
        greedy.feed(part)
    assert greedy.finish().units == (TimedUnit(1, 0, 2), TimedUnit(1, 3, 4), TimedUnit(2, 4, 6))
    assert greedy.finish().score == 0


def test_a_unit_goes_on_where_scores_come_in_pieces():
    greedy, beam = GreedyDecoder(0), BeamDecoder(0, size=4)
    for row in logs(np.eye(2)[[1, 1, 1]]):
        greedy.feed(row[None])
        beam.feed(row[None])
    assert greedy.finish().units == beam.finish().units == (TimedUnit(1, 0, 3),)


def test_of_equal_units_greedy_takes_the_lower():
    greedy = GreedyDecoder(0)
    greedy.feed(logs([[0.2, 0.4, 0.4]]))
    assert greedy.finish().ids == (1,)


@pytest.mark.parametrize(("frames", "units"), [(1, 4), (4, 2), (5, 3), (6, 4), (7, 3)])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_wide_beam_is_exact(frames, units, parts):
    log_probs = random_logs(frames, units, seed=frames)
    expected = added_up(log_probs)
    found = decoded(log_probs, size=ALL, parts=parts)
    assert {one.ids for one in found} == set(expected)
    for one in found:
        assert one.score == pytest.approx(expected[one.ids], abs=1e-9)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert np.exp([one.score for one in found]).sum() == pytest.approx(1)


def test_a_narrow_beam_is_below_a_wide_one_and_above_greedy():
    """Over 200 draws; the control: greedy is often another text, and never a more probable one."""
    better = 0
    for seed in range(200):
        log_probs = random_logs(5, 3, seed)
        truth = added_up(log_probs)
        greedy = GreedyDecoder(0)
        greedy.feed(log_probs)
        texts = [greedy.finish().ids, *(decoded(log_probs, size=n)[0].ids for n in (4, ALL))]
        scores = [truth[text] for text in texts]
        assert scores[2] == pytest.approx(max(truth.values()))
        assert scores[2] >= scores[1] - 1e-9
        better += scores[1] > scores[0] + 1e-9
    assert better > 30


def test_when_is_that_of_the_best_reading_of_the_text():
    """Against all readings of the text: the most probable one says when."""
    for seed in range(20):
        log_probs = random_logs(5, 3, seed)
        for found in decoded(log_probs, size=ALL)[:5]:
            readings = [
                reading
                for reading in itertools.product(range(3), repeat=5)
                if tuple(k for k, _ in itertools.groupby(reading) if k) == found.ids
            ]
            best = max(readings, key=lambda r: log_probs[np.arange(5), r].sum())
            frames = [list(group) for unit, group in itertools.groupby(
                range(5), key=lambda t: best[t]) if unit]  # fmt: skip
            assert [(u.start, u.end) for u in found.units] == [(f[0], f[-1] + 1) for f in frames]


def test_of_equal_texts_the_shorter_then_the_lower_comes_first():
    found = decoded(logs([[1 / 3, 1 / 3, 1 / 3]]), size=2)
    assert [one.ids for one in found] == [(), (1,)]


def test_what_is_impossible_is_never_written():
    scores = np.array([[0.0, 9.0, 1.0, 5.0]] * 3, np.float32)
    log_probs = log_probabilities(scores, silent=[1])
    assert np.exp(log_probs).sum(axis=1) == pytest.approx([1, 1, 1])
    assert all(1 not in one.ids for one in decoded(log_probs, size=ALL))
    greedy = GreedyDecoder(0)
    greedy.feed(log_probs)
    assert greedy.finish().ids == (3,)


WORDS = [(1,), (1, 2), (2, 2)]


def written_of_words(text):
    """Whether a text is made of WORDS, spaces between them and anywhere around."""
    pieces = [tuple(p) for is_space, p in itertools.groupby(text, key=lambda u: u == SPACE)
              if not is_space]  # fmt: skip
    return all(piece in WORDS for piece in pieces)


def test_with_a_list_of_words_it_is_exact_too():
    """The same sums, over the texts that are made of the words alone."""
    for seed in range(6):
        log_probs = random_logs(6, 4, seed)
        expected = {t: s for t, s in added_up(log_probs).items() if written_of_words(t)}
        trie = WordTrie(WORDS, n_units=4, space=SPACE)
        found = decoded(log_probs, size=ALL, words=trie)
        assert {one.ids for one in found} == set(expected)
        for one in found:
            assert one.score == pytest.approx(expected[one.ids], abs=1e-9)


def test_a_word_that_was_only_begun_is_left_out():
    """The frames say 1, then 3, then 2: of 2 2 only the beginning was heard."""
    trie = WordTrie([(1,), (2, 2)], n_units=4, space=SPACE)
    sure = logs([[0.0, 1, 0, 0], [0.0, 0, 0, 1], [0.0, 0, 1, 0]])
    (found,) = decoded(sure, size=8, words=trie)
    assert found.ids == (1, SPACE)


def test_without_a_space_a_text_is_one_word():
    trie = WordTrie([(1, 2)], n_units=3, space=None)
    texts = {one.ids for one in decoded(random_logs(5, 3), size=ALL, words=trie)}
    assert texts == {(), (1, 2)}


def test_long_texts_are_no_deeper_than_short_ones():
    """20,000 units, each linked to the one before: making and dropping them goes no deeper."""
    beam = BeamDecoder(0, size=2)
    rows = logs(np.eye(3)[np.arange(20_000) % 2 + 1] * 0.97 + 0.01)
    beam.feed(rows)
    assert len(beam.finish().units) == 20_000
    del beam


def test_a_beam_of_none_is_refused():
    with pytest.raises(InvalidInputError, match="beam_size=0; give a whole number"):
        BeamDecoder(0, size=0)
