"""Networks of timm and torchvision, exported once: outputs and pictures as of their libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from timm.models._hub import save_for_hf
from torchvision.models.feature_extraction import create_feature_extractor

import sememe
from sememe import CorruptFileError, InvalidInputError
from sememe.models.image.backends import BACKENDS, open_checkpoint
from sememe.models.image.exported import FOREIGN, export_path
from sememe.models.image.preprocess import Preprocess
from sememe.models.image.timm import convert_config
from sememe.models.image.torchvision import convert_transforms
from sememe.models.locate import locate
from sememe.models.onnx.session import open_session
from tests.models.weights.hub_server import Hub, serving

pytestmark = pytest.mark.train

SHAPES = [(32, 32), (224, 224), (500, 375), (375, 500), (257, 1023), (900, 61), (225, 224)]
SMALL = Preprocess(64, 73, "bicubic", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def pictures(n=2, size=64):
    return np.random.default_rng(3).integers(0, 256, (n, size, size, 3), np.uint8)


def tensor(pixels, preprocess):
    mean, std = (torch.tensor(x)[:, None, None] for x in (preprocess.mean, preprocess.std))
    return (torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2) / 255 - mean) / std


def lively(module):
    """Give the norms and last layers numbers that matter: as built, deep networks answer near 0."""
    torch.manual_seed(1)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 0.8, 1.2)
        if isinstance(part, torch.nn.Linear):
            torch.nn.init.normal_(part.weight, 0, 0.2)
    return module.eval()


def timm_vgg():
    from timm.models.vgg import VGG

    return VGG([8, "M", 16, "M", 16, "M", 16, "M", 16, "M"], num_classes=7, mlp_ratio=0.01)


def torchvision_vgg():
    module = torchvision.models.vgg11(init_weights=False)
    module.features = torch.nn.Sequential(*module.features[:2], torch.nn.MaxPool2d(32))
    module.classifier[0] = torch.nn.Linear(64 * 49, 24)
    module.classifier[3] = torch.nn.Linear(24, 20)
    module.classifier[6] = torch.nn.Linear(20, 7)
    return module


def timm_features(module, x):
    return module.forward_head(module.forward_features(x), pre_logits=True)


def torchvision_features(node):
    return lambda module, x: create_feature_extractor(module, {node: "it"})(x)["it"]


FAMILIES = {
    "timm resnet": (lambda: timm.create_model("test_resnet", num_classes=7), timm_features),
    "timm efficientnet": (
        lambda: timm.create_model("test_efficientnet", num_classes=7), timm_features,
    ),
    "timm vgg": (timm_vgg, timm_features),
    "timm vit": (
        lambda: timm.create_model("test_vit", num_classes=7, img_size=64), timm_features,
    ),
    "torchvision resnet": (
        lambda: torchvision.models.resnet18(num_classes=7), torchvision_features("flatten"),
    ),
    "torchvision efficientnet": (
        lambda: torchvision.models.EfficientNet(
            torchvision.models.efficientnet._efficientnet_conf(
                "efficientnet_b0", width_mult=0.25, depth_mult=0.25
            )[0][:3], 0.2, num_classes=7,
        ),
        torchvision_features("flatten"),
    ),
    "torchvision vgg": (torchvision_vgg, torchvision_features("classifier.5")),
}  # fmt: skip


# An export takes seconds; that of timm's ResNet is compared below, from its folder.
EXPORTED = {"timm vgg", "torchvision efficientnet"}


@pytest.mark.parametrize("family", FAMILIES)
def test_features_and_logits_are_the_librarys(family):
    build, features = FAMILIES[family]
    size = 224 if family == "timm vgg" else 64  # whose head is a convolution of 7 x 7
    preprocess = Preprocess(size, size, "bicubic", SMALL.mean, SMALL.std)
    module = lively(build())
    image = BACKENDS[family.split()[0]]("it", {}, module, preprocess, tuple("abcdefg"))
    pixels = pictures(size=size)
    x = tensor(pixels, preprocess)
    with torch.no_grad():
        expected = {"features": features(module, x).flatten(1).numpy(), "logits": module(x).numpy()}
        assert np.abs(expected["logits"]).max() > 0.05
        if family in EXPORTED:
            graph, dim, maps = image.export()
            assert (dim, maps) == (expected["features"].shape[1], True)
            opened = open_session(graph)
            names = tuple(port.name for port in opened.get_outputs())
            answers = opened.run(None, {"pixels": pixels})
        else:
            asked, names = image.parts()
            answers = [answer.numpy() for answer in asked(x)]
    found = dict(zip(names, answers, strict=True))
    for name, theirs in expected.items():
        np.testing.assert_allclose(found[name], theirs, atol=1e-4 * np.abs(theirs).max())
    assert ("map" in found) == ("vit" not in family)
    if "map" in found and "vgg" not in family and family != "timm resnet":
        np.testing.assert_allclose(found["map"].mean((2, 3)), found["features"], atol=1e-3)


def written(place, name="test_resnet", **more):
    """Write the folder of a checkpoint as timm does."""
    torch.manual_seed(0)
    module = lively(timm.create_model(name, num_classes=3))
    save_for_hf(module, place, safe_serialization=True, **more)
    return module


def test_a_folder_of_timm_is_exported_once_and_runs_without_torch(tmp_path):
    config = {"label_names": ["n1", "n2", "n3"], "label_descriptions": {"n2": "ein Hund"}}
    module = written(tmp_path / "mine", model_config=config)
    encoder = sememe.load(str(tmp_path / "mine"))
    assert encoder.labels == ("n1", "ein Hund", "n3")
    picture = pictures(1, 300)[0]
    transform = timm.data.create_transform(
        **timm.data.resolve_data_config({}, model=module, pretrained_cfg=module.pretrained_cfg)
    )
    with torch.no_grad():
        x = transform(Image.fromarray(picture))[None]
        features, logits = timm_features(module, x)[0], module(x)[0]
    unit = (features / features.norm()).numpy()
    np.testing.assert_allclose(encoder.encode_one(picture), unit, atol=1e-4)
    np.testing.assert_allclose(encoder.probabilities([picture])[0], logits.softmax(0), atol=1e-4)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'timm', 'torchvision']))\n"
        "import numpy as np, sememe\n"
        "encoder = sememe.load('hf:org/net')\n"  # the same files: what is kept serves both
        "print(encoder.space, encoder.name, encoder.encode([np.zeros((9, 9, 3), np.uint8)]).shape)"
    )
    with serving(Hub({"org/net": {"main": tmp_path / "mine"}})) as hub:
        env = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf")}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.split()[:2] == [encoder.space, "hf:org/net"], done.stderr


def test_other_weights_are_kept_apart(tmp_path):
    module = written(tmp_path / "mine")
    first = export_path(tmp_path / "mine")
    assert export_path(tmp_path / "mine") == first
    state = module.state_dict()
    state["fc.bias"] += 1
    save_file(state, tmp_path / "mine" / "model.safetensors")
    assert export_path(tmp_path / "mine") != first


def test_pickled_weights_are_read_without_running_them(tmp_path):
    module = written(tmp_path / "mine")
    (tmp_path / "mine" / "model.safetensors").unlink()
    torch.save(module.state_dict(), tmp_path / "mine" / "pytorch_model.bin")
    found = open_checkpoint(tmp_path / "mine").model.state_dict()
    for name, tensor in module.state_dict().items():
        assert torch.equal(found[name], tensor), name
    torch.save(module, tmp_path / "mine" / "pytorch_model.bin")
    with pytest.raises(InvalidInputError, match="might run code"):
        open_checkpoint(tmp_path / "mine")


def test_foreign_or_damaged_folders_are_told(tmp_path):
    written(tmp_path / "mine")
    about = tmp_path / "mine" / "config.json"
    config = json.loads(about.read_text(encoding="utf-8"))
    for change, error, said in (
        ({"architecture": "no_such_net"}, InvalidInputError, "timm cannot build 'no_such_net'"),
        ({"architecture": "test_efficientnet"}, CorruptFileError, "holds other weights"),
    ):
        about.write_text(json.dumps(config | change), encoding="utf-8")
        with pytest.raises(error, match=said):
            sememe.load(str(tmp_path / "mine"))


def test_a_file_of_torchvision_says_by_its_name_what_it_is(tmp_path):
    torch.manual_seed(0)
    module = lively(torchvision.models.mobilenet_v3_small())
    file = tmp_path / "mobilenet_v3_small-047dcff4.pth"
    torch.save(module.state_dict(), file)
    image = open_checkpoint(file)
    weights = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    assert image.labels == tuple(weights.meta["categories"])
    asked, names = image.parts()
    assert names == ("map", "features", "logits")
    x = tensor(pictures(), image.preprocess)
    with torch.no_grad():
        np.testing.assert_allclose(asked.eval()(x)[2], module(x), atol=1e-5)
    other = file.with_name("shufflenetv2_x0.5-f707e7126e.pth")
    other.write_bytes(file.read_bytes())
    assert locate(str(other), *FOREIGN) is None  # not eight digits: of no list that is known
    wrong = file.with_name("nothing18-00000000.pth")
    wrong.write_bytes(file.read_bytes())
    with pytest.raises(InvalidInputError, match="no weights 'nothing18"):
        open_checkpoint(wrong)
    wrong = file.with_name("resnet18-f37072fd.pth")
    wrong.write_bytes(file.read_bytes())
    with pytest.raises(CorruptFileError, match="holds other weights"):
        open_checkpoint(wrong)


PUBLISHED = ["resnet18", "resnet50.tv_in1k", "vgg16", "efficientnet_b0", "tf_efficientnet_lite0"]
PUBLISHED += [
    "vit_base_patch16_clip_224.openai",
    "convnext_tiny",
    "vit_small_patch16_siglip_gap_224",
]


@pytest.mark.parametrize("name", [n for n in PUBLISHED if timm.is_model(n)])
def test_pictures_are_made_as_timm_makes_them(name):
    config = timm.get_pretrained_cfg(name).to_dict()
    preprocess = convert_config(config, name)
    theirs = timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=config))
    for width, height in SHAPES:
        image = Image.fromarray(pictures(1, 1100)[0][:height, :width])
        ours = tensor(preprocess.pixels(image)[None], preprocess)[0]
        np.testing.assert_allclose(ours, theirs(image), atol=1e-3, err_msg=f"{width}x{height}")


@pytest.mark.parametrize("name", ["resnet50", "vgg16", "efficientnet_b0", "efficientnet_b1"])
def test_pictures_are_made_as_torchvision_makes_them(name):
    for weights in torchvision.models.get_model_weights(name):
        preprocess = convert_transforms(weights.transforms())
        for width, height in SHAPES:
            image = Image.fromarray(pictures(1, 1100)[0][:height, :width])
            ours = tensor(preprocess.pixels(image)[None], preprocess)[0]
            np.testing.assert_allclose(ours, weights.transforms()(image), atol=1e-3)


def test_pictures_made_otherwise_are_refused():
    for change in (
        {"crop_mode": "border"},
        {"input_size": (3, 64, 32)},
        {"input_size": (1, 64, 64)},
    ):
        with pytest.raises(InvalidInputError, match="allowed: 3 channels"):
            convert_config({"crop_pct": 0.9} | change, "it")
    with pytest.raises(InvalidInputError, match="lanczos"):
        convert_config({"interpolation": "hamming"}, "it")


def test_lite0_in_torch_is_the_catalogues():
    from sememe.models.image.efficientnet_torch import build_efficientnet
    from sememe.models.weights.catalog import IMAGE_MODEL, model_info
    from sememe.models.weights.torch_pickle import parse_torch_file

    image = build_efficientnet(parse_torch_file(model_info(IMAGE_MODEL).read("image"), where="it"))
    image.model.eval()
    module, names = image.parts()
    picture = pictures(1, 224)[0]
    with torch.no_grad():
        found = dict(zip(names, module(tensor(picture[None], image.preprocess)), strict=True))
    encoder = sememe.load(IMAGE_MODEL)
    square = np.asarray(Image.fromarray(picture).resize((224, 224)))
    pixels = encoder._engine.preprocess.pixels(Image.fromarray(square))
    with torch.no_grad():
        found = dict(zip(names, module(tensor(pixels[None], image.preprocess)), strict=True))
    unit = found["features"][0] / found["features"][0].norm()
    np.testing.assert_allclose(encoder.encode_one(square), unit, atol=1e-5)
    np.testing.assert_allclose(
        encoder.probabilities([square])[0], found["logits"][0].softmax(0), atol=1e-5
    )
