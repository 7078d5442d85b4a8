"""Sounds to train on: levels, cuts, batches, stretches, and what a step hides."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import InvalidInputError
from sememe.sources.media.audio_decoding import Clip
from sememe.train.data.waveforms import batches, find_sounds, read_waveforms, sounds_digest
from sememe.train.wav2vec2.batches import Crops
from sememe.train.wav2vec2.masking import draw_negatives, mask_spans

RATE = 1000


def sounds_of(*lengths, seed=0):
    """Sounds of so many samples of noise, each of its own loudness."""
    rng = np.random.default_rng(seed)
    return [
        ((rng.normal(size=n) * 0.1 * (i + 1)).astype(np.float32), RATE)
        for i, n in enumerate(lengths)
    ]


def read(sounds, **more):
    return read_waveforms(find_sounds(sounds)[0], sample_rate=RATE, **more)


def test_each_sound_is_of_mean_0_and_variance_1():
    given = sounds_of(500, 300, 800)
    got = read(given)
    assert len(got) == 3 and got.lengths.tolist() == [500, 300, 800] and got.seconds == 1.6
    for place, (samples, _) in enumerate(given):
        expected = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        assert got[place].dtype == np.float32
        np.testing.assert_allclose(got[place], expected, atol=2e-3)  # 11 bits


def test_a_click_in_long_silence_still_fits():
    click = np.zeros(60_000, np.float32)
    click[30_000] = 1.0
    got = read([(click, RATE)], longest=100)
    assert np.isfinite(got[0]).all() and abs(got[0].std() - 1) < 0.02


def test_long_sounds_are_cut_or_skipped():
    cut = read(sounds_of(2500, 300, 40), longest=1.0)
    assert cut.lengths.tolist() == [1000, 1000, 500, 300]
    assert cut.places.tolist() == [0, 0, 0, 1] and cut.sources[3] == "sound 1"
    assert [one.source for one in cut.skipped] == ["sound 2"]
    assert "shorter than 0.1 s" in cut.skipped[0].reason
    whole = read(sounds_of(2500, 300), longest=1.0, longer="skip")
    assert whole.lengths.tolist() == [300] and "longer than 1.0 s" in whole.skipped[0].reason


def test_what_cannot_be_used_is_told_and_the_rest_is_read(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "good.wav", sounds_of(400)[0][0], RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(400, np.float32), RATE)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound at all " * 20)
    (tmp_path / "notes.txt").write_text("not looked at")
    found, left_out = find_sounds(tmp_path)
    got = read_waveforms(found, sample_rate=RATE)
    assert got.sources == ("good.wav",) and left_out == ()
    reasons = {one.source: one.reason for one in got.skipped}
    assert sorted(reasons) == ["empty.wav", "silent.wav", "text.wav"]
    assert "silent" in reasons["silent.wav"] and "no sound" not in reasons["empty.wav"]
    with pytest.raises(InvalidInputError, match="give a folder, or a list"):
        find_sounds(17)


def test_many_samples_lie_in_a_file_and_are_the_same(tmp_path):
    given = sounds_of(500, 300, 800, 200, 700)
    here = read(given, folder=tmp_path / "beside")
    there = read(given, folder=tmp_path / "beside", large=1500)
    assert isinstance(there.samples, np.memmap) and not isinstance(here.samples, np.memmap)
    np.testing.assert_array_equal(here.samples, there.samples)
    np.testing.assert_array_equal(here.starts, there.starts)


def test_a_digest_tells_sounds_apart():
    one, two = sounds_of(300, 300)
    found = [find_sounds(data)[0] for data in ([one], [one], [two], [(one[0], 2 * RATE)])]
    clips = [find_sounds([Clip(one, start, 0.2)])[0] for start in (0.0, 0.1)]
    digests = [sounds_digest(each) for each in found + clips]
    assert digests[0] == digests[1] and len(set(digests)) == 5


def test_batches_hold_each_sound_once_and_little_padding():
    rng = np.random.default_rng(0)
    lengths = rng.integers(100, 1000, 500)
    made = batches(lengths, max_batch_samples=8000, rng=rng)
    assert sorted(np.concatenate(made).tolist()) == list(range(500))
    padded = [len(part) * lengths[part].max() for part in made]
    assert max(padded) <= 8000
    assert lengths.sum() / sum(padded) > 0.85
    shuffled = np.array_split(rng.permutation(500), len(made))  # the control: lengths not minded
    assert lengths.sum() / sum(len(x) * lengths[x].max() for x in shuffled) < 0.75
    alone = batches(np.array([9000, 50, 9000]), max_batch_samples=1000, rng=rng)
    assert sorted(len(part) for part in alone) == [1, 1, 1]


def test_a_padded_batch_has_a_mask():
    got = read(sounds_of(500, 300))
    values, mask = got.pad([1, 0])
    assert values.shape == mask.shape == (2, 500) and mask.sum(1).tolist() == [300, 500]
    np.testing.assert_array_equal(values[0, :300], got[1])
    assert not values[0, 300:].any()


def test_an_epoch_of_stretches_passes_each_sample_once():
    sounds = read(sounds_of(130, 270, 350, 250))
    crops = Crops(sounds, size=100, batch=5, seed=3)
    assert crops.n_batches == 2
    first = [crops.of_step(step) for step in (0, 1)]
    assert {part.shape for part in first} == {(5, 100)}
    seen = np.sort(np.concatenate(first).ravel())
    np.testing.assert_array_equal(seen, np.sort(np.asarray(sounds.samples, np.float32)))
    later = np.concatenate([crops.of_step(step) for step in (2, 3)])
    assert not np.array_equal(later, np.concatenate(first))
    np.testing.assert_array_equal(np.sort(later.ravel()), seen)
    again = Crops(sounds, size=100, batch=5, seed=3)
    np.testing.assert_array_equal(again.of_step(1), first[1])  # of its number alone
    assert not np.array_equal(Crops(sounds, 100, 5, seed=4).of_step(1), first[1])


def test_a_sound_longer_than_a_stretch_runs_on():
    samples = np.arange(1000, dtype=np.float32)
    crops = Crops(read([(samples, RATE)]), size=90, batch=1, seed=0)
    rises = np.array([np.diff(crops.of_step(step)[0]) for step in range(crops.n_batches)])
    assert (rises < 0).sum() <= 1  # where its end meets its begin


def test_spans_hide_what_was_asked_for():
    rng = np.random.default_rng(0)
    frames = np.full(400, 100)
    hidden = mask_spans(frames, rng, prob=0.5, length=5)
    expected = 1 - (1 - 10 / 96) ** 5  # a frame in the middle: no span begins at its five places
    assert abs(hidden[:, 10:90].mean() - expected) < 0.02
    single = mask_spans(np.array([100]), rng, prob=0.05, length=5)[0]
    assert single.sum() == 5 and np.flatnonzero(single)[-1] - np.flatnonzero(single)[0] == 4


def test_spans_of_short_sounds_stay_within_them():
    frames = np.array([1, 2, 3, 6, 40])
    hidden = mask_spans(frames, np.random.default_rng(0), prob=0.3, length=10)
    assert hidden.shape == (5, 40)
    assert hidden.sum(1)[:4].tolist() == [0, 2, 2, 3]
    for row, n in zip(hidden, frames, strict=True):
        assert not row[n:].any()


def test_negatives_are_others_of_the_same_sound_alike_often():
    hidden = np.zeros((3, 20), bool)
    hidden[0, 3:9] = hidden[1, :2] = hidden[2, 15:18] = True
    drawn = draw_negatives(hidden, np.random.default_rng(0), 3000)
    assert drawn.shape == (11, 3000)
    sound = np.repeat([0, 1, 2], [6, 2, 3])
    assert (sound[drawn] == sound[:, None]).all()
    assert (drawn != np.arange(11)[:, None]).all()
    counts = np.bincount(drawn[2], minlength=11)
    assert counts[[0, 1, 3, 4, 5]].min() > 500 and counts.sum() == 3000
    alone = draw_negatives(np.array([[True, False]]), np.random.default_rng(0), 4)
    assert alone.tolist() == [[0, 0, 0, 0]]
