"""Sounds to vectors without a network."""

from __future__ import annotations

import json
from itertools import accumulate

import numpy as np
import pytest

import sememe
from sememe import Clip, SoundEncoder
from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.audio import synthetic_sounds as made_sounds
from sememe.models.audio import whitening as sound_scale
from sememe.models.audio.statistics import MEL, WIDTHS, measure_statistics
from tests.contracts.encoder import EncoderContract, encode_all
from tests.sounds import RATE, clicks, noise, tone, write

ENDS = list(accumulate(WIDTHS.values()))
PARTS = {name: slice(end - WIDTHS[name], end) for name, end in zip(WIDTHS, ENDS, strict=True)}


class TestContract(EncoderContract):
    @pytest.fixture
    def subject(self):
        return SoundEncoder(threads=2)

    @pytest.fixture
    def items(self):
        made = [noise(0.5), tone(300), clicks(0.1), tone(1200, 0.01), noise(2, seed=3), np.zeros(9)]
        return [(samples, RATE) for samples in made]


def measured(samples, rate=RATE):
    return measure_statistics(MEL.log_mel((samples, rate)))


def test_statistics_worked_by_hand():
    # Two levels, 0 and -20 dB, in 4 + 4 frames and all bands: mean -10, deviation 10.
    levels = np.zeros((64, 8), np.float32)
    levels[:, 4:] = -20
    found = measure_statistics(levels - 35)  # 35 dB softer: the same
    np.testing.assert_allclose(found[PARTS["bands"]][:64], -10, atol=1e-4)
    np.testing.assert_allclose(found[PARTS["bands"]][64:128], 10, atol=1e-4)
    # The first cosine of 64 equal bands is 8 times their level, and the others are none.
    cepstra = found[PARTS["timbre"]].reshape(6, 20)
    np.testing.assert_allclose(cepstra[:4, 0], [-80, 80, -160, 0], atol=1e-3)
    np.testing.assert_allclose(cepstra[:4, 1:], 0, atol=1e-3)
    # Five stretches of 8 frames overlap by the frame they share: 0-1, 1-3, 3-4, 4-6, 6-7.
    np.testing.assert_allclose(
        found[PARTS["course"]].reshape(5, 20)[:, 0], [80, 80, 0, -80, -80], atol=1e-3
    )


def test_rhythm_is_told_by_how_often_it_swells():
    slow = measured(clicks(0.7, 6))[PARTS["rhythm"]].reshape(8, 6).mean(0)
    fast = measured(clicks(0.15, 6))[PARTS["rhythm"]].reshape(8, 6).mean(0)
    assert slow.argmax() < fast.argmax()


def test_the_course_tells_a_rise_from_a_fall_and_means_do_not():
    time = np.arange(RATE) / RATE
    rise = np.sin(2 * np.pi * (300 + 900 * time) * time).astype("f4")
    up, down = measured(rise), measured(rise[::-1].copy())
    scale = np.abs(up[PARTS["timbre"]][:20]).max()
    assert np.abs(up - down)[PARTS["timbre"]][:20].max() < 0.05 * scale
    a, b = (x[PARTS["course"]] for x in (up, down))
    assert np.corrcoef(a, b)[0, 1] < 0.3


def test_the_scale_is_what_made_sounds_give():
    scale = sound_scale.load_scale()
    rows = scale(made_sounds.measure_synthetic_sounds(40))
    assert np.abs(rows.mean(0)).mean() < 0.3 * rows.std(0).mean()  # they lie about the middle
    spread = rows.std(0)
    assert spread[:10].min() > 2 * spread[-10:].max()  # half whitened: the first axes are wider
    again = sound_scale.SoundScale.of_bytes(scale.to_bytes())
    assert again.digest == scale.digest


@pytest.mark.slow
def test_the_scale_of_the_package_is_made_again_by_its_command():
    found = sound_scale.fit_scale(made_sounds.measure_synthetic_sounds())
    np.testing.assert_allclose(found.mean, sound_scale.load_scale().mean, rtol=1e-3, atol=1e-3)


def test_sounds_of_a_kind_are_nearest_and_shuffled_kinds_are_not():
    """Tones, noise, clicks and sweeps, each of its own: the nearest is of the same kind."""
    rng = np.random.default_rng(0)
    made, kinds = [], []
    for i in range(8):
        pitch = rng.uniform(300, 1500)
        time = np.arange(RATE) / RATE
        made += [
            tone(pitch) + noise(level=0.001, seed=i),
            noise(seed=i),
            clicks(rng.uniform(0.05, 0.3)) + noise(level=0.001, seed=i),
            np.sin(2 * np.pi * (pitch + 2000 * time) * time).astype("f4"),
        ]
        kinds += ["tone", "noise", "clicks", "sweep"]
    vectors = SoundEncoder().encode([(samples, RATE) for samples in made])
    scores = vectors @ vectors.T - 9 * np.eye(len(vectors))
    kinds = np.array(kinds)
    assert (kinds[scores.argmax(1)] == kinds).mean() > 0.9
    assert (rng.permutation(kinds)[scores.argmax(1)] == kinds).mean() < 0.6


