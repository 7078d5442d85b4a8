"""Every example runs as it stands, offline, and says what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
SAYS = {  # example -> lines of its output
    "fruit_and_pets": ["강아지 고양이 토끼", "사과 바나나 오렌지", "purity 1.00"],
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
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


def test_the_first_example_is_there():
    assert "fruit_and_pets" in [path.stem for path in EXAMPLES]
