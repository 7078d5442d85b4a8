"""Learn projections of two locked towers' vectors into one space, by the symmetric InfoNCE of CLIP.

Radford et al. 2021 (arXiv:2103.00020), with both towers frozen, as LiT freezes one (Zhai et al.
2021, arXiv:2111.07991): each image and each text is encoded once.

Several texts may match an image, and several images a text; pairs of the same group, image or text
are positives with equal weights (Khosla et al. 2020, arXiv:2004.11362). Where groups hold several
images, an image is also pulled to another one of its group, at half the weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe.models.clip.projection_folder import Projection
from sememe.train.base.curve import Curve, Plan, make_divergence_error
from sememe.train.base.torch_loop import Figure, FigureObjective, Loop
from sememe.train.clip.loss import clip_loss
from sememe.train.clip.pairs import METRIC

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray
    from sememe.train.base.device import Compute

_LOGIT_SCALE, _MAX_LOGIT_SCALE = math.log(1 / 0.07), math.log(100.0)  # at first, and at most
_POINTS = 100  # of the curve of losses
_WARMUP = 0.1  # share of the steps
_TWINS = 0.5  # weight of the loss between images of a group


@dataclass(frozen=True, slots=True)
class Recipe:
    """Options of the projections; see `sememe.train.clip.locked.ClipTraining`."""

    dim: int
    hidden: int
    epochs: float
    batch_size: int
    learning_rate: float
    dropout: float
    weight_decay: float
    evaluations: int
    seed: int


def learn_projections(
    images: FloatArray,
    texts: FloatArray,
    pairs: NDArray[np.int64],
    recipe: Recipe,
    *,
    measure: Callable[[dict[str, Projection]], float] | None,
    compute: Compute,
    show_progress: bool,
) -> tuple[dict[str, Projection], float, Curve]:
    """Return the projections, 1 / temperature, and the curve.

    images: (n, dim of theirs); texts: (m, dim of theirs); pairs: (p, 3), rows of both and groups.
    measure: A held-out metric, higher is better, for the curve.

    Raises:
        FloatingPointError: Training diverged.
    """
    objective = ProjectionObjective(images, texts, pairs, recipe, measure, compute)
    loop = make_loop(recipe, objective.per_epoch)
    curve, _ = loop.run(objective, None, show_progress=show_progress)
    scale, learnt = float(objective.scale().detach()), objective.projections()
    arrays = [array for one in learnt.values() for array in one.arrays("").values()]
    if not (scale > 0 and all(np.isfinite(array).all() for array in arrays)):
        raise make_divergence_error("weights are NaN or infinite", curve.steps)
    return learnt, scale, curve


def make_loop(recipe: Recipe, per_epoch: int) -> Loop:
    """Return the training loop of projections. per_epoch: Batches of an epoch."""
    steps = max(1, math.ceil(per_epoch * recipe.epochs))
    plan = Plan(steps, max(1, steps // recipe.evaluations), max(1, steps // _POINTS))
    return Loop.of(recipe, plan, warmup=_WARMUP, schedule=_schedule)


def _schedule(step: int, steps: int, warmup: float) -> float:
    """Return `warmup_cosine` a step ahead: the very last step has a learning rate of 0.

    >>> [round(_schedule(step, 10, 0.2), 2) for step in (0, 1, 2, 5, 9)]
    [0.5, 1.0, 0.96, 0.5, 0.0]
    """
    rising = max(1, int(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step + 1 - rising) / max(1, steps - rising)))


class ProjectionObjective(FigureObjective):
    """Two projections, the vectors that they project, and the training pairs."""

    metric = METRIC

    def __init__(
        self,
        images: FloatArray,
        texts: FloatArray,
        pairs: NDArray[np.int64],
        recipe: Recipe,
        measure: Callable[[dict[str, Projection]], float] | None,
        compute: Compute,
    ) -> None:
        """Take what `learn_projections` takes, and draw the weights by the seed."""
        import torch
        from torch.nn import Parameter, ParameterList

        self._pairs, self._recipe, self._measure = pairs, recipe, measure
        self.compute = compute
        self._generator = torch.Generator().manual_seed(recipe.seed)  # of weights, then of dropout
        self._rng = np.random.default_rng(recipe.seed)  # of the order
        used = {"image": images[np.unique(pairs[:, 0])], "text": texts[np.unique(pairs[:, 1])]}
        self._mean = {side: rows.mean(axis=0) for side, rows in used.items()}
        self._std = {side: rows.std(axis=0) + 1e-6 for side, rows in used.items()}
        std = self._std["text"]  # one for all dimensions, which keeps their weights
        self._std["text"] = np.full_like(std, float(std.mean()))
        self._rows = {
            side: (rows - self._mean[side]) / self._std[side]
            for side, rows in (("image", images), ("text", texts))
        }
        hidden = [recipe.hidden] if recipe.hidden else []
        widths = {
            "image": [images.shape[1], *hidden, recipe.dim],
            "text": [texts.shape[1], recipe.dim],
        }
        self._modules = {
            side: ParameterList(
                tensor for n, m in pairwise(width) for tensor in _make_layer(n, m, self._generator)
            )
            for side, width in widths.items()
        }
        self._modules["scale"] = ParameterList([Parameter(torch.tensor(_LOGIT_SCALE))])
        has_twins = len(np.unique(pairs[:, [0, 2]], axis=0)) > len(np.unique(pairs[:, 2]))
        self._twins = _Twins(pairs, recipe.seed) if has_twins else None
        self._size = min(recipe.batch_size, len(pairs))
        self._waiting: list[NDArray[np.int64]] = []  # batches of the epoch that are left

    @property
    def modules(self) -> dict[str, Any]:
        """The layers of both sides, and the logarithm of 1 / temperature."""
        return self._modules

    @property
    def per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return max(1, len(self._pairs) // self._size)

    def batch(self, step: int) -> dict[str, Any]:
        """Return the vectors of B pairs, and which texts match which images.

        Steps must be asked for one after the other, from 0: the order is drawn as it goes.
        """
        import torch

        size = self._size
        if not self._waiting:
            order = self._rng.permutation(len(self._pairs))
            self._waiting = [order[i * size : (i + 1) * size] for i in range(self.per_epoch)]
        pairs = self._pairs[self._waiting.pop()]  # (B, 3)
        right = (pairs[:, None] == pairs[None]).any(axis=2)  # (B, B)
        batch = {
            "image": torch.from_numpy(self._rows["image"][pairs[:, 0]]),  # (B, dim of theirs)
            "text": torch.from_numpy(self._rows["text"][pairs[:, 1]]),
            "right": torch.from_numpy(right),
        }
        if self._twins is not None:
            batch["twin"] = torch.from_numpy(self._rows["image"][self._twins.of(pairs)])
        return batch

    def loss(self, batch: dict[str, Any], step: int) -> Any:
        """Return the symmetric InfoNCE, plus that between images of a group."""
        images, texts = (self.project(side, batch[side]) for side in ("image", "text"))  # (B, dim)
        loss = clip_loss(images, texts, self.scale(), batch["right"])
        if "twin" in batch:
            twins = self.project("image", batch["twin"])
            loss = loss + _TWINS * clip_loss(images, twins, self.scale(), batch["right"])
        return loss

    def evaluate(self, step: int) -> Figure | None:
        """Measure on the held-out pairs, except before training."""
        if self._measure is None or not step:
            return None
        return Figure(step, self._measure(self.projections()))

    def decays(self, parameter: Any) -> bool:
        """Return whether weight decay applies: to all but the temperature."""
        return bool(parameter.ndim > 0)

    def scale(self) -> Any:
        """Return 1 / temperature, at most 100 as in the paper."""
        return self.modules["scale"][0].clamp(max=_MAX_LOGIT_SCALE).exp()

    def projections(self) -> dict[str, Projection]:
        """Return the projections learnt so far."""
        return {
            side: Projection(
                self._mean[side],
                self._std[side],
                tuple(_layers([x.detach().cpu().numpy().copy() for x in self.modules[side]])),
            )
            for side in self._rows
        }

    def project(self, side: str, rows: Any) -> Any:
        """Return (n, dim) unit rows of standardised vectors, dropout included."""
        import torch.nn.functional as functional

        share = self._recipe.dropout
        y = self._drop(rows, share / (1 + (side == "text")))
        for i, (matrix, bias) in enumerate(_layers(self.modules[side])):
            if i:
                y = self._drop(functional.gelu(y, approximate="tanh"), share)
            y = y @ matrix + bias
        return functional.normalize(y, dim=1)

    def _drop(self, y: Any, share: float) -> Any:
        import torch

        if not share:
            return y
        kept = torch.rand(y.shape, generator=self._generator) >= share
        return y * self.compute.put(kept) / (1 - share)


class _Twins:
    """Draws for each pair of a batch another image of its group, the same where it is alone."""

    def __init__(self, pairs: NDArray[np.int64], seed: int) -> None:
        unique = np.unique(pairs[:, [2, 0]], axis=0)  # (group, image), sorted
        self._images = unique[:, 1]
        self._names, self._start, self._count = np.unique(
            unique[:, 0], return_index=True, return_counts=True
        )
        self._rng = np.random.default_rng([seed, 1])

    def of(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return another image of each pair's group, (n,); its own where it is alone."""
        group = np.searchsorted(self._names, batch[:, 2])
        start, count = self._start[group], self._count[group]
        own = np.array(
            [
                np.searchsorted(self._images[s : s + c], image)
                for s, c, image in zip(start.tolist(), count.tolist(), batch[:, 0], strict=True)
            ]
        )
        step = 1 + (self._rng.random(len(batch)) * np.maximum(count - 1, 1)).astype(np.int64)
        return self._images[start + (own + step * (count > 1)) % count]


def _make_layer(n: int, m: int, generator: Any) -> tuple[Any, Any]:
    """Return a matrix (n, m) and a bias, initialised as in torch."""
    import torch
    from torch.nn import Parameter

    matrix = (torch.rand((n, m), generator=generator) * 2 - 1) * n**-0.5
    return Parameter(matrix), Parameter(torch.zeros(m))


def _layers(weights: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each layer's matrix and bias."""
    tensors = iter(weights)
    return zip(tensors, tensors, strict=True)
