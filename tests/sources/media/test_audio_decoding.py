"""Recordings of any kind to samples, or to a reason why not."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
import soundfile
import soxr

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.sources import read_file
from sememe.sources.files import SourceFile
from sememe.sources.media.audio_decoding import (
    Clip,
    is_cut_off,
    measure_seconds,
    read_audio_metadata,
    read_sound,
    stream_sound,
)
from tests.sounds import RATE, noise, tone, write

KINDS = {"wav": 1e-4, "flac": 1e-4, "aiff": 1e-4, "ogg": 0.1, "mp3": 0.1}  # and their loss


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_tone_that_was_written(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", tone(seconds=2))
    found = read_sound(path, sample_rate=RATE)
    assert found.dtype == np.float32
    assert np.abs(found - tone(seconds=2)).max() < KINDS[kind]
    assert read_audio_metadata(path) == {"seconds": 2.0, "sample_rate": RATE, "channels": 1}
    assert measure_seconds(path) == 2.0
    np.testing.assert_array_equal(read_sound(path.read_bytes(), sample_rate=RATE), found)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"]
)
def test_every_depth_gives_full_scale_one(tmp_path, subtype):
    path = write(tmp_path / "a.wav", tone(), subtype=subtype)
    assert np.abs(read_sound(path) - tone()).max() < (
        0.03 if subtype in ("PCM_U8", "ULAW") else 1e-3
    )


def test_the_name_does_not_tell_the_format(tmp_path):
    path = write(tmp_path / "a.flac", tone())
    np.testing.assert_array_equal(read_sound(path.rename(tmp_path / "a.mp3")), tone_of(path, "mp3"))


def tone_of(path, end):
    return soundfile.read(io.BytesIO(path.with_suffix(f".{end}").read_bytes()), dtype="float32")[0]


def test_channels_are_averaged(tmp_path):
    seven = np.stack([tone() * i for i in range(7)], axis=1) / 7  # mean 3 / 7
    path = write(tmp_path / "a.wav", seven, subtype="FLOAT")
    np.testing.assert_allclose(read_sound(path), tone() * 3 / 7, atol=1e-6)
    np.testing.assert_allclose(read_sound((seven, RATE)), tone() * 3 / 7, atol=1e-6)


def test_resampling_is_that_of_soxr_and_streams_are_the_whole():
    samples = noise(4, 44_100)
    whole = read_sound((samples, 44_100), sample_rate=RATE)
    np.testing.assert_array_equal(whole, soxr.resample(samples, 44_100, RATE))
    blocks = list(stream_sound((samples, 44_100), sample_rate=RATE, seconds=0.7))
    assert {len(block) for block in blocks[:-1]} == {int(0.7 * RATE)}
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_a_stretch_is_that_of_the_whole(tmp_path):
    for kind in ("wav", "flac", "mp3", "ogg"):
        path = write(tmp_path / f"a.{kind}", noise(5))
        stretch = read_sound(Clip(path, 2.0, 3.0))
        assert len(stretch) == RATE
        np.testing.assert_allclose(stretch, read_sound(path)[2 * RATE : 3 * RATE], atol=1e-4)
    assert len(read_sound(path, start=4.5)) == RATE // 2
    with pytest.raises(InvalidInputError, match="start < end"):
        read_sound(path, start=3, end=3)


def test_ints_of_any_width_and_mappings_of_datasets():
    wave = tone(level=0.5)
    eight = np.round(wave * 127 + 128).astype(np.uint8)
    for samples in ((wave * 32767).astype(np.int16), (wave * 2**31).astype(np.int32), eight):
        found = read_sound({"array": samples, "sampling_rate": RATE})
        assert np.abs(found - wave).max() < 0.01


def test_nan_and_infinity_are_silence_unless_there_is_nothing_else():
    samples = tone()
    samples[5:8] = np.nan, np.inf, -np.inf
    found = read_sound((samples, RATE))
    assert found[5:8].tolist() == [0, 0, 0] and np.isfinite(found).all()
    with pytest.raises(CorruptFileError, match="all of its 9 samples are NaN or infinite"):
        read_sound((np.full(9, np.nan), RATE))
    assert np.abs(read_sound((np.array([1e300, 1.0]), RATE))).max() <= 1e9


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty: it holds no bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "not an audio file.*a PNG image"),
        (b"plain words " * 9, "not an audio file"),
        (b"OggS\x00" + bytes(90), "cut off or damaged .*Ogg audio"),
        ((np.zeros(0, "f4"), RATE), "it holds no samples"),
        ((np.zeros(9, "f4"), 5), "samples a second; allowed are"),
        ("nowhere.wav", "no longer there"),
        ("a\0b", "no name of a file"),
    ],
    ids=str,
)
def test_what_holds_no_sound_has_a_reason(content, says):
    with pytest.raises(CorruptFileError, match=says):
        read_sound(content)


@pytest.mark.parametrize(
    "content",
    [
        7,
        None,
        np.zeros(9),
        ([1.0, 2.0], RATE),
        (np.zeros(9), "high"),
        (np.zeros((2, 2, 2)), 1),
        (np.array(["a"]), 8000),
    ],
)
def test_what_can_be_no_sound_is_refused(content):
    with pytest.raises(InvalidInputError, match=r"sample|sound"):
        read_sound(content)


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "wav"])
def test_of_a_file_that_is_cut_off_what_is_there_counts(tmp_path, kind):
    data = write(tmp_path / f"a.{kind}", noise(20)).read_bytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(data[: len(data) * 6 // 10])
    assert 5 < measure_seconds(path) < 15
    assert len(read_sound(path)) == round(measure_seconds(path) * RATE)
    if kind in ("mp3", "flac"):  # the others' headers follow what is there
        assert is_cut_off(path) and not is_cut_off(tmp_path / f"a.{kind}")
        (item, told) = read_file(SourceFile(path, path.name, path.stat().st_size, 0))
        assert item.modality == "audio" and told.reason.startswith("cut off before 20.0 s")


def test_decoding_leaves_the_streams_of_the_process_alone(tmp_path, monkeypatch):
    """libmpg123 prints to standard error; to redirect that is for the command line alone."""
    data = write(tmp_path / "a.mp3", noise(5)).read_bytes()

    def redirected(*_arguments):
        raise AssertionError("a library redirected a stream of the process")

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup2", redirected)
        assert len(read_sound(data[: len(data) // 2]))


def test_a_file_is_one_item_with_its_facts(tmp_path):
    path = write(tmp_path / "song.flac", np.zeros((8000, 2)), rate=8000)
    (item,) = read_file(SourceFile(path, "x/song.flac", path.stat().st_size, 0))
    assert (item.id, item.modality, item.content) == ("x/song.flac", "audio", path)
    assert item.metadata == {"seconds": 1.0, "sample_rate": 8000, "channels": 2}
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    (skipped,) = read_file(SourceFile(empty, "empty.wav", 0, 0))
    assert "holds no bytes" in skipped.reason
    none = write(tmp_path / "none.wav", np.zeros(0))
    (skipped,) = read_file(SourceFile(none, "none.wav", none.stat().st_size, 0))
    assert skipped.reason == "it holds no samples: empty, or cut off"


def test_a_flac_that_does_not_say_its_length_is_read(tmp_path):
    path = write(tmp_path / "a.flac", noise(5))
    data = bytearray(path.read_bytes())
    at = data.index(b"fLaC") + 4 + 4 + 13  # of STREAMINFO: the last 36 bits before the MD5
    data[at] &= 0xF0
    data[at + 1 : at + 5] = bytes(4)
    path.write_bytes(data)
    assert 4.9 < read_audio_metadata(path)["seconds"] <= 5.0
    assert 4.9 * RATE < len(read_sound(path)) <= 5 * RATE
    assert not is_cut_off(path)


def test_rates_of_numpy_are_numbers_and_stretches_are_checked():
    samples = noise()
    for rate in (np.int64(RATE), np.float32(RATE)):
        np.testing.assert_array_equal(read_sound((samples, rate)), samples)
    for start, end in ((-1, 2), (float("nan"), 2), ("0", 2), (0, float("nan")), (2, 1)):
        with pytest.raises(InvalidInputError, match="start < end"):
            read_sound(Clip((samples, RATE), start, end))
    with pytest.raises(InvalidInputError, match="sample rate inf"):
        read_sound((samples, float("inf")))
    with pytest.raises(InvalidInputError, match="sample_rate=50"):
        read_sound((samples, RATE), sample_rate=50)
    with pytest.raises(InvalidInputError, match="a block's length"):
        next(stream_sound((samples, RATE), seconds=0))


def test_packed_files_are_unpacked(tmp_path):
    import gzip

    path = write(tmp_path / "a.wav", tone())
    packed = tmp_path / "a.wav.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_sound(packed), read_sound(path))


def test_a_long_recording_is_streamed_in_little_memory(tmp_path):
    import tracemalloc

    path = write(tmp_path / "long.flac", np.zeros(RATE * 600, "f4"))  # ten minutes, 38 MB as floats
    tracemalloc.start()
    assert sum(len(block) for block in stream_sound(path, sample_rate=8000)) == 8000 * 600
    assert tracemalloc.get_traced_memory()[1] < 15e6
    tracemalloc.stop()
