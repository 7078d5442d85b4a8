"""Windows of long recordings: their own frames are all frames, each once."""

from __future__ import annotations

import numpy as np
import pytest

from sememe.models.wav2vec2.config import read_config
from sememe.models.wav2vec2.windows import cut_windows

CONFIG = read_config(
    {"conv_dim": [4, 4], "conv_kernel": [10, 3], "conv_stride": [5, 2], "hidden_size": 16,
     "num_attention_heads": 2}, ""
)  # fmt: skip


def beginnings(samples):
    """The first sample of each frame, as the network would be given it: the counting is its own."""
    return samples[:: CONFIG.stride][: CONFIG.frames(len(samples))]


def test_sizes_by_hand():
    """A frame is (3 - 1) * 5 + 10 = 20 samples, and begins 5 * 2 = 10 after the one before."""
    assert (CONFIG.stride, CONFIG.receptive_field, CONFIG.samples(3)) == (10, 20, 40)
    counts = [CONFIG.frames(n) for n in (0, 9, 19, 20, 29, 30, 40)]
    assert counts == [0, 0, 0, 1, 1, 2, 3]


@pytest.mark.parametrize("n", [1, 20, 29, 150, 151, 159, 160, 163, 170, 400, 1003, 2000])
@pytest.mark.parametrize("block", [1, 7, 64, 5000])
@pytest.mark.parametrize("context", [0, 3])
def test_own_frames_are_those_of_the_whole(n, block, context):
    whole = np.arange(1, n + 1, dtype=np.float32)
    blocks = [whole[i : i + block] for i in range(0, n, block)]
    found = list(cut_windows(iter(blocks), CONFIG, own=9, context=context))
    kept = [beginnings(one.samples)[one.skip :][: one.keep] for one in found]
    assert [len(part) for part in kept] == [one.keep for one in found]
    expected = beginnings(np.pad(whole, (0, max(0, 20 - n))))
    np.testing.assert_array_equal(np.concatenate(kept), expected)
    full = CONFIG.samples(9 + 2 * context)
    lengths = [CONFIG.frames(len(one.samples)) for one in found]
    assert max(lengths) <= 9 + 3 * context
    if n >= full + CONFIG.stride:
        assert len(found) > 1
        assert lengths[-1] >= 9 + 2 * context  # the last is no shorter than the others
        assert all(one.skip == context for one in found[1:-1])
    else:
        assert len(found) == 1
