"""Fine-tuning: it learns what a control cannot, a killed run is the same, its folder opens."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import sememe
from sememe import InvalidInputError
from sememe.app.cli import main
from sememe.train.classify.image import ImageClassifier
from tests import forked
from tests.train.data.textures import textures, write

pytestmark = pytest.mark.train

QUICK = {"size": 16, "batch_size": 20, "epochs": 5, "learning_rate": 3e-3, "evaluations": 4}
WORDS = ["--size", "16", "--batch-size", "20", "--epochs", "5", "--learning-rate", "3e-3"]
BASE = "timm/test_resnet"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("textures")
    train, test = textures(200, seed=0), textures(80, seed=1)
    write(place / "shuffled", train[0], np.random.default_rng(0).permutation(train[1]))
    return {
        "train": write(place / "train", *train),
        "test": write(place / "test", *test),
        "shuffled": place / "shuffled",
    }


@pytest.fixture(scope="module")
def tuned(folders):
    recipe = ImageClassifier(BASE, method="finetune", **QUICK)
    return recipe.fit(folders["train"], evaluate=folders["test"])


def test_it_learns_and_shuffled_labels_teach_nothing(tuned, folders):
    report = tuned.report_
    assert report.accuracy > 0.6
    assert report.control < 0.4
    assert report.curve.before < 0.45
    assert report.curve.losses[-1][1] < report.curve.losses[0][1]
    lost = ImageClassifier(BASE, method="finetune", **QUICK | {"epochs": 3})
    assert lost.fit(folders["shuffled"], evaluate=folders["test"]).report_.accuracy < 0.45


def test_its_folder_opens_without_torch_and_in_timm(tuned, folders, tmp_path):
    import timm
    from safetensors.torch import load_file

    place = tuned.save(tmp_path / "mine")
    items = sorted(folders["test"].rglob("*.png"))[:12]
    encoder = sememe.load(str(place))
    assert encoder.labels == tuned.labels == ("0", "1", "2", "3")
    np.testing.assert_allclose(encoder.probabilities(items), tuned.probabilities(items), atol=1e-6)
    assert ImageClassifier.load(place).predict(items) == tuned.predict(items)
    module = timm.create_model("test_resnet", num_classes=4)
    module.load_state_dict(load_file(place / "model.safetensors"))
    document = json.loads((place / "sememe.json").read_text(encoding="utf-8"))
    assert document["network"]["architecture"] == "test_resnet"
    assert document["training"]["accuracy"] == tuned.report_.accuracy
    again = ImageClassifier(str(place), method="finetune", **QUICK | {"epochs": 0.1})
    found = again.fit(folders["train"], evaluate=folders["test"]).report_
    assert found.curve.before == tuned.report_.accuracy  # it goes on with the layer that it has


def test_killed_it_comes_out_the_same(tuned, folders, tmp_path):
    words = ["train", "classifier", folders["train"], "-o", tmp_path / "mine", "-m", BASE]
    words += ["--method", "finetune", "--evaluate", folders["test"], *WORDS]
    words += ["--evaluations", "4"]
    words = [str(word) for word in words]
    assert forked.killed_at(30, *words) == -9
    assert main(words) == 0
    document = json.loads((tmp_path / "mine" / "sememe.json").read_text(encoding="utf-8"))
    curve = tuned.report_.curve
    assert document["curve"]["resumed_at"] == 24
    np.testing.assert_allclose(document["curve"]["losses"], curve.losses, atol=1e-6)
    from safetensors.torch import load_file

    kept = load_file(tmp_path / "mine" / "model.safetensors")
    for name, tensor in tuned._tuned.state.items():
        assert torch.equal(tensor, kept[name]), name
    assert not (tmp_path / "mine.checkpoint").exists()


def test_what_cannot_be_fine_tuned_is_told(folders, tmp_path):
    for wrong, said in (
        ({"base": "no such"}, "no image network that can be trained"),
        ({"base": "timm/no_such"}, "timm cannot build"),
        ({"base": BASE, "shots": 3}, "takes all images"),
        ({"base": BASE, "epochs": 0}, "epochs=0"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            ImageClassifier(**({"method": "finetune"} | QUICK | wrong)).fit(folders["train"])
