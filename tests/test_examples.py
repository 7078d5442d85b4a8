"""Every example runs as it stands, offline, and says what it should.

Those in TRAINED need torch: tests/train/sentence runs each of them, in a quick mode.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
SAYS = {  # example -> lines of its output
    "fruit_and_pets": ["강아지 고양이 토끼", "사과 바나나 오렌지", "purity 1.00"],
}
TRAINED = {  # the same for those that train
    "domain_adaptation": ["tokens per word", "masked accuracy", "accuracy of sentences"],
}


@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if path.stem not in TRAINED], ids=lambda path: path.stem
)
def test_example(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", str(path)],
        capture_output=True, encoding="utf-8", cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
    for line in SAYS.get(path.stem, []):
        assert line in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_examples_are_there():
    names = {path.stem for path in EXAMPLES}
    assert names >= {*SAYS, *TRAINED}


@pytest.mark.parametrize("name", TRAINED)
def test_an_example_that_trains_says_what_it_needs(name):
    """Where torch is, tests/train/sentence/test_domain_adaptation.py runs it whole."""
    text = next(path for path in EXAMPLES if path.stem == name).read_text(encoding="utf-8")
    assert "sememe[train" in text
    tests = Path(__file__).parent / "train" / "sentence"
    there = (tests / "test_domain_adaptation.py").read_text(encoding="utf-8")
    assert '@pytest.mark.parametrize("name", TRAINED)' in there