def test_loudness_and_format_make_no_difference_and_another_sound_does(tmp_path):
    samples = noise(3) * (np.sin(np.arange(3 * RATE) / 3000) + 1.1).astype("f4")
    paths = [write(tmp_path / name, samples) for name in ("a.wav", "a.mp3")]
    encoder = sememe.load("mel-statistics")
    rows = encoder.encode([*paths, (samples * 0.003, RATE), (noise(3, seed=1), RATE)])
    assert rows.shape == (4, 192) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    same = rows @ rows[0]
    assert same[2] > 0.999 and same[1] > 0.85 > same[3]


def test_a_sound_has_the_same_vector_alone_and_among_others():
    encoder = SoundEncoder(threads=2)
    items = [(noise(s, seed=i), RATE) for i, s in enumerate((0.3, 2, 0.01, 5))]
    together = encoder.encode(items)
    alone = np.concatenate([encoder.encode([item]) for item in items])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(
        np.concatenate(list(encoder.encode_batches(iter(items), batch_size=3))), together, atol=1e-6
    )
    assert encoder.encode([]).shape == (0, 192)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(1), np.ones(1), np.zeros(RATE), np.ones(RATE), np.eye(1, 500)[0], np.full(9, 1e30)],
)
def test_silence_clicks_and_short_sounds_have_unit_vectors(samples):
    vector = SoundEncoder().encode_one((samples.astype("f4"), RATE))
    assert np.isfinite(vector).all() and np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_long_recording_is_the_mean_of_its_windows():
    long = np.concatenate([noise(30), tone(seconds=30)])
    encoder = SoundEncoder()
    halves, _ = encoder.measure([(long[: 30 * RATE], RATE), (long[30 * RATE :], RATE)])
    (whole,), _ = encoder.measure([(long, RATE)])
    bands = PARTS["bands"]
    np.testing.assert_allclose(whole[bands], halves.mean(0)[bands], atol=0.5)  # of tens of decibels
    clip = encoder.encode([Clip((long, RATE), 30, 40), (long[30 * RATE : 40 * RATE], RATE)])
    assert clip[0] @ clip[1] > 0.999


def test_what_cannot_be_read_has_a_reason_and_the_others_a_vector(tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF....WAVE")
    encoder = SoundEncoder()
    rows, reasons = encode_all(encoder, [broken, (noise(), RATE), (np.zeros(0, "f4"), RATE)])
    assert sorted(reasons) == [0, 2] and "damaged" in reasons[0]
    assert np.isnan(rows[0]).all() and np.isfinite(rows[1]).all()
    with pytest.raises(CorruptFileError, match=r"item 0 \(.*broken.wav\): .*encode_with_receipt"):
        encoder.encode([broken])
    with pytest.raises(InvalidInputError, match="a list of audio items, got one str"):
        encoder.encode("a.wav")
    with pytest.raises(InvalidInputError, match="item 1"):
        encoder.encode([(noise(), RATE), 5])


def test_a_scale_of_ones_own_is_saved_and_loaded(tmp_path):
    made = [(noise(0.3, seed=i) * tone(50 * i, 0.3), RATE) for i in range(1, 56)]
    encoder = SoundEncoder.fit(made, dim=16)
    assert encoder.dim == 16 and encoder.space != SoundEncoder().space
    loaded = sememe.load(str(encoder.save(tmp_path / "own")))
    assert loaded.space == encoder.space and loaded.name == str(tmp_path / "own")
    np.testing.assert_allclose(loaded.encode(made[:2]), encoder.encode(made[:2]), atol=1e-6)
    with pytest.raises(
        InvalidInputError, match="got 3 audio items that can be read; a scale needs"
    ):
        SoundEncoder.fit(made[:3])
    with pytest.raises(InvalidInputError, match="dim=0; give a whole number, 1 to 512"):
        SoundEncoder.fit(made, dim=0)
    with pytest.raises(InvalidInputError, match="all alike"):
        SoundEncoder.fit([(noise(), RATE)] * 60)
    with pytest.raises(InvalidInputError, match="got one str"):
        SoundEncoder.fit("a.wav")
    with pytest.raises(InvalidInputError, match="threads=-1"):
        SoundEncoder(threads=-1)
    (tmp_path / "own" / "scale.npz").write_bytes(b"no")
    with pytest.raises(CorruptFileError, match="damaged"):
        sememe.load(str(tmp_path / "own"))
    about = tmp_path / "own" / "sememe.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "format": 9}))
    with pytest.raises(CorruptFileError, match="format 9"):
        sememe.load(str(tmp_path / "own"))
