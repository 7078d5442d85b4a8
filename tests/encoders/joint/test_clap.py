"""CLAP's folders, from their names to vectors: two encoders, one space, and what is refused."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import sememe
from sememe import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.encoders.joint.clap import ClapAudioEncoder
from sememe.sources.media.audio_decoding import Clip
from sememe.tasks.zero_shot import OF_SOUNDS
from tests.contracts.encoder import EncoderContract, encode_all
from tests.models.clap import checkpoints as small
from tests.models.clap.checkpoints import DIM, FUSED, RATE, SOUNDS, TEXT, sounding
from tests.models.weights.hub_server import Hub, serving
from tests.models.weights.test_hub import load as load_from
from tests.sounds import clicks, noise, tone

TEXTS = ["a dog barks", "Rain falls on the roof", "the rain", "", "dog " * 60]
KINDS = {"plain": ({}, {}), "fused": (FUSED, {"truncation": "fusion"})}


def waves():
    """Tones and noise, shorter and longer than the two seconds that the network reads."""
    found = [tone(150 + 400 * i, 0.2 + 0.6 * i, RATE) for i in range(6)]
    return [(one, RATE) for one in [*found, clicks(0.05, 0.4, RATE), noise(4.3, RATE)]]


def written(place, kind="plain"):
    audio, features = KINDS[kind]
    return small.write(place, small.config(audio), features=features)


@pytest.mark.parametrize("kind", KINDS)
class TestSounds(EncoderContract):
    @pytest.fixture
    def subject(self, kind, tmp_path):
        return sememe.load_encoders(str(written(tmp_path / "clap", kind)), threads=2)[1]

    @pytest.fixture
    def items(self):
        return waves()


class TestTexts(EncoderContract):
    @pytest.fixture
    def subject(self, tmp_path):
        return sememe.load_encoders(str(small.write(tmp_path / "clap")), threads=2)[0]

    @pytest.fixture
    def items(self):
        return [*TEXTS[:3], "a dog", "roof on the rain", "dog " * 60]


@pytest.fixture
def folder(tmp_path):
    return small.write(tmp_path / "clap")


def test_each_goes_by_its_own_name(folder):
    texts, sounds = sememe.load_encoders(str(folder))
    assert isinstance(texts, sememe.TextEncoder) and isinstance(sounds, ClapAudioEncoder)
    assert texts.reads_captions and sounds.reads_captions
    assert (texts.modality, sounds.modality) == ("text", "audio")
    assert texts.space == sounds.space and texts.dim == sounds.dim == DIM
    assert texts.scale == sounds.scale == pytest.approx(np.exp(3))
    for encoder, items in ((texts, TEXTS[:3]), (sounds, waves()[:2])):
        again = sememe.load(encoder.name)
        assert (again.name, again.space) == (encoder.name, encoder.space)
        np.testing.assert_array_equal(again.encode(items), encoder.encode(items))
        assert [one.name for one in sememe.load_encoders(encoder.name)] == [encoder.name]
        encoder.release()
        np.testing.assert_array_equal(again.encode(items), encoder.encode(items))
    with pytest.raises(
        InvalidInputError, match=r"for texts and audio, .*:text'\) or .*:audio'\); or both"
    ):
        sememe.load(str(folder))
    for name in ("nowhere:audio", "nowhere:text", ":audio"):
        with pytest.raises(UnknownNameError):
            sememe.load(name)


@pytest.mark.parametrize("mixed", [False, True])
def test_words_and_sounds_meet(mixed, tmp_path):
    """A network made by hand that knows three words; the control takes each for the next one."""
    place = small.write_knowing(tmp_path / "clap", mixed=mixed)
    texts, sounds = sememe.load_encoders(str(place))
    heard = sounds.encode([(sounding(name, 0.3 + i), RATE) for i, name in enumerate(SOUNDS)])
    scores = texts.encode([f"there is a {name}" for name in SOUNDS]) @ heard.T
    expected = np.roll(np.eye(3), 1, axis=1) if mixed else np.eye(3)
    assert (scores[expected == 1] > 0.75).all() and (scores[expected == 0] < 0.4).all()


def test_a_shorter_clip_is_repeated(folder, tmp_path):
    """Half a second four times is two seconds; the control, silence after it, is something else."""
    sounds = sememe.load(f"{folder}:audio")
    short = noise(0.5, RATE)
    rows = sounds.encode([(short, RATE), (np.tile(short, 4), RATE)])
    np.testing.assert_array_equal(rows[0], rows[1])
    place = small.write(tmp_path / "pad", features={"padding": "pad"})
    padded = sememe.load(f"{place}:audio")
    rows = padded.encode([(short, RATE), (np.pad(short, (0, 12_000)), RATE)])
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.abs(rows[0] - sounds.encode([(short, RATE)])[0]).max() > 0.01


def test_a_longer_clip_is_the_mean_of_its_windows(folder):
    """Five seconds: two windows of two, and one that ends with the clip."""
    sounds = sememe.load(f"{folder}:audio")
    wave = np.concatenate([tone(300, 2, RATE), noise(2, RATE), tone(1200, 1, RATE)])
    parts = [(wave[i * RATE : (i + 2) * RATE], RATE) for i in (0, 2, 3)]
    mean = sounds.encode(parts).mean(axis=0)
    found = sounds.encode([(wave, RATE)])[0]
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)
    assert np.abs(found - sounds.encode(parts[:1])[0]).max() > 0.01


def test_paths_bytes_rates_and_stretches(folder, tmp_path):
    """One sound in several forms; at another rate nearly the same, of another pitch not."""
    sounds = sememe.load(f"{folder}:audio")
    samples = tone(440, 1.0, RATE)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    twice = np.concatenate([0 * samples, samples])
    items = [(samples, RATE), str(tmp_path / "a.wav"), (tmp_path / "a.wav").read_bytes(),
             Clip((twice, RATE), start=1.0), (np.stack([samples] * 2, axis=1), RATE),
             (tone(440, 1.0, 16_000), 16_000), (tone(880, 1.0, RATE), RATE)]  # fmt: skip
    rows = sounds.encode(items)
    np.testing.assert_allclose(rows[1:5], rows[[0] * 4], atol=1e-5)
    # what resampling leaves beside a tone is seen in decibels: nearer than another pitch, no more
    assert rows[0] @ rows[5] > rows[0] @ rows[6] + 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_silence_clicks_and_single_samples(kind, tmp_path):
    sounds = sememe.load(f"{written(tmp_path / 'clap', kind)}:audio")
    items = [(np.zeros(n, np.float32), RATE) for n in (1, 5, RATE, 5 * RATE)]
    items += [(np.ones(1, np.float32), RATE), (1e30 * np.ones(300, np.float32), RATE)]
    vectors = sounds.encode(items)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_what_cannot_be_read_has_a_reason(folder, tmp_path):
    good = io.BytesIO()
    soundfile.write(good, tone(300, 1, RATE), RATE, format="WAV")
    (tmp_path / "empty.wav").write_bytes(b"")
    sounds = sememe.load(f"{folder}:audio")
    items = [good.getvalue(), tmp_path / "empty.wav", b"no sound", tmp_path / "none.wav",
             (np.full(9, np.nan, np.float32), RATE), good.getvalue()]  # fmt: skip
    rows, reasons = encode_all(sounds, items)
    assert list(reasons) == [1, 2, 3, 4]
    np.testing.assert_array_equal(np.isnan(rows).all(axis=1), [False, *[True] * 4, False])
    np.testing.assert_array_equal(rows[0], rows[5])
    with pytest.raises(CorruptFileError, match=r"item 1 \(.*empty\.wav\): empty.*3 others"):
        sounds.encode(items)
    with pytest.raises(InvalidInputError, match="item 0"):
        sounds.encode([3])
    with pytest.raises(InvalidInputError, match="list of audio items"):
        sounds.encode("a.wav")


def test_all_that_shapes_a_vector_is_in_the_space(tmp_path):
    first = small.write(tmp_path / "first")
    shutil.copytree(first, tmp_path / "copy")
    small.write(tmp_path / "weights", seed=1)
    small.write(tmp_path / "mels", features={"frequency_min": 60})
    small.write(tmp_path / "padding", features={"padding": "repeat"})
    small.write(tmp_path / "activation", small.config({"hidden_act": "relu"}))
    words = [*small.WORDS[:4], *sorted(small.WORDS[4:])]
    small.write(tmp_path / "words", words=words)
    places = [place for place in tmp_path.iterdir() if place.name != "copy"]
    assert len({sememe.load(f"{place}:audio").space for place in places}) == len(places) == 6
    for part in ("text", "audio"):
        assert sememe.load(f"{tmp_path}/copy:{part}").space == sememe.load(f"{first}:text").space


@pytest.mark.parametrize(
    ("audio", "kind", "says"),
    [
        ({"hidden_act": "mish"}, InvalidInputError, "hidden_act='mish'; sememe computes gelu"),
        ({"fusion_type": "channel_map", "enable_fusion": True}, InvalidInputError, "channel_map"),
        ({"patch_embed_input_channels": 3}, InvalidInputError, "patch_embed_input_channels=3"),
        ({"patch_size": [4, 4, 4]}, CorruptFileError, "config.json is damaged"),
        ({"depths": 3}, CorruptFileError, "config.json is damaged"),
        ({"depths": []}, CorruptFileError, "a size below 1, or none"),
        ({"window_size": 0}, CorruptFileError, "a size below 1"),
        ({"num_attention_heads": [3, 4]}, CorruptFileError, "3 heads do not divide the width 16"),
        ({"spec_size": 60}, CorruptFileError, "spec_size=60.*do not fit each other"),
        ({"window_size": 16}, CorruptFileError, "window_size=16.*do not fit each other"),
        ({"num_mel_bins": 32}, CorruptFileError, "made of 16 bins.*the network reads 32"),
        ({"mlp_ratio": 2.0}, CorruptFileError, r"intermediate.dense.weight has shape \(64, 16\)"),
    ],
)
def test_what_is_no_such_network_says_so(audio, kind, says, tmp_path):
    weights = small.tensors(small.config())
    place = small.write(tmp_path / "clap", small.config(audio), weights=weights)
    with pytest.raises(kind, match=says):
        sememe.load(f"{place}:audio")


@pytest.mark.parametrize(
    ("features", "kind", "says"),
    [
        ({"padding": "mirror"}, InvalidInputError, "padding='mirror'; sememe does repeatpad"),
        ({"truncation": "none"}, InvalidInputError, "truncation='none'"),
        ({"truncation": "fusion"}, CorruptFileError, "enable_fusion false"),
        ({"sampling_rate": "fast"}, CorruptFileError, "preprocessor_config.json is damaged"),
        ({"hop_length": 0}, CorruptFileError, "do not fit each other"),
        ({"frequency_max": 9000}, CorruptFileError, "do not fit each other"),
        ({"max_length_s": 5}, CorruptFileError, "501 frames, the network reads 16 and at most 256"),
    ],
)
def test_clips_that_the_network_cannot_read(features, kind, says, tmp_path):
    place = small.write(tmp_path / "clap", features=features)
    with pytest.raises(kind, match=says):
        sememe.load(f"{place}:audio")


def test_files_that_are_missing_or_damaged(folder):
    def refused(says):
        for part in ("text", "audio"):
            with pytest.raises((InvalidInputError, CorruptFileError), match=says):
                sememe.load(f"{folder}:{part}")

    weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
    data, said = weights.read_bytes(), tokenizer.read_text()
    tokenizer.write_text("{")
    refused("cannot be read as a tokenizer.json")
    small.write_tokenizer(folder, [*small.WORDS, "more", "words"])
    refused("has 14 ids, the network 12")
    tokenizer.unlink()
    refused("holds no tokenizer.json. Write it there")
    tokenizer.write_text(said)
    weights.write_bytes(data[: len(data) // 2])
    refused("damaged")
    weights.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    refused("pytorch_model.bin")  # and nothing is run
    (folder / "pytorch_model.bin").unlink()
    refused(r"holds no model\.safetensors")
    weights.write_bytes(data)
    (folder / "preprocessor_config.json").unlink()
    refused("how inputs are prepared is not known.*ClapFeatureExtractor")


def test_weights_that_are_no_numbers(tmp_path):
    facts = small.config()
    weights = small.tensors(facts)
    weights["audio_model.audio_encoder.norm.bias"][0] = np.nan
    weights["text_model.pooler.dense.bias"][0] = np.inf
    place = small.write(tmp_path / "nan", facts, weights=weights)
    for part, name in (("audio", "norm.bias"), ("text", "pooler.dense.bias")):
        with pytest.raises(CorruptFileError, match=f"{name} holds NaN"):
            sememe.load(f"{place}:{part}")
    short = small.config(text={"max_position_embeddings": 4})
    with pytest.raises(CorruptFileError, match="texts of 2 tokens"):
        sememe.load(f"{small.write(tmp_path / 'short', short)}:text")
    assert TEXT["max_position_embeddings"] == 34


def test_a_model_of_the_hub(folder, tmp_path):
    """From a server on this machine. The .bin comes only where there is no safetensors."""
    old = small.write(tmp_path / "old")
    (old / "model.safetensors").rename(old / "pytorch_model.bin")  # never opened here
    (folder / "pytorch_model.bin").write_bytes(b"never to be fetched")
    both = (
        "import json, sys, sememe; found = sememe.load_encoders(sys.argv[1]); "
        "print(json.dumps([[e.name, e.space] for e in found]))"
    )
    one = (
        "import json, sys, sememe\n"
        "try:\n    print(json.dumps(sememe.load(sys.argv[1]).space))\n"
        "except sememe.SememeError as error:\n    print(json.dumps(str(error)))"
    )
    space = sememe.load(f"{folder}:audio").space
    with serving(Hub({"org/name": {"main": folder}, "org/old": {"main": old}})) as hub:
        found = load_from(hub, "hf:org/name", tmp_path, program=both)
        assert found == [["hf:org/name:text", space], ["hf:org/name:audio", space]]
        assert load_from(hub, "hf:org/name:text", tmp_path, program=one) == space
        assert load_from(hub, "hf:org/name:audio", tmp_path, program=one) == space
        assert "for texts and audio, in one space" in load_from(
            hub, "hf:org/name", tmp_path, program=one
        )
        assert not any(path.endswith(".bin") for _, path in hub.asked)
        load_from(hub, "hf:org/old:audio", tmp_path, program=one)
        assert any(path.endswith("pytorch_model.bin") for _, path in hub.asked)


def test_neither_torch_nor_transformers_is_loaded(folder):
    program = (
        "import json, sys, numpy as np, sememe\n"
        "texts, sounds = sememe.load_encoders(sys.argv[1])\n"
        "texts.encode(['a dog']), sounds.encode([(np.ones(900, 'f4'), 8000)])\n"
        "print(json.dumps(sorted({'torch', 'transformers'} & set(sys.modules))))"
    )
    arguments = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_classes_of_sounds_by_their_names(tmp_path, capsys):
    """Without an example; captions of sounds, not of photos, are what the labels are put into."""
    place = small.write_knowing(tmp_path / "clap")
    texts, sounds = sememe.load_encoders(str(place))
    judge = sememe.ZeroShot(sounds, texts, list(SOUNDS))
    found = judge.classify([(sounding(name, 3), RATE) for name in SOUNDS], k=1)
    assert [guesses[0].label for guesses in found] == list(SOUNDS)
    assert judge._choose_templates("horn") == OF_SOUNDS
    for name in SOUNDS:
        soundfile.write(tmp_path / f"{name}.wav", sounding(name), RATE)
    told = ["--labels", "hum,horn,whistle", "-m", str(place), "--json"]
    assert main(["classify", *(str(tmp_path / f"{name}.wav") for name in SOUNDS), *told]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["guesses"][0]["label"] for row in rows] == list(SOUNDS)
    assert main(["embed", str(tmp_path / "horn.wav"), "-m", f"{place}:audio"]) == 0
    assert len(json.loads(capsys.readouterr().out)["vector"]) == 8
