"""CLAP without torch: spectrograms and vectors as of transformers, from the folders it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers as t

import sememe
from sememe.models.clap.features import read_features
from tests.models.clap.checkpoints import FEATURES, FUSED, RATE, TEXT, write_tokenizer

pytestmark = pytest.mark.train

AUDIO = {
    "window_size": 4, "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4],
    "depths": [2, 2], "num_attention_heads": [2, 4], "patch_embeds_hidden_size": 16,
    "hidden_size": 32,
}  # fmt: skip
FUSION = {"truncation": "fusion"}
# name: what differs of the audio tower, of both, and of the spectrograms
CONFIGS = {
    "as published, smaller": ({}, {}, {}),
    "three stages": (
        {"depths": [2, 1, 2], "num_attention_heads": [2, 2, 4], "patch_embeds_hidden_size": 8,
         "hidden_size": 32}, {}, {"padding": "pad"},
    ),
    "windows that need filling up": ({"window_size": 6}, {"projection_hidden_act": "gelu"}, {}),
    "odd windows, other parts": (
        {"window_size": 3, "depths": [3, 2], "hidden_act": "relu", "qkv_bias": False,
         "enable_patch_layer_norm": False, "mlp_ratio": 2.5, "layer_norm_eps": 1e-3},
        {}, {"padding": "repeat"},
    ),
    "patches that overlap": ({"patch_size": [6, 8]}, {}, {"frequency_min": 0}),
    "patches of two steps": ({"patch_stride": [2, 4]}, {}, {"hop_length": 100}),
    "as many frames as there is room": ({}, {"projection_dim": 12}, {"hop_length": 63}),
    "fusion": (FUSED, {}, FUSION),
    "fusion of other sizes": (
        FUSED | {"patch_size": 6, "aff_block_r": 2, "patch_embeds_hidden_size": 12,
                 "num_attention_heads": [3, 4], "hidden_size": 24}, {}, FUSION,
    ),
}  # fmt: skip
LENGTHS = (2 * RATE, 2 * RATE - 1, 5000, 300, 1)
LONGER = (2 * RATE + 41, 17_000, 50_000)
TEXTS = ["a dog barks", "Rain falls on the roof", "dog " * 28, "rain on a roof", "cat"]


def clip(samples, seed=0):
    """Noise through a tone that grows and fades."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    wave = np.sin(2 * np.pi * (200 + 900 * seed) * time) * np.sin(3 * time) ** 2
    return (0.3 * wave + 0.02 * rng.normal(size=samples)).astype(np.float32)


def written(place, name, form="safetensors"):
    """A folder of transformers with weights that hide no mistake, and its model."""
    audio, both, features = CONFIGS[name]
    torch.manual_seed(0)
    config = t.ClapConfig(
        **{"projection_dim": 20, "text_config": TEXT, "audio_config": AUDIO | audio} | both
    )
    model = t.ClapModel(config).eval()
    with torch.no_grad():
        for part, value in model.named_parameters():
            if value.ndim > 1:
                value.mul_(8)
            elif value.ndim == 1:  # gains of 1 and biases of 0 would hide a mistake
                value.add_(0.2 * torch.randn_like(value))
            assert torch.isfinite(value).all(), part
        for part, value in model.named_buffers():
            if part.endswith("running_mean"):
                value.copy_(torch.randn_like(value) - (30 if part.count(".") == 3 else 0))
            if part.endswith("running_var"):
                value.copy_((torch.rand_like(value) + 0.5) * (200 if part.count(".") == 3 else 1))
    model.save_pretrained(place)
    if form == "bin":
        (place / "model.safetensors").unlink()
        torch.save(model.state_dict(), place / "pytorch_model.bin")
    facts = {key: value for key, value in FEATURES.items() if key != "feature_extractor_type"}
    t.ClapFeatureExtractor(**facts | features).save_pretrained(place)
    write_tokenizer(place)
    return model


def read(place):
    """What says how clips are made, for ours and theirs."""
    said = json.loads((place / "preprocessor_config.json").read_text())
    fused = json.loads((place / "config.json").read_text())["audio_config"]["enable_fusion"]
    return read_features(said, fused=fused, where=""), t.ClapFeatureExtractor.from_pretrained(place)


def theirs(model, mels, longer=False):
    with torch.no_grad():
        batch = torch.tensor(np.ascontiguousarray(mels))[None]
        found = model.get_audio_features(batch, is_longer=torch.tensor([[longer]]))
    return found.pooler_output[0].numpy()


