"""Devices: which is picked, and that each recipe computes all of a step on it."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import sentence_transformers  # noqa: F401  it cannot be imported while torch.cuda is patched
import torch

from sememe import InvalidInputError, UnknownNameError
from sememe.sources.datasets.image_text import read_image_texts
from sememe.train.base.device import Compute, pick_device
from sememe.train.base.hf_trainer import check_train_extra
from sememe.train.classify.audio import AudioClassifier
from sememe.train.classify.image import ImageClassifier
from sememe.train.clip.locked import ClipTraining
from sememe.train.clip.projections import Recipe, learn_projections
from sememe.train.clip.scratch import ClipFromScratch
from sememe.train.mlm.masked_lm import MaskedTraining
from sememe.train.sentence.bi_encoder import SentenceTraining
from sememe.train.sentence.cross_encoder import CrossTraining
from sememe.train.simclr.recipe import SimCLRTraining
from sememe.train.speech.recipe import SpeechTraining
from sememe.train.wav2vec2.recipe import Wav2Vec2Training
from tests.train.base.pretend_device import Pretended, pretend_device
from tests.train.data import syllables
from tests.train.data.textures import textures, write
from tests.train.speech import tones

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:at step:RuntimeWarning"),
]
CLASSES = ["one", "two", "three", "four"]


def simclr(folder):
    pictures = write(folder / "train", *textures(48, seed=0))
    test = write(folder / "test", *textures(24, seed=1))
    quick = {"size": 16, "batch_size": 12, "epochs": 1, "evaluations": 2}
    return lambda checkpoint=None: SimCLRTraining(**quick).fit(
        pictures, labelled=test, checkpoint=checkpoint
    )


def clip(folder):
    write(folder / "pictures", *textures(24, seed=0))
    lines = [f"pictures/{i % 4}/{i:04}.png,class {i % 4} number {i}" for i in range(24)]
    table = folder / "captions.csv"
    table.write_text("\n".join(["image,text", *lines]) + "\n", encoding="utf-8")
    data = read_image_texts(table)
    quick = {"image_size": 16, "width": 32, "layers": 1, "dim": 16, "batch_size": 8, "epochs": 2,
             "held_out": 0.25, "evaluations": 2}  # fmt: skip
    return lambda checkpoint=None: ClipFromScratch(**quick).fit(data, checkpoint=checkpoint)


def wav2vec2(folder):
    quick = {"sample_rate": 8000, "crop": 1.0, "batch_seconds": 2.0, "epochs": 1, "evaluations": 2}
    data = syllables.syllables(12, seed=0)
    names = [f"{CLASSES[i % 3]}/{i:02}.wav" for i in range(12)]
    known = syllables.write(folder / "known", syllables.syllables(12, seed=1), names)
    return lambda checkpoint=None: Wav2Vec2Training(**quick).fit(
        data, labelled=known, checkpoint=checkpoint
    )


def speech(folder, **kind):
    base = tones.base(folder / "base", **kind)
    data = tones.recordings(10)
    return lambda checkpoint=None: SpeechTraining(
        base=base, epochs=2, batch_seconds=2, learning_rate=1e-2, evaluations=2
    ).fit(data, checkpoint=checkpoint)


def speech_hubert(folder):
    return speech(folder, norm="group", kind="hubert")


def image_classifier(folder):
    pytest.importorskip("timm", reason="timm is not part of the extra `train`")
    pictures = write(folder / "train", *textures(40, seed=0))
    quick = {"size": 16, "method": "finetune", "batch_size": 8, "epochs": 1, "evaluations": 2}
    return lambda checkpoint=None: ImageClassifier("timm/test_resnet", **quick).fit(
        pictures, checkpoint=checkpoint
    )


def audio_classifier(folder):
    base = tones.base(folder / "base")
    data = syllables.syllables(20, seed=0), [CLASSES[i % 4] for i in range(20)]
    quick = {"seconds": 0.3, "method": "finetune", "batch_size": 4, "epochs": 1, "evaluations": 2}
    return lambda checkpoint=None: AudioClassifier(base, **quick).fit(data, checkpoint=checkpoint)


RECIPES = [
    simclr, clip, wav2vec2, speech, speech_hubert, image_classifier, audio_classifier
]  # fmt: skip


def weights(training):
    """The tensors that a recipe trained, by name."""
    model = training.model_
    if isinstance(training, AudioClassifier):
        from safetensors.torch import load_file

        return load_file(training._tuned.folder / "model.safetensors")
    if isinstance(training, ImageClassifier):
        return dict(training._tuned.state)
    return model.state_dict()


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, tensor in expected.items():
        assert not isinstance(found[name], Pretended), name
        assert torch.equal(found[name], tensor), name


@pytest.fixture(autouse=True)
def _one_way_of_attention():
    """The CPU has a kernel of its own, which rounds in other places."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        yield


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_step_is_computed_on_the_device_and_a_state_goes_on_on_another(
    recipe, tmp_path, monkeypatch
):
    """Stopped at a step on the device, and given again on the CPU: the weights of a CPU alone."""
    fit = recipe(tmp_path)
    expected = weights(fit())
    with monkeypatch.context() as patch:
        pretend(patch)
        assert_same(weights(fit()), expected)
        stop_after_a_state(patch)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "state")
    found = fit(tmp_path / "state")
    assert found.report_.curve.resumed_at > 0
    assert_same(weights(found), expected)


