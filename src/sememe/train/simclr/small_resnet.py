"""A residual network for small images, fast on a CPU.

A 3 x 3 convolution of stride 2, then a stage for each width: a block of two 3 x 3 convolutions with
the block's input added, all stages but the first beginning with stride 2. The features are the mean
of the last map. He et al. 2015 (arXiv:1512.03385), with the stem that Chen et al. 2020, B.9
(arXiv:2002.05709) take for small images, but of stride 2: half the side costs a quarter.

Imports torch, so it is imported when training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn


class SmallResNet(nn.Module):  # type: ignore[misc]
    """Images (N, 3, size, size), normalised, to features (N, widths[-1])."""

    def __init__(self, widths: Sequence[int] = (48, 96, 192)) -> None:
        super().__init__()
        first = widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        stages = [
            _Block(before, width, stride=2 if stage else 1)
            for stage, (before, width) in enumerate(pairwise([first, *widths]))
        ]
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, images: Any) -> Any:
        """Return the features."""
        return torch.flatten(self.pool(self.stages(self.stem(images))), 1)


class _Block(nn.Module):  # type: ignore[misc]
    def __init__(self, before: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.last_norm = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if before != width or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.norm(self.first(x)))
        return torch.relu(self.last_norm(self.second(y)) + self.shortcut(x))