@pytest.mark.parametrize("name", CONFIGS)
def test_vectors_are_those_of_transformers(name, tmp_path):
    """The control: those of another sound, and of another text, are far away."""
    model = written(tmp_path, name)
    ours, extractor = read(tmp_path)
    texts, sounds = sememe.load_encoders(str(tmp_path), threads=1)
    rows = []
    for seed, samples in enumerate(LENGTHS):
        wave = clip(samples, seed)
        mels = extractor(wave, sampling_rate=RATE, return_tensors="np")["input_features"][0]
        np.testing.assert_allclose(ours.spectrograms(wave)[0], mels[0], atol=1e-4)
        rows.append(theirs(model, mels))
    vectors = sounds.encode([(clip(n, seed), RATE) for seed, n in enumerate(LENGTHS)])
    np.testing.assert_allclose(vectors, rows, atol=1e-4)
    assert np.abs(np.roll(rows, 1, axis=0) - rows).max(axis=1).min() > 0.01
    ids = [[0, *row, 2] for row in texts.tokenizer.encode(TEXTS)]
    told = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row) for row in ids], batch_first=True, padding_value=1
    )
    with torch.no_grad():
        said = model.get_text_features(told, attention_mask=(told != 1).long())
    said = said.pooler_output.numpy()
    np.testing.assert_allclose(texts.encode(TEXTS), said, atol=1e-4)
    assert np.abs(np.roll(said, 1, axis=0) - said).max(axis=1).min() > 0.01
    assert np.log(sounds.scale) == pytest.approx(model.logit_scale_a.item())


@pytest.mark.parametrize("name", [name for name in CONFIGS if "fusion" in name])
def test_longer_clips_are_fused_as_in_transformers(name, tmp_path):
    """From the same four spectrograms; the control: without fusion the vector is another."""
    model = written(tmp_path, name)
    ours, _ = read(tmp_path)
    sounds = sememe.load(f"{tmp_path}:audio", threads=1)
    for seed, samples in enumerate(LONGER):
        wave = clip(samples, seed)
        mels = ours.spectrograms(wave)
        longer = samples > 2 * RATE + 80  # the first has no frame more than there is room for
        assert mels.shape == (4 if longer else 1, 201, 16)
        row = theirs(model, mels if longer else np.repeat(mels, 4, axis=0), longer)
        np.testing.assert_allclose(sounds.encode([(wave, RATE)])[0], row, atol=1e-4)
        if longer:
            assert np.abs(theirs(model, mels) - row).max() > 0.01


def test_the_four_spectrograms_of_a_longer_clip():
    """Theirs begin at random, within the same thirds; the first is no matter of chance.

    Their extractor can do this with 64 bins alone.
    """
    facts = {key: x for key, x in FEATURES.items() if key != "feature_extractor_type"}
    extractor = t.ClapFeatureExtractor(**facts | FUSION | {"feature_size": 64})
    ours = read_features(extractor.to_dict(), fused=True, where="")
    wave = clip(50_000)
    four = ours.spectrograms(wave)
    mels = extractor(wave, sampling_rate=RATE, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(four[0], mels[0], atol=1e-3)
    whole = ours._mels(wave)
    third = (len(whole) - 201 + 1) // 3
    for place in range(3):
        starts = [
            next(i for i in range(len(whole)) if np.abs(whole[i] - some[0]).max() < 1e-3)
            for some in (four[place + 1], mels[place + 1])
        ]
        assert all(place * third <= start <= (place + 1) * third + 2 for start in starts)
        np.testing.assert_array_equal(four[place + 1], whole[starts[0] : starts[0] + 201])


def test_longer_clips_are_the_mean_of_windows(tmp_path):
    """Each window as transformers reads it; the last ends with the clip."""
    model = written(tmp_path, "as published, smaller")
    _, extractor = read(tmp_path)
    wave = clip(40_000, 1)
    rows = []
    for start in (0, 16_000, 24_000):
        some = wave[start : start + 16_000]
        mels = extractor(some, sampling_rate=RATE, return_tensors="np")["input_features"][0]
        rows.append(theirs(model, mels))
    mean = np.mean(rows, axis=0)
    found = sememe.load(f"{tmp_path}:audio").encode([(wave, RATE)])[0]
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-4)
    assert np.abs(found - rows[0]).max() > 0.01


def test_weights_that_torch_wrote(tmp_path):
    """As .bin, in which most checkpoints of sound are published; and the processor's newer file."""
    model = written(tmp_path, "as published, smaller", "bin")
    extractor = t.ClapFeatureExtractor.from_pretrained(tmp_path)
    mels = extractor(clip(5000), sampling_rate=RATE, return_tensors="np")["input_features"][0]
    sounds = sememe.load(f"{tmp_path}:audio")
    np.testing.assert_allclose(
        sounds.encode([(clip(5000), RATE)])[0], theirs(model, mels), atol=1e-4
    )
    plain = tmp_path / "preprocessor_config.json"
    (tmp_path / "processor_config.json").write_text(
        json.dumps({"feature_extractor": json.loads(plain.read_text())})
    )
    plain.unlink()
    again = sememe.load(f"{tmp_path}:audio")
    assert again.space == sounds.space
