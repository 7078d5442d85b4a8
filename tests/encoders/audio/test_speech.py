"""Encoding recordings by a network of speech: any layer, any length, whatever else is given."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import sememe
from sememe import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.encoders.audio.speech import SpeechEncoder
from sememe.sources.media.audio_decoding import Clip
from tests.contracts.encoder import EncoderContract, encode_all
from tests.models.wav2vec2 import checkpoints as small
from tests.models.wav2vec2.checkpoints import BASE, GROUP, RATE
from tests.models.weights.hub_server import Hub, serving
from tests.models.weights.test_hub import load as load_from

KINDS = {"layer": BASE, "group": GROUP}


def tone(hertz, seconds=0.5, rate=RATE):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def noise(seconds, seed=0, rate=RATE):
    return np.random.default_rng(seed).normal(size=round(seconds * rate)).astype(np.float32)


def sounds():
    """Tones and noise, no two of one length."""
    rising = [tone(150 + 300 * i, 0.2 + 0.07 * i) for i in range(5)]
    return [(samples, RATE) for samples in [*rising, noise(0.31), noise(0.93, 1), tone(700, 0.6)]]


@pytest.mark.parametrize("kind", KINDS)
class TestSpeech(EncoderContract):
    @pytest.fixture
    def subject(self, kind, tmp_path):
        return sememe.load(str(small.write(tmp_path / kind, KINDS[kind])), threads=2)

    @pytest.fixture
    def items(self):
        return sounds()

    def test_equal_lengths_do_not_change_vectors(self, subject):
        """Clips of one length are run together, whichever the network."""
        items = [(noise(0.3, seed), RATE) for seed in range(9)]
        alone = np.stack([subject.encode_one(item) for item in items])
        np.testing.assert_allclose(subject.encode(items), alone, atol=1e-5)

    def test_it_is_what_frames_say(self, subject, items):
        """Frames by their number, and the mean of them."""
        frames = subject.encode_frames(items)
        config = subject._engine.folder.config
        assert [f.shape for f in frames] == [(config.frames(len(x)), 24) for x, _ in items]
        means = np.stack([f.mean(axis=0) for f in frames])
        expected = means / np.linalg.norm(means, axis=1, keepdims=True)
        np.testing.assert_allclose(subject.encode(items), expected, atol=1e-5)
        assert subject.seconds_per_frame == pytest.approx(40 / RATE)

    def test_silence_and_what_is_shorter_than_a_frame(self, subject):
        items = [(np.zeros(n, np.float32), RATE) for n in (1, 5, 60, 8000)]
        items += [(np.ones(1, np.float32), RATE), (1e30 * np.ones(300, np.float32), RATE)]
        vectors = subject.encode(items)
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert [len(f) for f in subject.encode_frames(items[:2])] == [1, 1]


@pytest.fixture
def folder(tmp_path):
    return small.write(tmp_path / "network")


def test_a_layer_by_its_name(folder):
    """The control: layers differ, and so do their spaces."""
    encoders = [sememe.load(f"{folder}:layer{i}") for i in range(3)]
    last = sememe.load(str(folder))
    assert [e.name for e in encoders] == [f"{folder}:layer{i}" for i in range(3)]
    assert (last.name, last.layer, last.space) == (str(folder), 2, encoders[2].space)
    assert len({e.space for e in encoders}) == 3
    rows = [e.encode(sounds()) for e in encoders]
    np.testing.assert_array_equal(rows[2], last.encode(sounds()))
    assert np.abs(rows[0] - rows[1]).max() > 0.05 and np.abs(rows[1] - rows[2]).max() > 0.05
    with pytest.raises(InvalidInputError, match="no layer 3; give :layer0 to :layer2"):
        sememe.load(f"{folder}:layer3")


def test_all_that_shapes_a_vector_is_in_the_space(tmp_path):
    spaces = [
        sememe.load(str(small.write(tmp_path / str(i), config, **options))).space
        for i, (config, options) in enumerate([
            (BASE, {}), (BASE, {}), (BASE, {"seed": 1}), (BASE, {"rate": 16_000}),
            (BASE, {"normalize": False}), (BASE | {"hidden_act": "relu"}, {}),
        ])
    ]  # fmt: skip
    assert spaces[0] == spaces[1]
    assert len(set(spaces)) == 5


def test_paths_bytes_rates_and_stretches(folder, tmp_path):
    """One sound in five forms; at another rate nearly the same, of another pitch not."""
    encoder = sememe.load(str(folder))
    samples = tone(440, 1.0)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    data = (tmp_path / "a.wav").read_bytes()
    stereo = np.stack([samples, samples], axis=1)
    twice = np.concatenate([0 * samples, samples])
    items = [(samples, RATE), str(tmp_path / "a.wav"), tmp_path / "a.wav", data, (stereo, RATE),
             Clip((twice, RATE), start=1.0), (tone(440, 1.0, 16_000), 16_000),
             (tone(880, 1.0), RATE)]  # fmt: skip
    rows = encoder.encode(items)
    np.testing.assert_allclose(rows[1:6], rows[[0] * 5], atol=1e-5)
    assert rows[0] @ rows[6] > 0.999 > rows[0] @ rows[7]


def test_loudness_counts_only_where_the_network_learnt_it(tmp_path):
    loud = [(noise(0.5), RATE), (0.01 * noise(0.5) + 0.2, RATE)]
    same, other = (
        sememe.load(str(small.write(tmp_path / f"{flag}", normalize=flag))).encode(loud)
        for flag in (True, False)
    )
    np.testing.assert_allclose(same[0], same[1], atol=1e-3)
    assert np.abs(other[0] - other[1]).max() > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_long_is_read_in_windows(kind, tmp_path):
    """20 s are 4,000 frames of this network, three windows. By frames they join without a gap; in
    the middle of a window they are those of a run over the whole, but for how a clip as a whole is
    normalised, which the control shows: neighbouring frames are further from each other."""
    encoder = sememe.load(str(small.write(tmp_path / kind, KINDS[kind])))
    samples = noise(20)
    (frames,) = encoder.encode_frames([(samples, RATE)])
    whole = encoder._engine.run([samples])[0]
    assert frames.shape == whole.shape == (encoder._engine.folder.config.frames(160_000), 24)
    apart = np.linalg.norm(frames - whole, axis=1) / np.linalg.norm(whole, axis=1)
    between = np.linalg.norm(np.diff(whole, axis=0), axis=1) / np.linalg.norm(whole[1:], axis=1)
    assert apart.max() < 0.5 * np.median(between)
    row = encoder.encode_one((samples, RATE))
    mean = frames.mean(axis=0)
    np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_memory_does_not_grow_with_the_recording(tmp_path):
    """Forty minutes of silence and noise take hardly more than ten."""
    config = BASE | {"conv_kernel": [200, 4], "conv_stride": [100, 4]}
    folder = small.write(tmp_path / "network", config)
    program = """
