"""Recognition from a recording to a text, by a network that writes a letter for each tone."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from sememe import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.encoders.audio.transcriber import Transcriber
from sememe.sources.media.audio_decoding import Clip
from tests.models.wav2vec2 import checkpoints as small
from tests.models.wav2vec2.checkpoints import RATE, said

TEXTS = ["abc de", "aab", "e", "", "a b c d e", "deed bee", "abcdeabcde edcba"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return small.write_tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def transcriber(place):
    return Transcriber.load(place, threads=2)


def recordings(texts=TEXTS):
    return [(said(text, seed=i), RATE) for i, text in enumerate(texts)]


@pytest.mark.parametrize("beam_size", [1, 8])
def test_tones_are_written_as_they_were_said(transcriber, beam_size):
    """The control: with every other sample turned over no tone is where it was."""
    found = transcriber.transcribe(recordings(), beam_size=beam_size)
    assert [one.text for one in found] == TEXTS
    assert all(-1 < one.score <= 0 for one in found)
    turned = [(samples * (-1) ** np.arange(len(samples)), rate) for samples, rate in recordings()]
    other = transcriber.transcribe(turned, beam_size=beam_size)
    assert not any(a.text == b.text for a, b in zip(found, other, strict=True) if a.text)


@pytest.mark.parametrize("beam_size", [1, 4])
def test_when_a_word_was_said(transcriber, beam_size):
    """A letter lasts 60 ms, and 40 ms of silence follow; 100 ms of it come first. Frames are 12.5
    ms apart and hear 25 ms."""
    words = transcriber.transcribe(recordings(["ab  c"]), beam_size=beam_size)[0].words
    assert [word.text for word in words] == ["ab", "c"]
    for word, (start, end) in zip(words, [(0.1, 0.26), (0.5, 0.56)], strict=True):
        assert abs(word.start - start) <= 0.025 and abs(word.end - end) <= 0.025


def test_one_by_one_as_together_in_any_order(transcriber):
    together = transcriber.transcribe(recordings(), beam_size=4)
    alone = [transcriber.transcribe([one], beam_size=4)[0] for one in recordings()]
    back = transcriber.transcribe(recordings()[::-1], beam_size=4)[::-1]
    for one, other, third in zip(together, alone, back, strict=True):
        assert (one.text, one.words) == (other.text, other.words) == (third.text, third.words)
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_words_of_a_list_alone_are_understood(transcriber):
    """ "abc" is most like "abd"; without a list, and with one that has it, it is itself."""
    (sound,) = recordings(["abc de"])
    assert transcriber.transcribe([sound], words=["abd", "de", "ea"])[0].text == "abd de"
    assert transcriber.transcribe([sound], words=["abc", "de", "xyz"])[0].text == "abc de"
    assert transcriber.transcribe([sound], words=["ABC", "ＡＢ", "de"])[0].text == "abc de"
    with pytest.raises(InvalidInputError, match="none can be written"):
        transcriber.transcribe([sound], words=["xyz"])
    with pytest.raises(InvalidInputError, match="words='abc' is one str"):
        transcriber.transcribe([sound], words="abc")


def test_a_list_of_words_sets_doubtful_letters_right(transcriber):
    """In noise the letters err; a list of the words that may be said makes fewer errors."""
    words = ["abc", "deed", "bee", "cab", "ace"]
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(words, 3)) for _ in range(30)]
    sounds = [(said(text, seed=i, noise=0.5), RATE) for i, text in enumerate(texts)]
    free = transcriber.transcribe(sounds)
    bound = transcriber.transcribe(sounds, words=words)
    right = [sum(a.text == b for a, b in zip(some, texts, strict=True)) for some in (free, bound)]
    assert right[1] >= right[0] + 5


def test_korean_letters_become_syllables(tmp_path):
    letters = "ᄀᆨᅡᄂᆫᅵ"  # first and last letters of their own
    place = small.write_tones(tmp_path / "korean", letters)
    sound = said("각 나간", "각나간"), RATE
    spelt = said("각 나간", letters), RATE
    transcriber = Transcriber.load(place)
    assert transcriber.transcribe([spelt], beam_size=4)[0].text == "각 나간"
    assert transcriber.transcribe([spelt], words=["나간", "각"])[0].text == "각 나간"
    assert transcriber.transcribe([sound])[0].text != "각 나간"


@pytest.mark.parametrize("beam_size", [1, 4])
def test_long_recordings_lose_nothing_at_borders(transcriber, beam_size):
    """Two minutes are eight windows of 15 s and more; words lie over their borders."""
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("abcde    "), 1200)).strip()
    samples = said(text)
    (found,) = transcriber.transcribe([(samples, RATE)], beam_size=beam_size)
    assert found.text == " ".join(text.split())
    assert found.seconds == pytest.approx(len(samples) / RATE, abs=0.02)
    places = [word.start for word in found.words]
    assert places == sorted(places)
    (last,) = transcriber.transcribe([Clip((samples, RATE), start=found.words[-1].start - 0.05)])
    assert last.text == found.words[-1].text


def test_two_hours_fit_in_memory(place, tmp_path):
    """Of a quiet recording with something said now and then; after two minutes all is warm."""
    block = np.concatenate([said("abc de "), np.zeros(60 * RATE, np.float32)])
    for name, count in (("short", 2), ("long", 118)):
        with soundfile.SoundFile(tmp_path / f"{name}.flac", "w", RATE, 1) as file:
            for _ in range(count):
                file.write(block)
    program = """
