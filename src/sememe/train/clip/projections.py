"""Learn projections of two locked towers' vectors into one space, by the symmetric InfoNCE of CLIP.

Radford et al. 2021 (arXiv:2103.00020), with towers that stay as they are, as LiT locks one of them
(Zhai et al. 2021, arXiv:2111.07991): so each picture and each text is encoded once.

Several texts may belong to a picture, and several pictures to a text; whatever is of the same
group, or has the same picture or text, counts as right, in equal shares (Khosla et al. 2020,
arXiv:2004.11362), so that nothing right is pushed away. Where groups hold several pictures, a
picture is also brought to another of its group, at half the weight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sememe._progress import progress
from sememe.models.clip.projection_folder import Projection
from sememe.train.base.curve import Curve
from sememe.train.clip.loss import clip_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe._types import FloatArray

_WARMEST, _HOTTEST = math.log(1 / 0.07), math.log(100.0)  # where the temperature begins, and ends
_POINTS = 100
_TWINS = 0.5  # weight of the loss between pictures of a group


@dataclass(frozen=True, slots=True)
class Recipe:
    """How projections are learnt; see `sememe.train.clip.locked.ClipTraining`."""

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
    show_progress: bool,
) -> tuple[dict[str, Projection], float, Curve]:
    """Return the projections, 1 / temperature, and how the run went.

    images: (n, dim of theirs); texts: (m, dim of theirs); pairs: (p, 3), rows of both and groups.
    measure: a figure on examples held out, higher is better, for the curve.

    Raises:
        FloatingPointError: Training diverged.
    """
    import torch

    started = time.monotonic()
    rng = np.random.default_rng(recipe.seed)
    towers = _Towers(images, texts, pairs, recipe)
    size = min(recipe.batch_size, len(pairs))
    per_epoch = max(1, len(pairs) // size)
    steps = max(1, math.ceil(per_epoch * recipe.epochs))
    every = max(1, steps // recipe.evaluations)
    log = max(1, steps // _POINTS)
    losses: list[tuple[int, float]] = []
    metrics: list[tuple[int, float]] = []
    recent: list[float] = []
    batches: list[NDArray[np.int64]] = []
    with progress("steps", total=steps, show=show_progress) as advance:
        for step in range(1, steps + 1):
            if not batches:
                order = rng.permutation(len(pairs))
                batches = [order[i * size : (i + 1) * size] for i in range(per_epoch)]
            loss = towers.step(pairs[batches.pop()], _rate(step, steps))
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"training diverged at step {step}. Give a smaller --learning-rate"
                )
            recent.append(loss)
            if step % log == 0 or step == steps:
                losses.append((step, float(np.mean(recent))))
                recent = []
            if measure is not None and (step % every == 0 or step == steps):
                metrics.append((step, measure(towers.projections())))
            advance(step)
    with torch.no_grad():
        scale = float(towers.scale())
    learnt = [
        array for side in towers.projections().items() for array in side[1].arrays("").values()
    ]
    if not (scale > 0 and all(np.isfinite(array).all() for array in learnt)):
        raise FloatingPointError("training diverged. Give a smaller --learning-rate")
    name = "recall@10" if measure is not None else ""
    seconds = time.monotonic() - started
    curve = Curve(tuple(losses), tuple(metrics), name, steps, steps, 0, seconds)
    return towers.projections(), scale, curve


def _rate(step: int, steps: int, warm: float = 0.1) -> float:
    """Return the share of the step size: up in a straight line, then down by a cosine."""
    up = max(1, int(steps * warm))
    if step <= up:
        return step / up
    return 0.5 * (1 + math.cos(math.pi * (step - up) / max(1, steps - up)))


class _Towers:
    """Both projections as torch has them, and one step of learning."""

    def __init__(
        self, images: FloatArray, texts: FloatArray, pairs: NDArray[np.int64], recipe: Recipe
    ) -> None:
        import torch

        generator = torch.Generator().manual_seed(recipe.seed)
        self._recipe = recipe
        self._generator = generator
        seen = {"image": images[np.unique(pairs[:, 0])], "text": texts[np.unique(pairs[:, 1])]}
        self._mean = {side: rows.mean(axis=0) for side, rows in seen.items()}
        self._std = {side: _spread(rows, each=side == "image") for side, rows in seen.items()}
        rows = {"image": images, "text": texts}
        self._rows = {
            side: torch.from_numpy((rows[side] - self._mean[side]) / self._std[side])
            for side in rows
        }
        widths = {
            "image": [images.shape[1], *([recipe.hidden] if recipe.hidden else []), recipe.dim],
            "text": [texts.shape[1], recipe.dim],
        }
        self._layers = {
            side: [_linear(n, m, generator) for n, m in zip(w[:-1], w[1:], strict=True)]
            for side, w in widths.items()
        }
        self._twins = _Twins(pairs, recipe.seed) if _Twins.are_in(pairs) else None
        self._log_scale = torch.tensor(_WARMEST, requires_grad=True)
        weights = [t for layers in self._layers.values() for layer in layers for t in layer]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": weights, "weight_decay": recipe.weight_decay},
                {"params": [self._log_scale], "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
        )

    def step(self, batch: NDArray[np.int64], rate: float) -> float:
        """Take a step on some pairs and return the loss before it."""
        import torch

        alike = np.zeros((len(batch), len(batch)), bool)
        for column in range(3):
            alike |= batch[:, column][:, None] == batch[:, column][None]
        images = self._forward("image", torch.from_numpy(batch[:, 0]))
        texts = self._forward("text", torch.from_numpy(batch[:, 1]))
        right = torch.from_numpy(alike)
        loss = clip_loss(images, texts, self.scale(), right)
        if self._twins is not None:
            others = self._forward("image", torch.from_numpy(self._twins.of(batch)))
            loss = loss + _TWINS * clip_loss(images, others, self.scale(), right)
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * rate
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def scale(self) -> Any:
        """Return 1 / temperature, at most 100 as in the paper."""
        return self._log_scale.clamp(max=_HOTTEST).exp()

    def projections(self) -> dict[str, Projection]:
        """Return what has been learnt so far."""
        return {
            side: Projection(
                self._mean[side],
                self._std[side],
                tuple((m.detach().numpy().copy(), b.detach().numpy().copy()) for m, b in layers),
            )
            for side, layers in self._layers.items()
        }

    def _forward(self, side: str, rows: Any) -> Any:
        import torch.nn.functional as functional

        y = self._drop(self._rows[side][rows], self._recipe.dropout / (1 + (side == "text")))
        for i, (matrix, bias) in enumerate(self._layers[side]):
            if i:
                y = self._drop(functional.gelu(y, approximate="tanh"), self._recipe.dropout)
            y = y @ matrix + bias
        return functional.normalize(y, dim=1)

    def _drop(self, y: Any, share: float) -> Any:
        import torch

        if not share:
            return y
        kept = torch.rand(y.shape, generator=self._generator) >= share
        return y * kept / (1 - share)


class _Twins:
    """Draws for each pair of a batch another picture of its group, the same where it is alone."""

    def __init__(self, pairs: NDArray[np.int64], seed: int) -> None:
        order = np.lexsort((pairs[:, 0], pairs[:, 2]))
        seen = np.unique(pairs[order][:, [2, 0]], axis=0)  # (group, image), sorted
        self._images = seen[:, 1]
        self._names, self._start, self._count = np.unique(
            seen[:, 0], return_index=True, return_counts=True
        )
        self._rng = np.random.default_rng([seed, 1])

    @staticmethod
    def are_in(pairs: NDArray[np.int64]) -> bool:
        """Say whether a group holds several pictures."""
        return len(np.unique(pairs[:, [0, 2]], axis=0)) > len(np.unique(pairs[:, 2]))

    def of(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (n,) images: of each pair's group, another than its own where there is one."""
        at = np.searchsorted(self._names, batch[:, 2])
        start, count = self._start[at], self._count[at]
        own = np.array(
            [
                np.searchsorted(self._images[s : s + c], image)
                for s, c, image in zip(start.tolist(), count.tolist(), batch[:, 0], strict=True)
            ]
        )
        step = 1 + (self._rng.random(len(batch)) * np.maximum(count - 1, 1)).astype(np.int64)
        return self._images[start + (own + step * (count > 1)) % count]


def _spread(rows: FloatArray, *, each: bool) -> FloatArray:
    """Return the deviation of each column, or one for all: texts keep their directions' weights."""
    found = rows.std(axis=0) + 1e-6
    return found if each else np.full_like(found, float(found.mean()))


def _linear(n: int, m: int, generator: Any) -> tuple[Any, Any]:
    """Return a matrix (n, m) and a bias as torch begins them."""
    import torch

    bound = n**-0.5
    matrix = (torch.rand((n, m), generator=generator) * 2 - 1) * bound
    return matrix.requires_grad_(), torch.zeros(m).requires_grad_()
