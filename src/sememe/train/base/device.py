"""The device a run computes on, and its precision.

    compute = Compute.of("auto", "auto")
    with compute.hosting(modules), compute.autocast():
        network(compute.put(batch))

"auto" is CUDA where there is a GPU, else MPS (Apple), else the CPU; bfloat16 where a GPU has
instructions for it, else float32. Modules come back to the CPU when training ends, so that what
follows (export, saving) does not depend on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sememe._errors import InvalidInputError, UnknownNameError

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Compute:
    """Where a run computes, and how exactly.

    Attributes:
        device: A torch.device.
        bfloat16: Whether networks are run under autocast to bfloat16; weights stay float32.
    """

    device: Any
    bfloat16: bool = False

    @classmethod
    def of(cls, device: str = "auto", precision: str = "float32") -> Compute:
        """Return what a recipe's options `device` and `precision` ask for.

        Raises:
            InvalidInputError, UnknownNameError: There is no such device or precision here.
        """
        if precision not in get_args(Precision):
            raise UnknownNameError.of("precision", precision, get_args(Precision))
        found = pick_device(device)
        return cls(found, precision == "bfloat16" or (precision == "auto" and _is_quick(found)))

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
