"""A residual network for small pictures, quick on a CPU.

A 3 x 3 convolution of stride 2, then a stage for each width: blocks of two 3 x 3 convolutions with
the block's input added, all stages but the first beginning with stride 2. The features are the mean
of the last map. He et al. 2015 (arXiv:1512.03385), with the stem that Chen et al. 2020, B.9
(arXiv:2002.05709) take for small pictures, but of stride 2: half the side costs a quarter.

Imports torch, so it is imported when training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class SmallResNet(nn.Module):  # type: ignore[misc]
    """Pictures (N, 3, size, size), normalised, to features (N, widths[-1])."""

    def __init__(self, widths: Sequence[int] = (48, 96, 192), *, blocks: int = 1) -> None:
        super().__init__()
        first = widths[0]
        self.dim = widths[-1]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        stages: list[nn.Module] = []
        before = first
        for stage, width in enumerate(widths):
            for place in range(blocks):
                stages.append(_Block(before, width, stride=2 if stage and not place else 1))
                before = width
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, pictures: Any) -> Any:
        """Return the features."""
        return torch.flatten(self.pool(self.stages(self.stem(pictures))), 1)


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
