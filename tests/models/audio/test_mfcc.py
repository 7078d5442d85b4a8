"""Mel spectrograms and MFCC: by hand, beside librosa, alone and in a stream."""

from __future__ import annotations

import warnings

import numba
import numpy as np
import pytest

from sememe import Mfcc, delta
from sememe._errors import InvalidInputError, UnknownNameError
from sememe.models.audio.mel_filters import from_mel, mel_filters, to_mel
from sememe.models.audio.mfcc import cosine_basis
from sememe.models.audio.spectrogram import compute_spectra, make_window
from tests import sounds

RATE = 22_050
OPTIONS = [
    {},
    {"n_fft": 512, "hop_length": 160},
    {"n_fft": 400, "hop_length": 160, "n_mels": 40, "n_mfcc": 13, "mel_scale": "htk"},
    {"mel_norm": "none"},
    {"mel_scale": "htk", "mel_norm": "none", "n_mels": 26, "n_mfcc": 26},
    {"window": "hamming", "n_fft": 1024, "win_length": 800, "hop_length": 200},
    {"window": "blackman"},
    {"window": "boxcar", "n_fft": 1001, "hop_length": 77, "win_length": 999},
    {"center": False, "n_fft": 256, "hop_length": 128, "n_mels": 32},
    {"pad_mode": "reflect"},
    {"pad_mode": "edge"},
    {"power": 1.0},
    {"power": 3.0},
    {"dct_type": 3},
    {"dct_norm": "none"},
    {"dct_type": 3, "dct_norm": "none"},
    {"lifter": 22},
    {"fmin": 100.0, "fmax": 8000.0, "n_mels": 80},
    {"top_db": None, "amin": 1e-20},
    {"top_db": 40.0, "amin": 1e-6},
]


def clip(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30_000))
    wave = np.sin(2 * np.pi * rng.uniform(50, 9000) * np.arange(n) / RATE) * rng.uniform(0.001, 1)
    return (wave + 10 ** rng.uniform(-6, -1) * rng.standard_normal(n)).astype("f4")


def as_it_is(*given, **options):
    """Decorate nothing, where Numba would compile: called with a function or with options."""
    return given[0] if given and callable(given[0]) else lambda function: function


@pytest.fixture(scope="module")
def librosa():
    """Import librosa without compiling it, which takes Numba half a minute in a new environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("jit", "stencil", "vectorize", "guvectorize"):
            patch.setattr(numba, name, as_it_is)
        import librosa

        yield librosa  # which imports its parts when they are used


def peer(librosa, samples, mfcc):
    """Return librosa's mel spectrogram in decibels, and its MFCC."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of clips shorter than a frame
        mel = librosa.feature.melspectrogram(
            y=samples,
            sr=mfcc.sample_rate,
            n_fft=mfcc.n_fft,
            hop_length=mfcc.hop_length,
            win_length=mfcc.win_length,
            window=mfcc.window,
            center=mfcc.center,
            pad_mode=mfcc.pad_mode,
            power=mfcc.power,
            n_mels=mfcc.n_mels,
            fmin=mfcc.fmin,
            fmax=mfcc.fmax,
            htk=mfcc.mel_scale == "htk",
            norm=None if mfcc.mel_norm == "none" else "slaney",
        )
        levels = librosa.power_to_db(mel, amin=mfcc.amin, top_db=mfcc.top_db)
        norm = None if mfcc.dct_norm == "none" else "ortho"
        cepstra = librosa.feature.mfcc(
            S=levels, n_mfcc=mfcc.n_mfcc, dct_type=mfcc.dct_type, norm=norm, lifter=mfcc.lifter
        )
    return levels, cepstra


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_numbers_are_those_of_librosa(librosa, options):
    mfcc = Mfcc(**options)
    for seed in range(6):
        samples = clip(seed)
        if not mfcc.center and len(samples) < mfcc.n_fft:
            continue  # librosa refuses it
        levels, cepstra = peer(librosa, samples, mfcc)
        ours = mfcc.log_mel((samples, RATE)), mfcc.mfcc((samples, RATE))
        for got, wanted in zip(ours, (levels, cepstra), strict=True):
            assert got.shape == wanted.shape
            assert np.abs(got - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("width", "order", "mode"), [(9, 1, "interp"), (9, 2, "interp"), (5, 1, "nearest")]
)
def test_slopes_are_those_of_librosa(librosa, width, order, mode):
    features = np.random.default_rng(0).standard_normal((20, 40)).astype("f4")
    wanted = librosa.feature.delta(features, width=width, order=order, mode=mode)
    np.testing.assert_allclose(
        delta(features, width=width, order=order, mode=mode), wanted, atol=1e-5
    )


def test_the_slope_of_a_ramp_and_the_bend_of_a_parabola():
    ramp = np.arange(20, dtype="f4")[None] * 3
    np.testing.assert_allclose(delta(ramp), np.full((1, 20), 3.0), rtol=1e-5)
    np.testing.assert_allclose(
        delta(np.arange(20.0)[None] ** 2, order=2), np.full((1, 20), 2.0), rtol=1e-4
    )