import json, resource, sys
from sememe.encoders.audio.transcriber import Transcriber
transcriber, peaks = Transcriber.load(sys.argv[1], threads=1), []
for path in sys.argv[2:]:
    (found,) = transcriber.transcribe([path])
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps([found.text, found.seconds, peaks[1] - peaks[0]]))
"""
    paths = [str(tmp_path / f"{name}.flac") for name in ("short", "long")]
    arguments = [sys.executable, "-c", program, str(place), *paths]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    text, seconds, more = json.loads(done.stdout)
    assert text == " ".join(["abc de"] * 118)
    assert seconds > 7000
    assert more < 60_000  # KB; the samples alone are 230 MB


def test_silence_and_one_sample_say_nothing(transcriber):
    items = [(np.zeros(n, np.float32), RATE) for n in (1, 100, 8000)]
    items.append((np.full(2000, 1e30, np.float32), RATE))  # loud, and no tone
    for beam_size in (1, 4):
        for one in transcriber.transcribe(items, beam_size=beam_size):
            assert (one.text, one.words) == ("", ())
            assert np.isfinite(one.score)
    assert transcriber.transcribe([]) == []


def test_what_cannot_be_read_has_a_reason(transcriber, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    items = [*recordings(["ab"]), tmp_path / "empty.wav", *recordings(["cd"])]
    found, reasons = transcriber.transcribe_with_failures(items)
    assert [one.text for one in found] == ["ab", "", "cd"]
    assert list(reasons) == [1] and "empty" in reasons[1]
    with pytest.raises(CorruptFileError, match=r"item 1 .*empty"):
        transcriber.transcribe(items)
    with pytest.raises(InvalidInputError, match="beam_size=0"):
        transcriber.transcribe(items, beam_size=0)
    with pytest.raises(InvalidInputError, match="list of audio items"):
        transcriber.transcribe("a.wav")


def test_what_is_no_recogniser_says_so(tmp_path, place):
    with pytest.raises(UnknownNameError, match="'nothing' is no network of speech. None is"):
        Transcriber.load("nothing")
    with pytest.raises(InvalidInputError, match="no head for recognition"):
        Transcriber.load(small.write(tmp_path / "bare", head=False))
    with pytest.raises(InvalidInputError, match=r"no vocab\.json"):
        Transcriber.load(small.write(tmp_path / "mute"))
    assert Transcriber.load(str(place)).name == str(place)