import resource, sys, numpy as np, soundfile, sememe
encoder = sememe.load(sys.argv[1], threads=1)
with soundfile.SoundFile(sys.argv[2], "w", 8000, 1, subtype="FLOAT") as file:
    for i in range(10):
        file.write(np.random.default_rng(i).normal(size=480_000) * (i % 3) * 0.1)
encoder.encode([sys.argv[2]])
short = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with soundfile.SoundFile(sys.argv[2], "w", 8000, 1, subtype="FLOAT") as file:
    for i in range(40):
        file.write(np.random.default_rng(i).normal(size=480_000) * (i % 3) * 0.1)
vector = encoder.encode([sys.argv[2]])
assert np.isfinite(vector).all()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - short)
"""
    arguments = [sys.executable, "-c", program, str(folder), str(tmp_path / "long.wav")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20_000  # KB; half an hour more is 58 MB of samples


def test_what_cannot_be_read_has_a_reason(folder, tmp_path):
    good = io.BytesIO()
    soundfile.write(good, tone(300), RATE, format="WAV")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("no sound at all")
    encoder = sememe.load(str(folder))
    items = [good.getvalue(), tmp_path / "empty.wav", tmp_path / "text.wav", tmp_path / "none.wav",
             (np.full(9, np.nan, np.float32), RATE), good.getvalue()]  # fmt: skip
    rows, reasons = encode_all(encoder, items)
    assert list(reasons) == [1, 2, 3, 4]
    assert "empty" in reasons[1] and "not an audio file" in reasons[2] and "NaN" in reasons[4]
    np.testing.assert_array_equal(np.isnan(rows).all(axis=1), [False, *[True] * 4, False])
    np.testing.assert_allclose(rows[0], rows[5], atol=1e-6)
    for call in (encoder.encode, encoder.encode_frames):
        with pytest.raises(CorruptFileError, match=r"item 1 \(.*empty\.wav\): empty.*3 others"):
            call(items)
    for wrong in ([3], [None], [("a", 3)]):
        with pytest.raises(InvalidInputError, match="item 0"):
            encoder.encode(wrong)
    for bare in ("a.wav", b"", (tone(300), RATE), 3):
        with pytest.raises(InvalidInputError, match="list of audio items"):
            encoder.encode(bare)


def broken(place, *, leave_out=(), nan=False, **changes):
    config = BASE | changes
    weights = small.tensors({**BASE, **{k: v for k, v in changes.items() if k == "hidden_size"}})
    for name in leave_out:
        del weights[name]
    if nan:
        weights["wav2vec2.encoder.layer_norm.weight"][0] = np.nan
    return small.write_folder(place, config, weights)


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"hidden_act": "mish"}, InvalidInputError, "hidden_act='mish'; sememe computes gelu"),
        ({"feat_extract_norm": "none"}, InvalidInputError, "feat_extract_norm='none'"),
        ({"add_adapter": True}, InvalidInputError, "add_adapter=True, convolutions after"),
        ({"conv_dim": [12]}, CorruptFileError, "config.json is damaged"),
        ({"num_attention_heads": 5}, CorruptFileError, "5 heads do not divide the width 24"),
        ({"conv_stride": [10, 0]}, CorruptFileError, "a size below 1"),
        ({"intermediate_size": 41}, CorruptFileError, r"has shape \(40, 24\), its config.json"),
        ({"nan": True}, CorruptFileError, "holds NaN"),
        (
            {"leave_out": ["wav2vec2.encoder.layers.1.attention.q_proj.bias"]},
            CorruptFileError, "lacks the tensor encoder.layers.1.attention.q_proj.bias",
        ),
    ],
)  # fmt: skip
def test_what_is_no_such_network_says_so(changes, kind, says, tmp_path):
    place = broken(tmp_path / "network", **changes)
    with pytest.raises(kind, match=says):
        sememe.load(str(place)).encode([(tone(300), RATE)])


def test_files_that_are_missing_or_damaged(folder):
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptFileError, match="damaged"):
        sememe.load(str(folder)).encode([(tone(300), RATE)])
    weights.unlink()
    with pytest.raises(InvalidInputError, match=r"no model\.safetensors"):
        sememe.load(str(folder))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    with pytest.raises((CorruptFileError, InvalidInputError)):  # and nothing is run
        sememe.load(str(folder)).encode([(tone(300), RATE)])
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 0}')
    with pytest.raises(CorruptFileError, match="sampling_rate=0"):
        sememe.load(str(folder))
    (folder / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(InvalidInputError, match="'whisper'; sememe reads wav2vec2, hubert, uni"):
        SpeechEncoder.load(folder)
    with pytest.raises(UnknownNameError):
        sememe.load("no-such-folder:layer3")


def test_a_network_of_the_hub_and_its_layers(folder, tmp_path):
    """From a server on this machine. The .bin comes only where there is no safetensors."""
    old = small.write(tmp_path / "old")
    (old / "model.safetensors").rename(old / "pytorch_model.bin")  # never opened here
    (folder / "pytorch_model.bin").write_bytes(b"never to be fetched")
    program = (
        "import json, sys, sememe; e = sememe.load(sys.argv[1]); "
        "print(json.dumps([e.name, e.space, e.modality]))"
    )
    with serving(Hub({"org/name": {"main": folder}, "org/old": {"main": old}})) as hub:
        found = load_from(hub, "hf:org/name:layer1", tmp_path, program=program)
        assert found == ["hf:org/name:layer1", sememe.load(f"{folder}:layer1").space, "audio"]
        assert not any(path.endswith(".bin") for _, path in hub.asked)
        assert load_from(hub, "hf:org/old", tmp_path, program=program)[1] == (
            sememe.load(str(old)).space
        )
        assert any(path.endswith("pytorch_model.bin") for _, path in hub.asked)


def test_neither_torch_nor_transformers_is_loaded(folder):
    program = (
        "import sys, numpy as np, sememe\n"
        "sememe.load(sys.argv[1]).encode([(np.ones(900, 'f4'), 8000)])\n"
        "print(json.dumps(sorted({'torch', 'transformers'} & set(sys.modules))))"
    )
    arguments = [sys.executable, "-c", "import json\n" + program, str(folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
