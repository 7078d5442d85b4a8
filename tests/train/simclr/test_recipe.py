"""Runs of SimCLR: kills, other data, the command line, other backbones, exports."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch

from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.models.image.export import export_image
from sememe.models.onnx.session import open_session
from sememe.train.data.images import find_pictures, make_preprocess, read_pictures
from sememe.train.simclr.backbones import make_backbone
from sememe.train.simclr.recipe import SimCLRTraining
from tests import forked
from tests.train.data.textures import textures, write

pytestmark = pytest.mark.train

QUICK = {"size": 16, "batch_size": 20, "epochs": 6, "evaluations": 4}
OPTIONS = ["--size", "16", "--batch-size", "20", "--epochs", "6", "--evaluations", "4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("pictures") / "train", *textures(100, seed=0))


@pytest.fixture(scope="module")
def whole(folder):
    return SimCLRTraining(**QUICK).fit(folder)


def test_killed_the_weights_and_losses_are_the_same(whole, folder, tmp_path):
    command = ["train", "simclr", folder, "-o", tmp_path / "killed", *OPTIONS]
    assert forked.killed_at(12, *command) == -9  # after the evaluation of step 7
    assert (tmp_path / "killed.checkpoint" / "checkpoint-7").is_dir()
    assert main([*map(str, command)]) == 0
    document = json.loads((tmp_path / "killed" / "sememe.json").read_text(encoding="utf-8"))
    assert document["curve"]["resumed_at"] == 7
    losses = [tuple(point) for point in document["curve"]["losses"]]
    assert len(losses) == 30
    np.testing.assert_allclose(losses, whole.report_.curve.losses, atol=1e-6)
    from safetensors.torch import load_file

    kept = load_file(tmp_path / "killed" / "model.safetensors")
    for name, tensor in whole.model_.state_dict().items():
        assert torch.equal(tensor, kept[name]), name
    assert not (tmp_path / "killed.checkpoint").exists()


def test_a_checkpoint_of_other_pictures_or_options_is_refused(folder, tmp_path):
    state, quick = tmp_path / "state", {**QUICK, "epochs": 1}
    SimCLRTraining(**quick).fit(folder, checkpoint=state)
    again = SimCLRTraining(**quick).fit(folder, checkpoint=state)  # at its end already
    assert again.report_.curve.resumed_at == again.report_.curve.steps == 5
    pixels, _ = textures(100, seed=1)
    with pytest.raises(InvalidInputError, match="another run: pictures differ"):
        SimCLRTraining(**quick).fit(list(pixels), checkpoint=state)
    with pytest.raises(InvalidInputError, match="temperature was 0.2, is 0.5"):
        SimCLRTraining(**quick, temperature=0.5).fit(folder, checkpoint=state)


def test_bfloat16_goes_nearly_the_same_way(folder):
    quick = {**QUICK, "epochs": 1, "evaluations": 1}
    exact, rough = (
        SimCLRTraining(**quick, precision=precision).fit(folder)
        for precision in ("float32", "bfloat16")
    )
    losses = [np.array(one.report_.curve.losses)[:, 1] for one in (exact, rough)]
    assert 1e-6 < np.abs(losses[0] - losses[1]).max() < 0.3
    assert {tensor.dtype for tensor in rough.model_.parameters()} == {torch.float32}
    with pytest.raises(UnknownNameError, match="bfloat16"):
        SimCLRTraining(precision="half").fit(folder)


def test_the_command_says_what_it_did_and_warns_of_a_collapse(folder, tmp_path, capsys):
    """The collapse: a weight decay that takes away a fifth of all weights at each step."""
    labelled = write(tmp_path / "test", *textures(40, seed=1))
    command = ["train", "simclr", str(folder), "-o", str(tmp_path / "out"), *OPTIONS]
    command += ["--evaluate", str(labelled)]
    assert main([*command, "--epochs", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["n_pictures"] == 100 and said["figures"][-1]["step"] == 5
    assert 0 <= said["figures"][-1]["probe"] <= 1 and said["raw"] is not None
    assert main(command) == 2
    assert "add --overwrite" in capsys.readouterr().err
    command += ["--learning-rate", "0.2", "--weight-decay", "4.9"]
    assert main([*command, "--overwrite"]) == 0
    out, error = capsys.readouterr()
    assert "kNN accuracy held out" in out and "linear probe" in out and "sememe embed -m" in out
    assert "warning: the effective rank fell" in error and "note: the effective rank" in error
    assert main(["train", "simclr", str(tmp_path / "none"), "-o", str(tmp_path / "no")]) == 2


def test_reading_in_threads_leaves_the_filters_of_warnings_as_they_were(folder):
    before = list(warnings.filters)
    for _ in range(5):
        read_pictures(find_pictures(folder)[0], size=16)
    assert list(warnings.filters) == before


def test_many_pixels_lie_in_a_file_and_are_the_same(folder, tmp_path):
    found, skipped = find_pictures(folder)
    assert len(found) == 100 and skipped == ()
    here = read_pictures(found, size=16)
    there = read_pictures(found, size=16, folder=tmp_path / "beside", large=1000)
    assert isinstance(there.pixels, np.memmap) and not isinstance(here.pixels, np.memmap)
    np.testing.assert_array_equal(here.pixels, there.pixels)
    pixels, _ = textures(100, seed=0)
    order = [int(one.source[2:6]) for one in found]
    np.testing.assert_array_equal(here.pixels, pixels[order])
    mean, std = here.colours()
    np.testing.assert_allclose(mean, (pixels / 255).mean((0, 1, 2)))
    np.testing.assert_allclose(std, (pixels / 255).std((0, 1, 2)))


@pytest.mark.parametrize(
    "name, package, size, dim",
    [
        ("small", "torch", 16, 192),
        ("resnet18", "torchvision", 16, 512),
        ("mobilenet_v3_small", "torchvision", 32, 1024),
        ("timm/test_vit", "timm", 32, 64),
        ("timm/test_resnet", "timm", 32, 96),
    ],
)
def test_a_backbone_of_any_name_gives_features(name, package, size, dim):
    pytest.importorskip(package, reason=f"{package} is not part of the extra `train`")
    module, found = make_backbone(name, size)
    assert found == dim and module.training
    with torch.no_grad():
        rows = module.eval()(torch.rand(4, 3, size, size, generator=torch.manual_seed(0)))
    assert rows.shape == (4, dim) and float(rows.std(0).max()) > 0


def test_an_export_says_of_pixels_what_torch_says_of_normalised_pictures():
    """Of a backbone of timm; the small one: test_the_folder_runs_without_torch."""
    pytest.importorskip("timm", reason="timm is not part of the extra `train`")
    module, _ = make_backbone("timm/test_vit", 32)
    preprocess = make_preprocess(32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
    made = open_session(export_image(module, preprocess, outputs=("features",)))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    mean, std = (np.array(x) for x in (preprocess.mean, preprocess.std))
    pictures = torch.from_numpy((pixels / 255 - mean) / std).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        expected = module.eval()(pictures).numpy()
    got = made.run(["features"], {"pixels": pixels})[0]
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet17", "timm/no_such_net"])
def test_backbones_of_no_name_are_refused(name):
    package = "timm" if name.startswith("timm/") else "torchvision"
    pytest.importorskip(package, reason=f"{package} is not part of the extra `train`")
    with pytest.raises(InvalidInputError, match=name.removeprefix("timm/")):
        make_backbone(name, 32)


def test_a_network_that_cannot_be_exported_is_refused_and_left_as_it_was():
    class Branching(torch.nn.Module):
        def forward(self, x):
            return x.mean((2, 3)) if float(x.sum()) > 0 else x.amax((2, 3))

    module = Branching().train()
    preprocess = make_preprocess(8, (0.5,) * 3, (0.5,) * 3)
    with pytest.raises(InvalidInputError, match="cannot be exported"):
        export_image(module, preprocess, outputs=("features",))
    assert module.training
