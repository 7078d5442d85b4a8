"""A device that computes on the CPU and refuses what a GPU would refuse.

    with pretend_device() as device:
        network.to(device)
        network(batch)              # RuntimeError: expected all tensors on one device

Its tensors say that they are on "meta", wrap one of the CPU, and run each operation on that. An
operation of one of them and a tensor of the CPU is an error, but for a single number and for rows
to index by, as on CUDA; so is `.numpy()`.
"""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

_INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
_COPYING = ("aten::copy_", "aten::_to_copy")


class Pretended(torch.Tensor):
    """A tensor on the pretended device, around one on the CPU."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, device="meta", requires_grad=inner.requires_grad,
        )  # fmt: skip

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"Pretended({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Makes tensors of the device, where they are created there or moved there."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    pretended = [x for x in tensors if isinstance(x, Pretended)]
    name = func._schema.name
    plain = [x for x in tensors if not isinstance(x, Pretended) and x.ndim]
    if pretended and plain and name not in _COPYING and name not in _INDEXING:
        raise RuntimeError(f"{name}: expected all tensors to be on one device, found meta and cpu")
    here = bool(pretended)
    if kwargs.get("device") is not None:
        here = torch.device(kwargs["device"]).type == "meta"
        kwargs = {**kwargs, "device": torch.device("cpu")}
    if name == "aten::copy_":
        here = isinstance(args[0], Pretended)
    inner = tree_map_only(Pretended, lambda x: x.inner, (args, kwargs))
    found = func(*inner[0], **inner[1])
    if not here:
        return found
    found = tree_map_only(torch.Tensor, Pretended, found)
    return return_and_correct_aliasing(func, args, kwargs, found)


@contextmanager
def pretend_device():
    """Yield the device, which exists within."""
    with _Mode():
        yield torch.device("meta")
