"""Train torch modules: the loop of SimCLR, CLIP, wav2vec 2.0, speech and classifier fine-tuning.

    curve, figures = Loop(plan=plan(...), learning_rate=1e-3, ...).run(objective, folder)

A family implements an `Objective`: batches, loss and evaluation. A step is a function of the seed,
its number and the previous state, so that a resumed run ends with the weights of an unbroken one.
"""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from sememe._progress import progress
from sememe.train.base.curve import Curve, Plan, check_finite
from sememe.train.base.torch_state import keep_state, take_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.train.base.device import Compute

    Batch = dict[str, Any]
    Schedule = Callable[[int, int, float], float]


class Measured(Protocol):
    """The result of an evaluation: a dataclass of numbers, strings and tuples."""

    @property
    def step(self) -> int:
        """Steps taken; 0 is before training."""
        ...


F = TypeVar("F", bound=Measured)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number measured after a step; 0 is before training."""

    step: int
    value: float


class Objective(ABC, Generic[F]):
    """What is trained, on which batches, and how it is evaluated.

    Attributes:
        metric: The name of `value`, for the curve.
        figures_type: The class of what `evaluate` returns.
        compute: The device that `loss` and `evaluate` use.
    """

    metric: str
    figures_type: type[Any]
    compute: Compute

    @property
    @abstractmethod
    def modules(self) -> Mapping[str, Any]:
        """The modules to train and to store in the run's state, by name."""

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """Return the tensors of a step, counted from 0, on the CPU.

        A function of the seed, the step and the process: the rows of `compute.share`, augmented by
        `compute.rng`.
        """

    @abstractmethod
    def loss(self, batch: Batch, step: int) -> Any:
        """Return the scalar to back-propagate, or a pair: that, and the scalar for the curve."""

    def after_step(self) -> None:
        """Change weights after an optimiser step, such as to keep one in its limits."""

    @abstractmethod
    def evaluate(self, step: int) -> F | None:
        """Evaluate after a step; modules are in evaluation mode, without gradients."""

    @abstractmethod
    def value(self, figures: F) -> float | None:
        """Return the value of an evaluation that the curve shows, if any."""

    def rank(self, figures: F) -> Any:
        """Return what the best weights are chosen by; higher is better, the first of equal ones."""
        return self.value(figures)

    def check(self, figures: Sequence[F]) -> None:
        """Warn if the last evaluation is the first to show that training goes wrong."""

    def describe(self, figures: F) -> str:
        """Return an evaluation in a few words, for the progress bar."""
        value = self.value(figures)
        return "" if value is None else f"{self.metric} {value:.3f}"

    def parameters(self) -> list[Any]:
        """Return what the optimiser trains, in the order in which gradient norms are summed."""
        modules = self.modules.values()
        return [p for module in modules for p in module.parameters() if p.requires_grad]

    def decays(self, parameter: Any) -> bool:
        """Return whether weight decay applies: to matrices, not to biases and gains of norms."""
        return bool(parameter.ndim > 1)


