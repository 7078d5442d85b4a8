"""Models of the hub, from a server on this machine that speaks its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import sememe
from tests.models.bert import checkpoints
from tests.models.bert import test_onnx_engine as test_foreign
from tests.models.static import folders as static_folders
from tests.models.weights.hub_server import Hub, commit_of, serving

PROGRAM = """
import json, sys, sememe
try:
    encoder = sememe.load(sys.argv[1])
    print(json.dumps([encoder.name, encoder.space, encoder.encode(["the cat"]).tolist()]))
except sememe.SememeError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


@pytest.fixture
def hub(tmp_path):
    folders = {
        "main": checkpoints.write(tmp_path / "new", seed=0),
        "v1": checkpoints.write(tmp_path / "old", seed=1),
    }
    (folders["main"] / "pytorch_model.bin").write_bytes(b"never to be fetched")
    with serving(Hub({"org/name": folders})) as found:
        yield found


def load(hub, name, home, program=PROGRAM):
    """Load in a process of its own: huggingface_hub reads the environment once."""
    env = os.environ | {
        "HF_ENDPOINT": hub.address, "HF_HOME": str(home / "hf"), "XDG_CACHE_HOME": str(home),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "5",
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", program, name], env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_fetched_once_then_used_without_asking(hub, tmp_path):
    name, space, vector = load(hub, "hf:org/name", tmp_path)
    local = sememe.load(str(tmp_path / "new"))
    assert (name, space) == ("hf:org/name", local.space)
    np.testing.assert_allclose(vector, local.encode(["the cat"]), atol=1e-6)
    asked = [path for method, path in hub.asked if method == "GET"]
    assert any(path.endswith("model.safetensors") for path in asked)
    assert not any(path.endswith(".bin") for path in asked)
    hub.asked.clear()
    assert load(hub, "hf:org/name", tmp_path)[2] == vector
    assert hub.asked == []


def test_a_static_encoder_of_the_hub(hub, tmp_path):
    folder = static_folders.write(tmp_path / "static", embeddings=static_folders.rows())
    hub.repositories["org/static"] = {"main": folder}
    name, space, vector = load(hub, "hf:org/static", tmp_path)
    local = sememe.load(str(folder))
    assert (name, space) == ("hf:org/static", local.space)
    np.testing.assert_allclose(vector, local.encode(["the cat"]), atol=1e-6)


def test_another_architecture_comes_with_its_onnx_file(hub, tmp_path):
    place = checkpoints.write(tmp_path / "odd")
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    text = json.dumps(config | {"model_type": "new-kind"})
    (place / "config.json").write_text(text, encoding="utf-8")
    test_foreign.network(place / "onnx" / "model.onnx")
    hub.repositories["org/odd"] = {"main": place}
    assert load(hub, "hf:org/odd", tmp_path)[1] == sememe.load(str(place)).space
    assert any(path.endswith("onnx/model.onnx") for _, path in hub.asked)


def test_a_revision_is_another_model(hub, tmp_path):
    _, new, _ = load(hub, "hf:org/name", tmp_path)
    _, old, _ = load(hub, "hf:org/name@v1", tmp_path)
    assert new != old
    pinned = f"hf:org/name@{commit_of(tmp_path / 'old')}"
    assert load(hub, pinned, tmp_path)[:2] == [pinned, old]


def test_a_download_that_was_broken_off_is_taken_up(hub, tmp_path):
    hub.broken.add("model.safetensors")
    found = load(hub, "hf:org/name", tmp_path)  # the library itself may try again at once
    if found[0] == "HubError":
        assert "Try again" in found[1]
        found = load(hub, "hf:org/name", tmp_path)
    assert found[:2] == ["hf:org/name", sememe.load(str(tmp_path / "new")).space]
    assert hub.broken == set()


def test_a_wrong_file_is_refused_and_fetched_anew(hub, tmp_path):
    hub.wrong.add("model.safetensors")
    kind, message = load(hub, "hf:org/name", tmp_path)
    assert kind == "CorruptFileError"
    assert "model.safetensors came with the hash" in message and "fetch it anew" in message
    hub.wrong.clear()
    assert load(hub, "hf:org/name", tmp_path)[0] == "hf:org/name"


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("hf:org/other", "UnknownNameError", "the hub has no org/other@main"),
        ("hf:org/name@v9", "UnknownNameError", "the hub has no org/name@v9"),
        ("hf:name", "InvalidInputError", "give hf:org/name"),
        ("hf:../etc/passwd", "InvalidInputError", "give hf:org/name"),
    ],
)
def test_names_that_lead_nowhere(hub, tmp_path, name, kind, message):
    found = load(hub, name, tmp_path)
    assert found[0] == kind and message in found[1]


def test_without_the_hub(tmp_path):
    gone = Hub({})
    gone.address = "http://127.0.0.1:9"  # nobody listens
    kind, message = load(gone, "hf:org/name", tmp_path)
    assert kind == "HubError" and "Go online" in message or "could not be fetched" in message
