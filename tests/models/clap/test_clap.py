"""What CLAP's spectrograms and graphs are made of, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import CorruptFileError
from sememe.models.clap.config import read_config
from sememe.models.clap.features import read_features
from sememe.models.clap.graph import interpolation_matrix
from sememe.models.clap.weights import expand_distances
from tests.models.clap import checkpoints as small
from tests.models.clap.checkpoints import FEATURES, RATE


def features(*, fused=False, **changes):
    return read_features(FEATURES | changes, fused=fused, where="")


def test_distances_within_a_window_of_two():
    """States 0 1 above 2 3; a row of the table for each step (down, across) from (-1, -1) on.

    From 0 to itself (0, 0) is row 4; 0 sees 1, which is one to the right: seen from there, 0 is one
    to the left, (0, -1), row 3; and so on.
    """
    table = np.arange(9.0)[:, None]
    expected = [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    np.testing.assert_array_equal(expand_distances(table, 2), [expected])


def test_stretching_three_frames_to_five():
    """Ends upon ends, so that new frames lie at 0, 1/2, 1, 3/2, 2.

    Half-way, with a = -3/4, the two beside weigh (a + 2) / 8 - (a + 3) / 4 + 1 = 19/32, and the two
    beyond them -3/32; what lies beyond the end is the end.
    """
    near, far = 19 / 32, -3 / 32
    expected = [
        [1, 0, 0], [near + far, near, far], [0, 1, 0], [far, near, near + far], [0, 0, 1],
    ]  # fmt: skip
    np.testing.assert_allclose(interpolation_matrix(3, 5), expected, atol=1e-7)
    np.testing.assert_allclose(interpolation_matrix(201, 256).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("padding", "expected"),
    [("repeatpad", [1, 2, 3, 1, 2, 3, 0, 0]), ("repeat", [1, 2, 3, 1, 2, 3, 1, 2]),
     ("pad", [1, 2, 3, 0, 0, 0, 0, 0])],
)  # fmt: skip
def test_how_a_clip_of_three_samples_fills_eight(padding, expected):
    made = features(
        padding=padding, sampling_rate=100, max_length_s=0.08, fft_window_size=4, hop_length=2,
        frequency_min=0, frequency_max=50, feature_size=2,
    )  # fmt: skip
    assert (made.samples, made.frames) == (8, 5)
    np.testing.assert_array_equal(made._pad(np.array([1, 2, 3], np.float32)), expected)
    for whole in (np.arange(8.0, dtype=np.float32), np.arange(9.0, dtype=np.float32)):
        np.testing.assert_array_equal(made._pad(whole), whole)


def test_windows_of_a_long_recording():
    """Of 4.5 s, two windows of 2 s and one from second 2.5 on; no sample is left out."""
    made = features()
    wave = np.random.default_rng(0).normal(size=9 * RATE // 2).astype(np.float32)
    found = list(made.windows((wave, RATE)))
    starts = (0, 2 * RATE, 5 * RATE // 2)
    assert len(found) == 3
    for mels, start in zip(found, starts, strict=True):
        np.testing.assert_array_equal(mels, made.spectrograms(wave[start : start + 2 * RATE]))
    assert [x.shape for x in made.windows((wave[:100], RATE))] == [(1, 201, 16)]


def test_four_spectrograms_of_a_recording_three_times_as_long():
    """603 frames made 201: each the middle one of three. Of 403 beginnings 135, 134 and 134 are in
    a third; a window begins in the middle of each."""
    made = features(fused=True, truncation="fusion")
    wave = np.random.default_rng(0).normal(size=602 * 80).astype(np.float32)
    whole = made.mel.log_mel((wave, RATE)).T
    assert whole.shape == (603, 16)
    four = made.spectrograms(wave)
    np.testing.assert_allclose(four[0], whole[1::3], atol=1e-5)
    for mels, start in zip(four[1:], (67, 135 + 67, 269 + 67), strict=True):
        np.testing.assert_array_equal(mels, whole[start : start + 201])
    assert made.spectrograms(wave[: 2 * RATE]).shape == (1, 201, 16)


def test_filters_are_those_that_a_network_was_trained_with():
    """With fusion, on the scale of HTK and of equal height; without, on Slaney's."""
    kinds = [
        (one.mel.mel_scale, one.mel.mel_norm)
        for one in (features(), features(truncation="fusion", fused=True))
    ]
    assert kinds == [("slaney", "slaney"), ("htk", "none")]


def test_sizes_of_a_published_tower():
    """Of laion/clap-htsat-unfused: 256² pixels, 64 bins folded in four, 64² patches, width 768."""
    tower = read_config({"model_type": "clap"}, "").audio
    assert (tower.fold, tower.max_frames, tower.grid) == (4, 1024, (64, 64))
    assert (tower.dim, tower.pads, tower.inner(2)) == (768, (0, 0), 1536)


def test_a_config_of_the_wrong_kind_is_damaged():
    for part in ("audio_config", "text_config"):
        with pytest.raises(CorruptFileError, match=r"config\.json is damaged"):
            read_config(small.config() | {part: [1]}, "here")
