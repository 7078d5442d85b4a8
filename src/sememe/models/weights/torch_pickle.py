"""Read the tensors of a .pt or .pth file without torch and without running code in it.

Such a file is a pickle, which may call anything. This reader allows the few names that a dictionary
of tensors needs and replaces each by its own harmless code; any other name ends the reading. Both
layouts are read: the ZIP archive of torch 1.6 and newer, and the older stream.
"""

from __future__ import annotations

import io
import math
import pickle  # only through a reader that allows nothing but tensors
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sememe._errors import InvalidInputError
from sememe._persistence import damage_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[Any]]

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the older layout
_STORAGES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?", "BFloat16Storage": "<u2",
}  # fmt: skip


class _Storage(NamedTuple):
    """The storage of a tensor's numbers, and its type."""

    key: str
    kind: str
    size: int


class _Tensor(NamedTuple):
    """A tensor before its numbers are read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: Path) -> Tensors:
    """Return the tensors of a state dictionary by name; half precision becomes float32.

    The tensors may be in an inner dictionary ("state_dict", "model").

    Raises:
        InvalidInputError: If the file holds more than tensors, and might run code when opened.
        CorruptFileError: If it is damaged or cut off, or no file of torch.
    """
    return parse_torch_file(path.read_bytes(), where=str(path))


def parse_torch_file(data: bytes, *, where: str) -> Tensors:
    """Return the tensors in the bytes of such a file; see `read_torch_file`."""
    try:
        document, storages = _from_zip(data) if data[:2] == b"PK" else _from_stream(data)
        state = _find_state_dict(document, where)
        return {name: _array(tensor, storages) for name, tensor in state.items()}
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from None
    except (
        pickle.UnpicklingError, zipfile.BadZipFile, EOFError, KeyError, IndexError, ValueError,
        TypeError, AttributeError, OverflowError, MemoryError, NotImplementedError, RuntimeError,
        RecursionError,
    ) as error:  # fmt: skip
        why = " ".join(str(error).split())[:200]
        raise damage_error(where, why) from error


class _Reader(pickle.Unpickler):
    """Allows the names of a dictionary of tensors, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "collections" and name == "OrderedDict":
            return OrderedDict
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild
        if module == "torch._utils" and name == "_rebuild_parameter":
            return _parameter
        if module == "torch" and name in _STORAGES:
            return name
        raise InvalidInputError(
            f"it holds {module}.{name}, and not tensors alone, so opening it might run code. "
            "Save the state dictionary, better as safetensors: save_file(model.state_dict(), "
            "'model.safetensors')"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, _, size = pid[:5]
        if kind not in _STORAGES or not isinstance(key, str) or not isinstance(size, int):
            raise pickle.UnpicklingError(f"unknown storage {kind!r}")
        return _Storage(key, kind, size)


def _rebuild(
    storage: Any, offset: Any, shape: Any, strides: Any, *_: Any
) -> _Tensor:  # torch._utils._rebuild_tensor_v2
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _parameter(tensor: Any, *_: Any) -> Any:  # torch._utils._rebuild_parameter
    return tensor


def _from_zip(data: bytes) -> tuple[Any, Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = archive.namelist()
    pickled = next((name for name in names if name.endswith("/data.pkl")), None)
    if pickled is None:
        raise pickle.UnpicklingError("no data.pkl in it")
    folder = pickled.removesuffix("data.pkl")
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise pickle.UnpicklingError("its numbers are big-endian")
    document = _Reader(io.BytesIO(archive.read(pickled))).load()
    return document, lambda storage: archive.read(f"{folder}data/{storage.key}")


def _from_stream(data: bytes) -> tuple[Any, Callable[[_Storage], bytes]]:
    stream = io.BytesIO(data)
    if _Reader(stream).load() != _MAGIC or _Reader(stream).load() != _PROTOCOL:
        raise pickle.UnpicklingError("its first bytes are not those of torch")
    if _Reader(stream).load().get("little_endian") is not True:
        raise pickle.UnpicklingError("its numbers are big-endian")
    reader = _SizeReader(stream)
    document = reader.load()
    storages: dict[str, bytes] = {}
    for key in _Reader(stream).load():
        kind, size = reader.sizes[key]
        if int.from_bytes(stream.read(8), "little") != size:
            raise pickle.UnpicklingError(f"storage {key} has another length")
        storages[key] = stream.read(size * np.dtype(_STORAGES[kind]).itemsize)
    return document, lambda storage: storages[storage.key]


class _SizeReader(_Reader):
    """Records the type and size of each storage, to check the stream's lengths."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.sizes: dict[str, tuple[str, int]] = {}

    def persistent_load(self, pid: Any) -> _Storage:
        storage = super().persistent_load(pid)
        self.sizes[storage.key] = (storage.kind, storage.size)
        return storage


def _find_state_dict(document: Any, where: str) -> dict[str, _Tensor]:
    """Return the dictionary of tensors, which may be within another under a usual name."""
    for inner in ("state_dict", "model_state_dict", "model", "module"):
        if isinstance(document, dict) and isinstance(document.get(inner), dict):
            document = document[inner]
            break
    tensors = (
        {name: value for name, value in document.items() if isinstance(value, _Tensor)}
        if isinstance(document, dict)
        else {}
    )
    if not tensors:
        raise InvalidInputError("it holds no dictionary of tensors. Save model.state_dict()")
    return {str(name): tensor for name, tensor in tensors.items()}


def _array(tensor: _Tensor, read: Callable[[_Storage], bytes]) -> NDArray[Any]:
    storage = tensor.storage
    flat = np.frombuffer(read(storage), _STORAGES[storage.kind])
    reach = tensor.offset + sum(
        (n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)
    )
    if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0:
        raise ValueError("a tensor of impossible shape")
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, flat.dtype)
    if max(reach + 1, math.prod(tensor.shape)) > len(flat):
        raise ValueError("a tensor reaches beyond its storage")
    strides = tuple(step * flat.itemsize for step in tensor.strides)
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, strides)
    array = np.ascontiguousarray(view).reshape(tensor.shape)
    if storage.kind == "BFloat16Storage":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if storage.kind in ("DoubleStorage", "HalfStorage") else array
