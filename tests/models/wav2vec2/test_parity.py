"""wav2vec 2.0 and HuBERT without torch: states and scores as of transformers, from its folders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers as t

import sememe
from sememe.encoders.audio.transcriber import Transcriber
from sememe.models.wav2vec2.engine import SpeechEngine
from sememe.models.wav2vec2.folder import read_speech_folder

pytestmark = pytest.mark.train

SMALL = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80,
    "conv_dim": (24, 32, 32), "conv_kernel": (10, 8, 4), "conv_stride": (5, 4, 2),
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "vocab_size": 12,
}  # fmt: skip
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
# name: kind, what differs from SMALL
CONFIGS = {
    "base": ("Wav2Vec2", {}),
    "large": ("Wav2Vec2", LARGE),
    "post-norm of layers": ("Wav2Vec2", {"feat_extract_norm": "layer", "layer_norm_eps": 1e-3}),
    "group and stable": ("Wav2Vec2", {"do_stable_layer_norm": True, "conv_bias": True}),
    "other activations": (
        "Wav2Vec2", {"hidden_act": "relu", "feat_extract_activation": "silu"}
    ),
    "gelu with tanh": (
        "Wav2Vec2", LARGE | {"hidden_act": "gelu_new", "feat_extract_activation": "gelu_new"}
    ),
    "odd kernel of positions": (
        "Wav2Vec2", LARGE | {"num_conv_pos_embeddings": 7, "num_conv_pos_embedding_groups": 1}
    ),
    "one convolution": (
        "Wav2Vec2", {"conv_dim": (32,), "conv_kernel": (50,), "conv_stride": (20,)}
    ),
    "adapters of a language": ("Wav2Vec2", LARGE | {"adapter_attn_dim": 10}),
    "unispeech": ("UniSpeech", {}),
    "unispeech-sat": ("UniSpeechSat", LARGE),
    "hubert": ("Hubert", {}),
    "hubert large": ("Hubert", LARGE),
    "hubert, frames as they are": ("Hubert", {"feat_proj_layer_norm": False}),
    "hubert, positions normalised": ("Hubert", LARGE | {"conv_pos_batch_norm": True}),
}  # fmt: skip


def made(name, head="ForCTC", **more):
    """A network of transformers with weights that hide no mistake."""
    kind, changes = CONFIGS[name]
    torch.manual_seed(0)
    config = getattr(t, f"{kind}Config")(**SMALL | changes | more)
    model = getattr(t, f"{kind}{head}")(config).eval()
    with torch.no_grad():
        for part, value in model.named_parameters():
            if value.ndim == 1:  # gains of 1 and biases of 0 would hide a mistake
                value.add_(0.2 * torch.randn_like(value))
            elif "conv_layers" not in part and "pos_conv" not in part:
                value.mul_(3)
        for part, value in model.named_buffers():
            if part.endswith(("running_mean", "running_var")):
                value.add_(0.5 * torch.rand_like(value))
    return model


def clip(seconds, seed=0):
    return np.random.default_rng(seed).normal(size=round(seconds * 16_000)).astype(np.float32)


def add_states(model, samples, **more):
    """Of layers 0 to the last, the last normalised: (frames, dim) each; and the scores if any."""
    with torch.no_grad():
        base = getattr(model, model.base_model_prefix, model)
        out = base(torch.tensor(samples), output_hidden_states=True, **more)
        scores = model.lm_head(out.last_hidden_state) if hasattr(model, "lm_head") else None
    states = [*out.hidden_states[:-1], out.last_hidden_state]
    return [one.numpy() for one in states], None if scores is None else scores.numpy()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_is_as_of_transformers(name, tmp_path):
    """The control: neighbouring layers are far from each other."""
    model = made(name)
    model.save_pretrained(tmp_path)
    folder, samples = read_speech_folder(tmp_path), clip(0.4)
    made_ready = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    states, scores = add_states(model, made_ready[None])
    for layer, expected in enumerate(states):
        (found,) = SpeechEngine(folder, layer=layer, threads=1).run([samples])
        np.testing.assert_allclose(found, expected[0], atol=1e-4)
    assert all(np.abs(a - b).max() > 0.05 for a, b in zip(states, states[1:], strict=False))
    (found,) = SpeechEngine(folder, threads=1).run([samples])
    np.testing.assert_allclose(found, scores[0], atol=1e-4)
    assert np.abs(scores).max() > 0.1


@pytest.mark.parametrize("name", ["large", "hubert large", "post-norm of layers"])
def test_a_batch_is_as_of_transformers_with_its_mask(name, tmp_path):
    model = made(name)
    model.save_pretrained(tmp_path)
    clips = [clip(seconds, i) for i, seconds in enumerate([0.3, 0.11, 0.21])]
    extractor = t.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    batch = extractor(clips, sampling_rate=16_000, padding=True, return_tensors="pt")
    states, _ = add_states(model, batch.input_values.numpy(), attention_mask=batch.attention_mask)
    engine = SpeechEngine(read_speech_folder(tmp_path), layer=3, threads=1)
    for found, expected in zip(engine.run(clips), states[-1], strict=True):
        np.testing.assert_allclose(found, expected[: len(found)], atol=1e-4)


@pytest.mark.parametrize("head", ["Model", "ForPreTraining", "ForCTC", "ForSequenceClassification"])
def test_names_of_every_kind_of_checkpoint_and_both_spellings(head, tmp_path):
    model = made("base", head)
    samples = clip(0.3)
    expected = add_states(getattr(model, "wav2vec2", model), samples[None])[0][-1][0]
    t.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    spellings = ["model.safetensors", "pytorch_model.bin", "old.bin", "folded.bin"]
    for spelling in spellings:
        model.save_pretrained(tmp_path)
        if spelling != "model.safetensors":
            (tmp_path / "model.safetensors").unlink()
            state = dict(model.state_dict())
            start = next(k for k in state if "pos_conv_embed.conv.param" in k).split("param")[0]
            g, v = (state[f"{start}parametrizations.weight.original{i}"] for i in (0, 1))
            if spelling == "old.bin":
                state |= {f"{start}weight_g": g, f"{start}weight_v": v}
            if spelling == "folded.bin":
                state[f"{start}weight"] = g * v / v.norm(dim=(0, 1), keepdim=True)
            if spelling != "pytorch_model.bin":
                state = {k: x for k, x in state.items() if "parametrizations" not in k}
            torch.save(state, tmp_path / "pytorch_model.bin")
        engine = SpeechEngine(read_speech_folder(tmp_path), layer=3, threads=1)
        np.testing.assert_allclose(engine.run([samples])[0], expected, atol=1e-4)


def test_vectors_are_means_of_states(tmp_path):
    """From a file's samples to a unit row, with the processor of transformers."""
    model = made("large")
    model.save_pretrained(tmp_path)
    extractor = t.Wav2Vec2FeatureExtractor()
    extractor.save_pretrained(tmp_path)
    encoder = sememe.load(f"{tmp_path}:layer2")
    for seconds in (0.05, 0.5):
        samples = 0.1 * clip(seconds) + 0.3
        ready = extractor(samples, sampling_rate=16_000, return_tensors="np").input_values
        row = add_states(model, ready)[0][2][0].mean(axis=0)
        found = encoder.encode([(samples, 16_000)])[0]
        np.testing.assert_allclose(found, row / np.linalg.norm(row), atol=1e-5)


def test_greedy_text_is_that_of_transformers(tmp_path):
    """Its tokenizer's own decoding of the same scores; the scores of a random network say much."""
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDE'F"]
    (tmp_path / "vocab.json").write_text(json.dumps({k: i for i, k in enumerate(letters)}))
    tokenizer = t.Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"))
    model = made("base")
    with torch.no_grad():
        model.lm_head.weight.mul_(5)
        model.lm_head.bias[1:4] = -100  # marks, which we never write
    model.save_pretrained(tmp_path)
    t.Wav2Vec2Processor(t.Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(tmp_path)
    samples = clip(1.0)
    ready = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
    ids = add_states(model, ready[None])[1][0].argmax(-1)
    found = Transcriber.load(tmp_path).transcribe([(samples, 16_000)])[0]
    assert found.text == " ".join(tokenizer.decode(ids).split())
    assert len(found.text) > 20 and " " in found.text
