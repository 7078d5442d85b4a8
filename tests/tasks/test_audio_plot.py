"""Pictures of sound: what is where, at any length and for any odd recording."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sememe import CorruptFileError, InvalidInputError
from sememe.tasks import audio_plot as module
from sememe.tasks.audio_plot import plot_audio
from sememe.tasks.plotting import map_colours
from tests.made_sounds import tone

LEFT, RIGHT, TOP, GAP, BOTTOM = (
    module._LEFT,
    module._RIGHT,
    module._TOP,
    module._GAP,
    module._BOTTOM,
)
WAVE, MARK = module._WAVE, module._MARK


def drawn(samples, rate=22_050, **options):
    data = plot_audio((np.asarray(samples, np.float32), rate), **options)
    assert data.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def panels(pixels):
    """The waveform and the spectrogram, within their frames."""
    inner = pixels[:, LEFT : pixels.shape[1] - RIGHT]
    rest = len(pixels) - TOP - GAP - BOTTOM
    above = rest // 3
    return inner[TOP : TOP + above], inner[len(pixels) - BOTTOM - (rest - above) : -BOTTOM]


def brightness(panel):
    return panel.astype(float) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("hertz", [500, 2000, 8000])
def test_a_tone_lies_at_its_frequency(hertz):
    """On Slaney's scale 11,025 Hz is 49.9 mel; 500, 2000 and 8000 Hz are 7.5, 25.1 and 45.2."""
    _, spectrogram = panels(drawn(tone(hertz, 1.0, rate=22_050)))
    row = int(brightness(spectrogram)[:, 300].argmax())
    share = {500: 7.5, 2000: 25.08, 8000: 45.25}[hertz] / 49.92
    assert 1 - row / len(spectrogram) == pytest.approx(share, abs=0.03)


def test_a_click_lies_at_its_time():
    samples = np.zeros(4 * 22_050)
    samples[3 * 22_050] = 0.8
    wave, spectrogram = panels(drawn(samples))
    columns = wave.shape[1]
    tall = (wave == WAVE).all(axis=2).sum(axis=0)
    assert abs(int(tall.argmax()) - 0.75 * columns) <= 2
    assert abs(int(brightness(spectrogram).sum(axis=0).argmax()) - 0.75 * columns) <= 12


def test_the_window_is_marked_in_both():
    plain = panels(drawn(tone(800, 2.0, rate=22_050)))
    marked = panels(drawn(tone(800, 2.0, rate=22_050), start=0.5, end=1.5))
    columns = plain[0].shape[1]
    for panel, before in zip(marked, plain, strict=True):
        lines = np.flatnonzero((panel == MARK).all(axis=(0, 2)))
        np.testing.assert_allclose(lines, [columns / 4, 3 * columns / 4], atol=1)
        outside = np.r_[0 : lines[0], lines[1] + 1 : columns]
        np.testing.assert_array_equal(panel[:, outside], before[:, outside])
    shade = marked[0][0, columns // 2]
    assert (shade == module._SHADE).all()


def test_silence_one_sample_and_loud_floats_have_pictures():
    night = map_colours(np.array(0.0))
    for samples in (np.zeros(22_050), [0.5], [np.nan, 0.0, 0.0], 40 * tone(300, 0.1, rate=22_050)):
        wave, spectrogram = panels(drawn(samples, width=300, height=200))
        assert (wave == WAVE).any()
        if not np.nan_to_num(samples).any():
            assert (spectrogram == night).all()


def test_long_recordings_keep_what_is_short(monkeypatch):
    """A click in ten minutes of silence is seen, and no more is held than for one."""
    samples = np.zeros(600 * 8000, np.float32)
    samples[300 * 8000] = 1.0
    wave, _ = panels(drawn(samples, 8000))
    tall = (wave == WAVE).all(axis=2).sum(axis=0)
    assert abs(int(tall.argmax()) - wave.shape[1] / 2) <= 2
    assert tall.max() > 40


def test_what_cannot_be_drawn_is_refused():
    sound = (tone(300), 8000)
    for options, said in (
        ({"start": 1.0}, "within the 0.50 of the audio"),
        ({"start": 0.3, "end": 0.2}, "0 <= start < end"),
        ({"width": 10}, "240 to 10,000 pixels"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            plot_audio(sound, **options)
    with pytest.raises(CorruptFileError):
        plot_audio(b"no sound")
    with pytest.raises(InvalidInputError):
        plot_audio(3)
