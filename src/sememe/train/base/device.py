"""The device a run computes on, its precision, and the processes that share its batches.

    compute = Compute.of("auto", "auto")
    with compute.host(modules), compute.autocast():
        network(compute.put(batch))

"auto" is CUDA if there is a GPU, else MPS (Apple), else the CPU; bfloat16 if a GPU has
instructions for it, else float32. Modules are moved back to the CPU when training ends, so that
export and saving do not depend on the device.

Several GPUs: `accelerate launch -m sememe train simclr ...` starts a process for each. A batch is
as large as with one process; each takes its part of it, and gradients are averaged. SimCLR and
CLIP compare an image with those of all processes (`gather`). Negatives of wav2vec 2.0 are frames
of the same audio, so of one process; so are the diversity of its codes and batch norms' statistics.
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
        """Return a device and precision by name.

        Raises InvalidInputError or UnknownNameError if there is no such device or precision here.
        """
        import torch

        if precision not in get_args(Precision):
            raise UnknownNameError.of("precision", precision, get_args(Precision))
        picked, accelerator = pick_device(device), None
        if n_processes() > 1:
            accelerator = _accelerator(picked, device)
            picked = accelerator.device
        bfloat16 = precision == "bfloat16"
        if precision == "auto" and picked.type == "cuda":  # if the GPU has instructions for it
            bfloat16 = bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return cls(picked, bfloat16, accelerator)

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
        context: AbstractContextManager[Any] = torch.autocast(self.device.type, torch.bfloat16)
        return context

    def put(self, batch: Any) -> Any:
        """Return a batch on the device: a tensor, or a dictionary or list of such."""
        return _map_tensors(batch, lambda tensor: tensor.to(self.device, non_blocking=True))

    def pin(self, batch: Any) -> Any:
        """Return a batch in pinned memory, for CUDA, so that `put` need not wait for it."""
        if self.device.type != "cuda":
            return batch
        return _map_tensors(batch, lambda tensor: tensor.pin_memory())

    @contextmanager
    def host(self, modules: Iterable[Any]) -> Iterator[None]:
        """Move modules to the device, and those that were elsewhere back to the CPU at the end."""

        def is_here(module: Any) -> bool:
            at, here = next(module.parameters()).device, self.device
            return at.type == here.type and here.index in (None, at.index)

        moved = [module for module in modules if not is_here(module)]
        for module in moved:
            module.to(self.device)
        try:
            yield
        finally:
            for module in moved:
                module.to("cpu")

    @contextmanager
    def isolate_rng(self) -> Iterator[None]:
        """Restore torch's random state at the end, that of the device too."""
        import torch

        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            yield

    def rng(self, *seed: int) -> np.random.Generator:
        """Return a generator: of the seed in one process, of seed and rank in several."""
        import numpy as np

        return np.random.default_rng([*seed, *([self.rank] if self.accelerator else [])])

    def share(self, rows: Any) -> Any:
        """Return this process's part of a batch: at least one row, as many as the others take."""
        if self.accelerator is None:
            return rows
        each = max(1, len(rows) // self.accelerator.num_processes)
        start = self.rank * each % len(rows)
        return rows[start : start + each]

    def even(self, rows: Any) -> Any:
        """Return as many rows of a batch as the processes can share evenly.

        Raises InvalidInputError if there are fewer rows than processes.
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
        """Return the rows (n, dim) of all processes, in their order, gradients included.

        If every process computes the loss of all rows, averaged gradients are those of one process.
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
        agreed: T = utils.broadcast_object_list([value])[0]
        return agreed

    def distribute(self, loss: Callable[..., Any], modules: Mapping[str, Any]) -> Any:
        """Return a loss whose gradients, of these modules, are averaged over the processes.

        Not all modules need take part in each step.
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

        return self.accelerator.prepare_model(Step())


def _map_tensors(batch: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(batch, dict):
        return {name: _map_tensors(value, change) for name, value in batch.items()}
    if isinstance(batch, list):
        return [_map_tensors(value, change) for value in batch]
    return change(batch)


def n_processes() -> int:
    """Return how many processes `accelerate launch` or `torchrun` started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Return whether this process is the one of its run that writes."""
    return n_processes() == 1 or os.environ.get("RANK") == "0"


def check_one_process(name: str) -> None:
    """Raise InvalidInputError if several processes run a recipe that cannot be shared."""
    if n_processes() > 1:
        raise InvalidInputError(
            f"{name} trains in one process, and {n_processes()} were started. Leave out "
            "accelerate launch."
        )


def _accelerator(device: Any, name: str) -> Any:
    """Return accelerate's view of the processes of this run; each takes a GPU of its own."""
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
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    counts = {"cpu": 1, "cuda": n_cuda, "mps": int(torch.backends.mps.is_available())}
    if kind not in counts or (number and not number.isdecimal()):
        raise InvalidInputError(f"device={name!r}; give auto, cpu, cuda, cuda:1 or mps.")
    if int(number or 0) >= counts[kind]:
        seen = f"{counts[kind]} devices" if counts[kind] else "no device"
        raise InvalidInputError(
            f"device={name!r}: torch sees {seen} of the kind {kind}. Give auto or cpu, or install "
            "the build of torch for this machine's GPU."
        )
    return torch.device(name)
