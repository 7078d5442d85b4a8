"""Memory while training: bounded by the vocabulary, whatever the length of the corpus."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

PEAK = """
import pathlib, re, sys
from sememe.train.words.word2vec import Word2Vec
settings = {"dim": 100, "min_count": 5, "epochs": 1, "tokens": "whitespace", "workers": 2}
model = Word2Vec(**settings).fit(sys.argv[1])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
print(len(model.vectors_), peak)  # getrusage would count the parent's memory before exec
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_the_bound_of_memory_holds_and_does_not_grow_with_the_corpus(tmp_path):
    """1.3 x vocabulary x dim x 8 bytes + 200 MB, for 2 and for 16 million words."""
    words = np.array([f"w{i}" for i in range(60_000)])
    chance = 1 / np.arange(10, 60_010)
    rng = np.random.default_rng(0)
    line = " ".join(rng.choice(words, size=2_000_000, p=chance / chance.sum()))
    lines = line.replace(" w9 ", " w9\n")
    peaks = []
    for times in (1, 8):
        path = tmp_path / f"{times}.txt"
        with path.open("w") as file:
            for _ in range(times):
                file.write(f"{lines}\n")
        done = subprocess.run(
            [sys.executable, "-c", PEAK, path], check=True, capture_output=True, text=True
        )
        n, kilobytes = map(int, done.stdout.split())
        peaks.append(kilobytes * 1024)
        assert peaks[-1] <= 1.3 * n * 100 * 8 + 200e6
    # eight times the text makes rarer words frequent enough: allow for their rows, not for the text
    assert peaks[1] - peaks[0] < 40e6
