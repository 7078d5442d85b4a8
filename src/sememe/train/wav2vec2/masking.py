"""Masks and negatives of wav2vec 2.0.

Reference: Baevski et al. 2020, sections 3.1 and 3.2 (arXiv:2006.11477).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mask_spans(
    frames: NDArray[np.int64], rng: np.random.Generator, *, prob: float, length: int
) -> NDArray[np.bool_]:
    """Return a mask of frames: (n, max frames) of bool, False after the end of a clip.

    Spans of `length` frames start at frames drawn without repetition, so many that they would mask
    the share `prob` if none overlapped, rounded up or down by chance as in transformers. A clip no
    longer than a span has half of it masked, but two frames at least: one alone has no negatives.

    frames: (n,) frames of each clip.

    >>> mask_spans(np.array([9]), np.random.default_rng(0), prob=0.34, length=3).sum()
    np.int64(3)
    """
    mask = np.zeros((len(frames), int(frames.max())), np.bool_)
    for row, n in enumerate(frames.tolist()):
        span = length if n > length else max(2, n // 2)
        last = n - span  # start of a span, at most
        if last < 0:
            continue
        count = min(max(1, int(prob * n / span + rng.random())), last + 1)
        begins = rng.choice(last + 1, count, replace=False)
        mask[row, (begins[:, None] + np.arange(span)).ravel()] = True
    return mask


def draw_negatives(mask: NDArray[np.bool_], rng: np.random.Generator, k: int) -> NDArray[np.int64]:
    """Draw k others for each masked frame, uniformly among the masked frames of the same clip.

    mask: (n, frames). Returns (m, k): rows among the m masked frames. The frame itself is drawn
    only if it is alone.
    """
    counts = mask.sum(1)
    total = int(counts.sum())
    count = np.repeat(counts, counts)[:, None]
    first = np.repeat(np.cumsum(counts) - counts, counts)[:, None]
    own = np.arange(total)[:, None] - first
    drawn = (rng.random((total, k)) * np.maximum(count - 1, 1)).astype(np.int64)
    drawn += (drawn >= own) & (count > 1)
    negatives: NDArray[np.int64] = first + drawn
    return negatives