def pretend(patch):
    """Let `auto` be the pretended device, while a run has it."""
    host = Compute.host

    @contextmanager
    def within(self, modules):
        with pretend_device(), host(self, modules):
            yield

    patch.setattr(Compute, "host", within)
    patch.setattr("sememe.train.base.device.pick_device", lambda _: torch.device("meta"))


def stop_after_a_state(patch):
    """Stop a run once its first state is stored."""
    import sememe.train.base.torch_loop as loop

    keep = loop.keep_state

    def stopped(*given):
        keep(*given)
        raise KeyboardInterrupt

    patch.setattr(loop, "keep_state", stopped)


def test_auto_is_cuda_then_mps_then_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto") == torch.device("cpu") == pick_device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps") == pick_device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("auto") == torch.device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(InvalidInputError, match="device='cuda:2': torch sees 2 devices"):
        pick_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1:2", "", "CUDA", "meta"])
def test_other_names_of_devices_are_refused(name):
    with pytest.raises(InvalidInputError, match=r"device=.*; give auto, cpu, cuda, cuda:1 or mps"):
        pick_device(name)


def test_a_device_that_is_not_there_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for made in (SimCLRTraining, ClipFromScratch, Wav2Vec2Training, SpeechTraining):
        with pytest.raises(InvalidInputError, match="torch sees no device of the kind cuda"):
            made(device="cuda").fit("no-such-folder")
        with pytest.raises(UnknownNameError, match="float16"):
            made(precision="float16").fit("no-such-folder")
    for made in (SentenceTraining, CrossTraining, MaskedTraining, ClipTraining):
        with pytest.raises(InvalidInputError, match="torch sees no device of the kind mps"):
            made(device="mps").fit("no-such-file")


def test_transformers_trainer_takes_the_first_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_train_extra("fit", "cuda:0")
    with pytest.raises(InvalidInputError, match="CUDA_VISIBLE_DEVICES=1"):
        SentenceTraining(device="cuda:1").fit("no-such-file")


def test_bfloat16_is_for_gpus_that_have_it_unless_asked_for(monkeypatch):
    assert not Compute.of("cpu", "auto").bfloat16 and not Compute.of("cpu").bfloat16
    assert Compute.of("cpu", "bfloat16").bfloat16
    with Compute.of("cpu", "bfloat16").autocast():
        assert (torch.eye(2) @ torch.eye(2)).dtype == torch.bfloat16
    with Compute.of("cpu", "auto").autocast():
        assert (torch.eye(2) @ torch.eye(2)).dtype == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for quick in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda quick=quick, **_: quick)
        assert Compute.of("auto", "auto").bfloat16 == quick
        assert not Compute.of("auto", "float32").bfloat16


def test_the_pretended_device_refuses_what_a_gpu_refuses():
    with pretend_device() as device:
        layer = torch.nn.Linear(3, 2).to(device)
        rows = torch.eye(3)
        assert layer(rows.to(device)).cpu().shape == (3, 2)
        with pytest.raises(RuntimeError, match="on one device"):
            layer(rows)
        with pytest.raises(RuntimeError, match="numpy"):
            layer(rows.to(device)).detach().numpy()
        with pytest.raises(RuntimeError, match="on one device"):
            rows.to(device) + torch.arange(3)
        assert float(rows.to(device).sum() * torch.tensor(2.0)) == 6  # one number is allowed
    assert isinstance(layer.weight, Pretended)


def test_projections_are_learnt_on_the_device(monkeypatch):
    rng = np.random.default_rng(0)
    images, texts = (rng.normal(size=(12, n)).astype(np.float32) for n in (7, 4))
    pairs = np.stack([np.arange(12), np.arange(12), np.arange(12) // 2], axis=1)
    recipe = Recipe(3, 5, 3, 6, 0.1, 0.2, 0.1, 1, 0)

    def learn():
        return learn_projections(
            images, texts, pairs, recipe, measure=None, compute=Compute.of(), show_progress=False
        )

    expected, scale, _ = learn()
    pretend(monkeypatch)
    found, again, _ = learn()
    assert again == scale
    for side, projection in expected.items():
        for name, array in projection.arrays("").items():
            np.testing.assert_array_equal(found[side].arrays("")[name], array)