class FigureObjective(Objective[Figure]):
    """An objective whose evaluation is one number."""

    figures_type = Figure

    def value(self, figures: Figure) -> float:
        """Return the number."""
        return figures.value


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak learning rate: a line up, then half a cosine down to 0.

    >>> [round(warmup_cosine(step, 10, 0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rising = int(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


@dataclass(frozen=True, kw_only=True)
class Loop:
    """How an objective is trained: AdamW, a schedule, evaluations and checkpoints.

    Attributes:
        plan: How many steps, and after which to log and to evaluate.
        learning_rate: Peak learning rate.
        weight_decay: Of the parameters for which `Objective.decays`.
        warmup: Warm-up, fraction of steps.
        seed: Of torch's random numbers (dropout, Gumbel noise), seeded anew for each step.
        betas, epsilon: Of AdamW.
        max_grad_norm: Longer gradients are scaled down to it; None: none are.
        keep: The weights that are kept: of the last step, or of the best evaluation.
        patience: Evaluations without a better one after which to stop; None: never.
        schedule: (step, steps, warmup) -> share of the peak learning rate.
    """

    plan: Plan
    learning_rate: float
    weight_decay: float
    warmup: float
    seed: int
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    max_grad_norm: float | None = None
    keep: Literal["last", "best"] = "last"
    patience: int | None = None
    schedule: Schedule = warmup_cosine

    @classmethod
    def of(cls, recipe: Any, plan: Plan, **more: Any) -> Loop:
        """Return the loop of a recipe's learning_rate, weight_decay, warmup and seed.

        more: Further attributes, and values that replace the recipe's.
        """
        names = {"learning_rate", "weight_decay", "warmup", "seed"} - set(more)
        return cls(plan=plan, **{name: getattr(recipe, name) for name in names}, **more)

    def run(
        self, objective: Objective[F], folder: Path | None, *, show_progress: bool = False
    ) -> tuple[Curve, tuple[F, ...]]:
        """Train in place, from the last complete state in the folder if there is one.

        folder: Where the run's state is kept; None: nowhere. The modules end on the CPU and in
        evaluation mode; torch's random state is restored.

        Raises:
            FloatingPointError: Training diverged.
            CorruptFileError: The state in the folder is damaged.
        """
        compute = objective.compute
        with compute.isolate_rng(), compute.host(objective.modules.values()):
            run = _Run(self, objective, compute.agree(folder))
            seconds = run.train(show=show_progress)
        return run.curve(seconds), tuple(run.figures)

    def optimiser(self, objective: Objective[Any]) -> Any:
        """Return AdamW over the parameters of an objective, in a group that decays and one not."""
        import torch

        groups: dict[bool, list[Any]] = {True: [], False: []}
        for parameter in objective.parameters():
            groups[objective.decays(parameter)].append(parameter)
        decaying = {"params": groups[True], "weight_decay": self.weight_decay}
        others = {"params": groups[False], "weight_decay": 0.0}
        options: Any = {"lr": self.learning_rate, "betas": self.betas, "eps": self.epsilon}
        return torch.optim.AdamW([decaying, others], **options)


class _Run(Generic[F]):
    """A run in progress: what changes from step to step."""

    def __init__(self, loop: Loop, objective: Objective[F], folder: Path | None) -> None:
        self.loop, self.objective, self.folder = loop, objective, folder
        self.compute = objective.compute
        self.modules = dict(objective.modules)
        self.best = copy.deepcopy(self.modules) if loop.keep == "best" else {}
        self.optimiser = loop.optimiser(objective)
        self.loss = self.compute.distribute(objective.loss, self.modules)
        self.losses: list[tuple[int, float]] = []
        self.recent: list[Any] = []  # losses since the last point of the curve
        self.figures: list[F] = []
        self.done = self.resumed_at = 0

    def train(self, *, show: bool) -> float:
        """Take all steps that are left, and return how many seconds they took."""
        plan, begun = self.loop.plan, time.perf_counter()
        for module in self.modules.values():
            module.train()
        self._resume()
        shown = show and self.compute.is_main
        with progress("steps", total=plan.steps, show=shown) as advance:
            if not self.done:
                self._evaluate()
            with closing(self._batches()) as batches:
                for batch in batches:
                    self.recent.append(self._step(batch, self.done))
                    self.done += 1
                    self._log()
                    if plan.evaluates_after(self.done):
                        self._evaluate()
                        self._keep()
                    advance(self.done, self._note())
        for name, module in self.modules.items():
            if self.best:
                module.load_state_dict(self.best[name].state_dict())
            module.eval()
        return time.perf_counter() - begun

    def curve(self, seconds: float) -> Curve:
        """Return how the run went."""
        values = [(one.step, self.objective.value(one)) for one in self.figures]
        metrics = tuple((step, value) for step, value in values if value is not None)
        return Curve(
            losses=tuple(self.losses),
            metrics=metrics,
            metric=self.objective.metric if metrics else "",
            steps=self.done,
            best_step=self.figures[self._best()].step if self.best else self.done,
            resumed_at=self.resumed_at,
            seconds=seconds,
        )

    def _batches(self) -> Generator[Batch, None, None]:
        """Yield the batches that are left, each made in a thread while the one before is used."""
        steps = range(self.done, self.loop.plan.steps)
        with ThreadPoolExecutor(1, thread_name_prefix="sememe-batches") as pool:
            made = (pool.submit(self._batch, step) for step in steps)
            waiting = next(made, None)
            while waiting is not None and not self._is_over():
                batch, waiting = waiting.result(), next(made, None)
                yield batch

    def _batch(self, step: int) -> Any:
        return self.compute.pin(self.objective.batch(step))

    def _step(self, batch: Batch, step: int) -> Any:
        """Take one step and return the loss, on the device."""
        import torch

        loop, objective = self.loop, self.objective
        torch.manual_seed(loop.seed + 1_000_003 * step + 7_919 * self.compute.rank)
        rate = loop.learning_rate * loop.schedule(step, loop.plan.steps, loop.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        losses = self.loss(self.compute.put(batch), step)
        loss, logged = losses if isinstance(losses, tuple) else (losses, losses)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if loop.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(objective.parameters(), loop.max_grad_norm)
        self.optimiser.step()
        objective.after_step()
        return self.compute.mean(logged.detach())

    def _log(self) -> None:
        """Read the losses of the last steps, where the curve or a state needs them.

        Not after each step: a GPU would have to wait for the CPU.
        """
        plan = self.loop.plan
        if not (plan.logs_after(self.done) or plan.evaluates_after(self.done)):
            return
        self.recent = [float(loss) for loss in self.recent]
        for step, loss in enumerate(self.recent, self.done - len(self.recent) + 1):
            check_finite(loss, step)
        if plan.logs_after(self.done):
            self.losses.append((self.done, float(np.mean(self.recent))))
            self.recent = []

    def _evaluate(self) -> None:
        """Measure, and keep the weights if they are the best yet."""
        figures = None
        if self.compute.is_main:
            with _evaluation_mode(self.modules.values()):
                figures = self.objective.evaluate(self.done)
        figures = self.compute.agree(figures)
        if figures is None:
            return
        self.figures.append(figures)
        if self.compute.is_main:
            self.objective.check(self.figures)
        if self.best and self._best() == len(self.figures) - 1:
            for name, module in self.modules.items():
                self.best[name].load_state_dict(module.state_dict())

    def _best(self) -> int:
        """Return the index of the best evaluation, the first of equal ones."""
        return max(range(len(self.figures)), key=lambda i: self.objective.rank(self.figures[i]))

    def _is_over(self) -> bool:
        patience = self.loop.patience
        return patience is not None and len(self.figures) - 1 - self._best() >= patience

    def _keep(self) -> None:
        """Store the state of the run."""
        if self.folder is None or not self.compute.is_main:
            return
        figures = [asdict(one) for one in self.figures]  # type: ignore[call-overload]
        document = {"losses": self.losses, "recent": self.recent, "figures": figures}
        keep_state(self.folder, self.done, self._collect_modules(), self.optimiser, document)

    def _resume(self) -> None:
        """Resume from the last state, if there is one."""
        if self.folder is None:
            return
        kept = take_state(self.folder, self._collect_modules(), self.optimiser)
        self.done = self.resumed_at = int(kept.get("step", 0))
        self.losses = [(int(step), float(loss)) for step, loss in kept.get("losses", ())]
        self.recent = list(kept.get("recent", ()))
        for one in kept.get("figures", ()):  # JSON has made lists of tuples
            values = {name: tuple(x) if isinstance(x, list) else x for name, x in one.items()}
            self.figures.append(self.objective.figures_type(**values))

    def _collect_modules(self) -> dict[str, Any]:
        return self.modules | {f"best {name}": module for name, module in self.best.items()}

    def _note(self) -> str:
        words = [f"loss {loss:.3f}" for _, loss in self.losses[-1:]]
        words += [self.objective.describe(one) for one in self.figures[-1:]]
        return ", ".join(word for word in words if word)


def shuffle_rows(n: int, batch_size: int, step: int, *, seed: int) -> NDArray[np.int64]:
    """Return which of n examples a step trains on; an epoch leaves out its last part of a batch.

    >>> [shuffle_rows(5, 2, step, seed=0).tolist() for step in range(2)]
    [[2, 4], [3, 0]]
    """
    size = min(batch_size, n)
    epoch, batch = divmod(step, n // size)
    order = np.random.default_rng([seed, 0, epoch]).permutation(n)
    return order[batch * size : (batch + 1) * size]


@contextmanager
def _evaluation_mode(modules: Iterable[Any]) -> Iterator[None]:
    """Set modules to evaluation mode without gradients, and back."""
    import torch

    modes = [(module, module.training) for module in modules]
    for module, _ in modes:
        module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.train(training)
