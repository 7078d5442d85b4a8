"""The device a run computes on, its precision, and the processes that share its batches.

    compute = Compute.of("auto", "auto")
    with compute.hosting(modules), compute.autocast():
        network(compute.put(batch))

"auto" is CUDA where there is a GPU, else MPS (Apple), else the CPU; bfloat16 where a GPU has
instructions for it, else float32. Modules come back to the CPU when training ends, so that what
follows (export, saving) does not depend on the device.

Several GPUs: `accelerate launch -m sememe train simclr ...` starts a process for each. A batch is
as large as with one process; each takes its part of it, and gradients are averaged. SimCLR and
CLIP compare a picture with those of all processes (`gather`). Negatives of wav2vec 2.0 are frames
of the same sound, so of one process; so are the diversity of its codes and batch norms' statistics.
Only the main process evaluates and writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from sememe._errors import InvalidInputError, UnknownNameError
from sememe._lazy import require

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
Loss = Callable[..., Any]
Precision = Literal["auto", "float32", "bfloat16"]
_PATIENCE = timedelta(days=1)  # of processes that wait while the main one evaluates


@dataclass(frozen=True, slots=True)
class Compute:
    """Where a run computes, and how exactly.

    Attributes:
        device: A torch.device.
        bfloat16: Whether networks are run under autocast to bfloat16; weights stay float32.
        accelerator: An accelerate.Accelerator, where several processes share the run.
    """

    device: Any
    bfloat16: bool = False
    accelerator: Any = None

    @classmethod
    def of(cls, device: str = "auto", precision: str = "float32") -> Compute:
        """Return what a recipe's options `device` and `precision` ask for.

        Raises:
            InvalidInputError, UnknownNameError: There is no such device or precision here.
        """
        if precision not in get_args(Precision):
            raise UnknownNameError.of("precision", precision, get_args(Precision))
        found, accelerator = pick_device(device), None
        if n_processes() > 1:
            accelerator = _accelerator(found, device)
            found = accelerator.device
        quick = precision == "bfloat16" or (precision == "auto" and _is_quick(found))
        return cls(found, quick, accelerator)

    @property
    def is_main(self) -> bool:
        """Whether this process evaluates and writes."""
        return self.accelerator is None or bool(self.accelerator.is_main_process)

    @property
    def rank(self) -> int:
        """The number of this process; 0 is the main one."""
        return 0 if self.accelerator is None else int(self.accelerator.process_index)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which a network is run."""
        import torch

        if not self.bfloat16:
            return nullcontext()
        found: AbstractContextManager[Any] = torch.autocast(self.device.type, torch.bfloat16)
        return found

    def put(self, batch: Any) -> Any:
        """Return a batch on the device: a tensor, or a dictionary or list of such."""
        return _changed(batch, lambda tensor: tensor.to(self.device, non_blocking=True))

    def pinned(self, batch: Any) -> Any:
        """Return a batch where `put` need not wait for it: in pinned memory, for CUDA."""
        if self.device.type != "cuda":
            return batch
        return _changed(batch, lambda tensor: tensor.pin_memory())

    @contextmanager
    def hosting(self, modules: Iterable[Any]) -> Iterator[None]:
        """Keep modules on the device, and bring those that were not there back to the CPU."""
        moved = [module for module in modules if not self._holds(module)]
        for module in moved:
            module.to(self.device)
        try:
            yield
        finally:
            for module in moved:
                module.to("cpu")

    @contextmanager
    def isolated_rng(self) -> Iterator[None]:
        """Leave torch's random numbers as they were, those of the device too."""
        import torch

        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            yield

    def rng(self, *seed: int) -> np.random.Generator:
        """Return random numbers of a seed: other ones in each process, those of the seed in one."""
        import numpy as np

        return np.random.default_rng([*seed, *([self.rank] if self.accelerator else [])])

    def share(self, rows: Any) -> Any:
        """Return the part of a batch's rows that this process takes, as many as the others.

        Of fewer rows than processes each takes one, some of them the same.
        """
        if self.accelerator is None:
            return rows
        each = max(1, len(rows) // self.accelerator.num_processes)
        start = self.rank * each % len(rows)
        return rows[start : start + each]

    def even(self, rows: Any) -> Any:
        """Return as many rows of a batch as the processes can share evenly, to be gathered again.

        Raises:
            InvalidInputError: There are fewer rows than processes.
        """
        if self.accelerator is None:
            return rows
        n = self.accelerator.num_processes
        if len(rows) < n:
            raise InvalidInputError(
                f"a batch of {len(rows)} cannot be shared by {n} processes. Give a larger "
                "batch_size, or start fewer: accelerate launch --num_processes."
            )
        return rows[: len(rows) // n * n]

    def gather(self, rows: Any) -> Any:
        """Return the rows of all processes, in their order, gradients included.

        rows: (n, dim), as many in each process. A loss of all rows that every process computes has
        the gradients of one process that has them all, once they are averaged.
        """
        if self.accelerator is None:
            return rows
        import torch
        from torch.distributed.nn.functional import all_gather

        return torch.cat(all_gather(rows))

    def mean(self, value: Any) -> Any:
        """Return the mean of a scalar tensor over the processes."""
        return value if self.accelerator is None else self.accelerator.reduce(value, "mean")

    def agree(self, value: T) -> T:
        """Return what the main process has, in each process."""
        if self.accelerator is None:
            return value
        utils = require("accelerate.utils", "training in several processes")
        found: list[T] = utils.broadcast_object_list([value])
        return found[0]

    def distribute(
        self, loss: Callable[..., Any], modules: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """Return a loss whose gradients are averaged over the processes.

        modules: What has the parameters that it uses; not all need take part in each step.
        """
        if self.accelerator is None:
            return loss
        import torch

        class Step(torch.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.parts = torch.nn.ModuleDict(modules)

            def forward(self, *given: Any) -> Any:
                return loss(*given)

        wrapped: Loss = self.accelerator.prepare_model(Step())
        return wrapped

    def _holds(self, module: Any) -> bool:
        """Return whether a module is on the device, by its first parameter."""
        at = next(module.parameters()).device
        return at.type == self.device.type and self.device.index in (None, at.index)


def _changed(batch: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(batch, dict):
        return {name: _changed(value, change) for name, value in batch.items()}
    if isinstance(batch, list):
        return [_changed(value, change) for value in batch]
    return change(batch)


def n_processes() -> int:
    """Return how many processes `accelerate launch` or `torchrun` started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Return whether this process is the one of its run that writes."""
    return n_processes() == 1 or os.environ.get("RANK") == "0"


def check_one_process(name: str) -> None:
    """Refuse a recipe that cannot be shared by several processes.

    Raises:
        InvalidInputError: Several were started.
    """
    if n_processes() > 1:
        raise InvalidInputError(
            f"{name} trains in one process, and {n_processes()} were started. Leave out "
            "accelerate launch."
        )


def _accelerator(device: Any, name: str) -> Any:
    """Return accelerate's view of the processes of this run.

    Raises:
        InvalidInputError: One GPU was named; each process takes its own.
        MissingExtraError: accelerate is not installed.
    """
    if device.index is not None:
        raise InvalidInputError(
            f"device={name!r}: {n_processes()} processes take a GPU each. Give auto, cuda or cpu."
        )
    accelerate = require("accelerate", "training in several processes")
    handlers = [
        accelerate.DistributedDataParallelKwargs(find_unused_parameters=True),
        accelerate.InitProcessGroupKwargs(timeout=_PATIENCE),
    ]
    return accelerate.Accelerator(cpu=device.type == "cpu", kwargs_handlers=handlers)


def pick_device(name: str) -> Any:
    """Return a torch.device by its name: auto, cpu, cuda, cuda:1, mps.

    Raises:
        InvalidInputError: No such name, or torch sees no such device.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    count = _count(kind)
    if count is None or (number and not number.isdecimal()):
        raise InvalidInputError(f"device={name!r}; give auto, cpu, cuda, cuda:1 or mps.")
    if int(number or 0) >= count:
        seen = f"{count} devices" if count else "no device"
        raise InvalidInputError(
            f"device={name!r}: torch sees {seen} of the kind {kind}. Give auto or cpu, or install "
            "the build of torch for this machine's GPU."
        )
    return torch.device(name)


def _count(kind: str) -> int | None:
    """Return how many devices of a kind there are; None where the kind is unknown."""
    import torch

    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    return 1 if kind == "cpu" else None


def _is_quick(device: Any) -> bool:
    """Return whether a device has instructions for bfloat16 that are quicker than float32's."""
    import torch

    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))
