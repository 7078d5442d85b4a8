"""What every test shares: no network beyond loopback, one encoder for the session."""

from __future__ import annotations

import gc
import importlib.util
import ipaddress
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from sememe.models.weights import catalog

THREADS = int(os.environ.setdefault("OMP_NUM_THREADS", "1"))

# The environment of a test is a marker: modules marked `train` need the extra `train` and run in an
# environment of their own (see the Makefile); all others need the extra `dev`.
PACKAGES = {
    "train": (
        "torch",
        "sentence_transformers",
        "datasets",
        "accelerate",
        "matplotlib",
        "open_clip",
    ),
    "dev": ("gensim", "hypothesis", "librosa", "numba"),
}
INSTALLED = {
    name: all(importlib.util.find_spec(package) for package in packages)
    for name, packages in PACKAGES.items()
}

# Encoding with the best encoder takes many times as long as with the quick one, which is the
# default in the tests but for those of the default itself.
AS_INSTALLED = list(catalog.DEFAULTS)
catalog.DEFAULTS[:] = [catalog.QUICK_MODEL]

if INSTALLED["dev"]:
    from hypothesis import HealthCheck, settings

    # The time that a test takes on a busy machine proves nothing.
    settings.register_profile("sememe", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("sememe")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore the test modules whose environment is another one."""
    if not collection_path.name.startswith("test_"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    whole_module = re.search(r"^pytestmark = (\[\s*)?pytest\.mark\.train,?$", text, re.MULTILINE)
    environments = {"train"} if whole_module else {"dev"}
    if "marks=pytest.mark.train" in text:  # one row of a table of tests
        environments.add("train")
    return None if any(INSTALLED[name] for name in environments) else True


def pytest_collection_finish() -> None:
    """Take what was imported out of the garbage collector's rounds, and let it make fewer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # an export to ONNX takes a fifth less time


@pytest.fixture(autouse=True, scope="module")
def _one_torch_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Train small networks on one thread: more threads would mostly wait for one another."""
    if request.node.get_closest_marker("train") is None:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def _one_onnx_registry() -> Iterator[None]:
    """Let torch's exporter read its table of operators once, and not with each export."""
    if not INSTALLED["train"]:
        yield
        return
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        read = staticmethod(cache(ONNXRegistry.from_torchlib))
        patch.setattr(ONNXRegistry, "from_torchlib", read)
        yield


@pytest.fixture(autouse=True, scope="session")
def _only_loopback() -> Iterator[None]:
    """Refuse connections to other machines: the whole suite runs offline."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else ""
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                raise RuntimeError(f"a test tried to reach {address!r}; tests are offline")
        connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _one_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share what is calibrated and exported among the tests of a run; the user's is not touched."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield


@pytest.fixture(scope="session")
def encoder():
    """The default text encoder."""
    import sememe

    return sememe.load(threads=THREADS)


@pytest.fixture
def default_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the default encoders once, however often a test loads them; each takes a second."""
    from sememe.encoders.load import families, image, text

    chosen = text.USE, image.IMAGE
    known = [_once(family) if family in chosen else family for family in families.FAMILIES]
    monkeypatch.setattr(families, "FAMILIES", tuple(known))


@cache
def _once(family):
    opened = {}

    def open_once(request):
        if request.model.info is None:
            return family.open(request)
        key = request.overflow, request.threads
        if key not in opened:
            opened[key] = family.open(request)
        return opened[key]

    return replace(family, open=open_once)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of four notes, Korean and English, with a subfolder."""
    root = tmp_path / "notes"
    (root / "trips").mkdir(parents=True)
    notes = {
        "cat.md": "# 고양이\n고양이는 하루에 열네 시간쯤 잔다.",
        "soup.txt": "Simmer the beef bones overnight and season the broth with salt.",
        "trips/train.txt": "고속 열차는 서울에서 부산까지 두 시간 반이면 도착한다.",
        "trips/plane.txt": "The airliner crossed the ocean in less than nine hours.",
    }
    for name, text in notes.items():
        (root / name).write_text(text, encoding="utf-8")
    return root
