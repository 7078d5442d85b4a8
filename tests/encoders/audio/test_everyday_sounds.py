"""Everyday sounds: the network by hand, the probe by hand, names, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest

import sememe
from sememe.encoders.audio.everyday_sounds import EverydaySounds, SoundNameEncoder
from sememe.models.audio.sound_kinds import SoundProbe, known_kinds, other_kinds
from sememe.models.audio.sound_network import (
    FEATURES,
    RATE,
    SoundEngine,
    build_network,
    measure_levels,
)
from sememe.models.onnx.session import open_session
from tests.contracts.encoder import EncoderContract, encode_all
from tests.sounds import clicks, noise, tone, write

MADE = [noise(0.5), tone(300), clicks(0.1), tone(1200, 0.01), noise(1, seed=3), np.zeros(9)]


class Told(EverydaySounds):
    """Hears what it is told: an item is a row of probabilities."""

    def probabilities_with_failures(self, items):
        return np.array(items, np.float32).reshape(-1, len(self.labels)), {}


@pytest.fixture(scope="module")
def sounds():
    return EverydaySounds(threads=2)


@pytest.fixture(scope="module")
def told(encoder):
    return SoundNameEncoder(Told(), encoder, name="told")


def make_weights():
    """Return weights of a network of two channels, but for the last layer."""
    rng = np.random.default_rng(0)
    widths = [1, 2, 2, 2, 2, 2, 2, 2, FEATURES]
    weights = {}
    for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
        weights[f"weight{i}"] = rng.integers(-127, 128, (after, before, 3, 3)).astype(np.int8)
        weights[f"scale{i}"] = rng.uniform(0.5, 1.5, after).astype(np.float32) / 200
        weights[f"bias{i}"] = rng.normal(0, 0.1, after).astype(np.float32)
    return weights


class TestFeatures(EncoderContract):
    @pytest.fixture
    def subject(self, tmp_path):
        np.savez(tmp_path / "weights.npz", **make_weights())
        return EverydaySounds(SoundEngine(tmp_path / "weights.npz"), threads=2)

    @pytest.fixture
    def items(self):
        return [(samples, 16_000) for samples in MADE]


def row(**probabilities):
    """Return the probabilities of some kinds; what is left is unknown."""
    labels = [kind.name.split()[0] for kind in known_kinds()]
    found = np.zeros(len(labels) + 1, np.float32)
    for name, probability in probabilities.items():
        found[labels.index(name)] = probability
    found[-1] = 1 - found.sum()
    return found


def test_the_network_is_its_convolutions_by_hand():
    """A loop over pixels, channels and layers, as the header says it, on two narrow channels."""
    weights = make_weights()
    levels = np.random.default_rng(1).random((16, 96)).astype(np.float32)
    x = levels[None].astype(float)
    for i in range(8):
        weight = weights[f"weight{i}"] * weights[f"scale{i}"][:, None, None, None].astype(float)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        x = np.einsum("oikl,ihwkl->ohw", weight, views) + weights[f"bias{i}"][:, None, None]
        x = np.maximum(x, 0)
        if i in (1, 3, 5):
            _, height, width = x.shape
            x = x.reshape(len(x), height // 2, 2, width // 2, 2).max(axis=(2, 4))
    session = open_session(build_network(weights))
    got = session.run(None, {"levels": levels[None]})[0][0]
    np.testing.assert_allclose(got, x.mean(axis=2).max(axis=1), rtol=1e-4, atol=1e-5)


def test_levels_of_a_tone_and_of_silence():
    """A sine of amplitude 1 in the middle of a bin has power (2048 / 4)**2 there.

    A quarter of that in each bin beside it: 1.5 times in the triangles around it, which are of unit
    sum, so that none reaches the power itself.
    """
    hertz = 100 * RATE / 2048
    levels = measure_levels(tone(hertz, 3, RATE, 1.0))
    assert levels.shape == (130, 96)
    steady = levels[10:-10]
    np.testing.assert_allclose(steady, steady[:1].repeat(len(steady), 0), atol=1e-3)
    power = (10 ** (steady[0].astype(float) * 9.457798957824707) - 1) / 1e4
    assert 0.2 * 512**2 < power.max() < 512**2
    mels = 2595 * np.log10(1 + np.array([hertz, RATE / 2]) / 700)
    assert abs(power.argmax() + 1 - 97 * mels[0] / mels[1]) <= 1
    assert not measure_levels(np.zeros(100, np.float32)).any()
    assert measure_levels(np.zeros(100, np.float32)).shape == (100, 96)


def test_the_probe_worked_by_hand():
    """Features 4 and 9 have roots 2 and 3: standardised 1 and 1; scores 1, 2 and 0 + 3."""
    probe = SoundProbe(
        np.array([1.0, 1.0]), np.array([1.0, 2.0]), np.array([[1, 0], [1, 1], [0, 0]]),
        np.array([0.0, 0.0, 3.0]),
    )  # fmt: skip
    expected = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    np.testing.assert_allclose(probe(np.array([[4.0, 9.0]]))[0], expected, rtol=1e-6)
    again = SoundProbe.of_bytes(probe.to_bytes())
    np.testing.assert_allclose(again(np.array([[4.0, 9.0]]))[0], expected, rtol=1e-6)


def test_no_kind_is_known_and_unknown(sounds):
    known = [name for kind in known_kinds() for name in (kind.name, *kind.others)]
    others = [name for kind in other_kinds() for name in (kind.name, *kind.others)]
    assert len({*known, *others}) == len(known) + len(others)
    assert sounds.labels == (*(kind.name for kind in known_kinds()), "unknown")


def test_silence_tones_and_a_click_are_unknown_whatever_their_level(sounds):
    items = [np.zeros(16_000), tone(440, 1, level=1e-3), clicks(9, 1)]
    rows = sounds.probabilities([(samples, 16_000) for samples in items])
    assert rows.argmax(axis=1).tolist() == [len(sounds.labels) - 1] * len(items)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    quiet, loud = sounds.encode([(noise(1) * level, 16_000) for level in (0.01, 1)])
    np.testing.assert_allclose(quiet, loud, atol=1e-4)


def test_the_vector_is_the_mean_of_the_names_by_hand(told, encoder):
    """0.6 of rain and 0.3 of sea waves: each the mean of its names; 0.1 unknown counts nothing."""
    expected = np.zeros(encoder.dim)
    for kind, probability in zip(known_kinds()[1:3], (0.6, 0.3), strict=True):
        vector = encoder.encode([kind.name, *kind.others]).astype(float).mean(axis=0)
        expected += probability * vector / np.linalg.norm(vector)
    got = told.combine(row(rain=0.6, sea=0.3)[None])[0]
    np.testing.assert_allclose(got, expected / np.linalg.norm(expected), atol=1e-5)


def test_words_in_two_languages_find_the_sound(told, encoder):
    rows = [row(**{kind.name.split()[0]: 0.9}) for kind in known_kinds()]
    vectors = told.combine(np.stack(rows))
    english = "a barking dog, rain, waves at the beach, a crying baby, a ticking clock, a sneeze"
    queries = [*english.split(", "), "helicopter", "chainsaw", "rooster", "a crackling fire"]
    assert (encoder.encode(queries) @ vectors.T).argmax(axis=1).tolist() == list(range(10))
    korean = "개 짖는 소리,빗소리,파도 소리,아기 울음,시계 소리,재채기,헬리콥터,전기톱,수탉,모닥불"
    found = (encoder.encode(korean.split(",")) @ vectors.T).argmax(axis=1).tolist()
    assert found == list(range(10))


def test_a_guess_is_called_one_and_the_unknown_has_no_name(told):
    rows = [row(rain=0.95), row(rain=0.7), row(rain=0.2, sea=0.55), row(rain=0.45, sea=0.45), row()]
    done = told.encode_named(rows)
    assert done.names == [
        "rain / 빗소리",
        "rain / 빗소리 (probably)",
        "sea waves / 파도 소리 (probably)",
        "",
        "",
    ]
    assert np.isnan(done.vectors).all(axis=1).tolist() == [False, False, False, True, True]


def test_unrelated_words_are_less_near_than_related_ones(told, encoder):
    (rain,) = told.combine(row(rain=1.0)[None])
    for query, heard in (
        ("rain", True),
        ("downpour", True),
        ("church bell", False),
        ("은행", False),
    ):
        vector = encoder.encode([query])[0]
        mean, deviation = told.estimate_background(vector)
        assert ((rain @ vector - mean) / deviation > 2) == heard


def test_it_is_of_the_text_encoders_space_and_reads_what_audio_is(encoder, tmp_path):
    names = sememe.load("everyday-sounds:conse")
    assert (names.space, names.modality) == (encoder.space, "audio")
    path = write(tmp_path / "tone.wav", tone(440, 0.5))
    vectors, failed = encode_all(names, [path, b"nothing"])
    assert list(failed) == [1] and np.isnan(vectors[1]).all() and np.isfinite(vectors[0]).all()
    with pytest.raises(sememe.InvalidInputError, match="give a text encoder"):
        SoundNameEncoder(Told(), names, name="x")
    assert sememe.load("everyday-sounds").dim == FEATURES
    with pytest.raises(sememe.InvalidInputError, match="Leave :int8 out"):
        sememe.load("everyday-sounds:int8")