def test_fewer_frames_than_the_width_have_slopes_too():
    np.testing.assert_allclose(delta(np.ones((3, 1), "f4")), np.zeros((3, 1)), atol=1e-7)
    np.testing.assert_allclose(
        delta(np.arange(4.0)[None]), delta(np.arange(4.0)[None], mode="nearest")
    )


def test_the_power_of_a_tone_worked_by_hand():
    # 8 samples of one turn, amplitude 3, no window: |X[1]| = 3 * 8 / 2, its square 144.
    frame = 3 * np.cos(2 * np.pi * np.arange(8) / 8)
    found = compute_spectra(frame[None].astype("f4"), make_window("boxcar", 8, 8), 2.0)
    np.testing.assert_allclose(found[0], [0, 144, 0, 0, 0], atol=1e-4)


def test_mel_scales_worked_by_hand():
    assert to_mel(np.array([700.0]), "htk")[0] == pytest.approx(2595 * np.log10(2))
    assert to_mel(np.array([6400.0]), "slaney")[0] == pytest.approx(15 + 27)  # 6.4 times the knee
    hertz = np.array([0.0, 90.0, 999.0, 1000.0, 4321.0])
    for scale in ("htk", "slaney"):
        np.testing.assert_allclose(from_mel(to_mel(hertz, scale), scale), hertz, atol=1e-6)


def test_filters_are_triangles():
    plain = mel_filters(16_000, 512, 8, norm="none")
    assert plain.max() <= 1 and (plain >= 0).all()
    inner = plain.sum(0)[12:150]  # within the outer two's middles
    np.testing.assert_allclose(inner, 1, atol=1e-5)  # neighbours share each bin


def test_the_cosine_transform_keeps_lengths():
    basis = cosine_basis(16, 2, "ortho")
    np.testing.assert_allclose(basis @ basis.T, np.eye(16), atol=1e-12)
    np.testing.assert_allclose(cosine_basis(16, 3, "ortho"), basis.T)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.3])
def test_a_stream_gives_the_frames_of_the_whole(pad_mode, center, seconds):
    mfcc = Mfcc(n_fft=512, hop_length=200, top_db=None, pad_mode=pad_mode, center=center)
    for n in (1, 100, 257, 511, 512, 513, 5000):
        samples = (sounds.noise(1, RATE)[:n], RATE)
        whole = mfcc.mfcc(samples)
        parts = np.concatenate(list(mfcc.stream_mfcc(samples, seconds=seconds)), axis=1)
        assert parts.shape == whole.shape
        np.testing.assert_allclose(parts, whole, atol=2e-3)  # of hundreds


def test_threads_and_recording_in_float_or_int_make_no_difference():
    samples = np.round(sounds.noise(3, RATE) * 32767).astype(np.int16)
    one = Mfcc(threads=1).mfcc((samples, RATE))
    np.testing.assert_array_equal(one, Mfcc(threads=2).mfcc((samples, RATE)))
    np.testing.assert_allclose(one, Mfcc().mfcc((samples / np.float32(32768), RATE)), rtol=1e-5)


@pytest.mark.parametrize("samples", [[0.0], [1.0], np.zeros(5000)])
def test_silence_and_a_single_sample_have_finite_numbers(samples):
    found = Mfcc().mfcc((np.array(samples, "f4"), RATE))
    assert np.isfinite(found).all() and found.shape[1] >= 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_fft": 1}, "n_fft >= 2"),
        ({"hop_length": 0}, "from 1 to n_fft"),
        ({"win_length": 4096}, "from 1 to n_fft"),
        ({"fmax": 20_000.0}, "half the sample rate"),
        ({"fmin": 9000.0, "fmax": 8000.0}, "fmin < fmax"),
        ({"n_mfcc": 200}, "1 to n_mels=128"),
        ({"dct_type": 4}, "give 2 or 3"),
        ({"amin": 0.0}, "a power above 0"),
        ({"power": float("nan")}, "a power above 0"),
        ({"top_db": -5.0}, "decibels of at least 0"),
        ({"n_fft": 2048.0}, "whole samples"),
        ({"window": "han"}, "Did you mean 'hann'"),
        ({"mel_scale": "mel"}, "slaney, htk"),
        ({"pad_mode": "wrap"}, "constant, reflect, edge"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options, says):
    with pytest.raises(InvalidInputError, match=says):
        Mfcc(**options).mfcc((np.ones(100, "f4"), RATE))


def test_a_stream_cannot_know_the_loudest_frame():
    with pytest.raises(InvalidInputError, match="top_db=None"):
        next(Mfcc().stream_mfcc((np.ones(100, "f4"), RATE)))
    with pytest.raises(InvalidInputError, match="odd width"):
        delta(np.ones((2, 9)), width=4)
    with pytest.raises(UnknownNameError, match="nearest"):
        delta(np.ones((2, 9)), mode="nearst")
