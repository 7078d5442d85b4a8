"""What the READMEs say to type for training is typed here."""

from __future__ import annotations

import numpy as np
import pytest

from tests.test_readme import READMES, TRAINED, commands, home, run
from tests.train import networks

pytestmark = pytest.mark.train

__all__ = ["home"]  # a fixture


def words(n: int) -> str:
    """Words of letters at random, each in three lines: enough for a whole vocabulary."""
    rng = np.random.default_rng(0)
    found = ["".join(rng.choice(list("abcdefghijklmnop"), 8)) for _ in range(n)]
    return "\n".join(" ".join(found[i : i + 10]) for _ in range(3) for i in range(0, n, 10))


def test_the_commands_of_training_run(home):  # noqa: F811
    english, korean = (
        [line for line in commands(readme) if line.startswith(TRAINED)] for readme in READMES
    )
    assert english == korean
    assert [line.split(" ")[1] for line in english] == ["train", "evaluate", "train", "fill-mask"]
    columns = ["sentence1", "sentence2", "score"]
    networks.write_tsv(home / "pairs.tsv", columns, networks.scored(40, 1))
    networks.write_tsv(home / "dev.tsv", columns, networks.scored(20, 2))
    (home / "corpus.txt").write_text(words(4000), encoding="utf-8")
    for line in english:
        run(home, line)
