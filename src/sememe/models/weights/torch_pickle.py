"""Read the tensors of a .pt or .pth file without torch and without running code in it.

Such a file is a pickle, which may call anything. This reader allows the few names that a dictionary
of tensors needs and replaces each by harmless code; any other name is an error. Both layouts are
read: the ZIP archive of torch 1.6 and newer, and the older stream.
"""

from __future__ import annotations

import io
import math
import pickle  # only through a reader that allows nothing but tensors
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sememe._errors import InvalidInputError
from sememe._persistence import damage_error
from sememe.models.weights.safetensors import Tensors, widen

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
        document, storages = _read_zip(data) if data[:2] == b"PK" else _read_stream(data)
        state = _find_state_dict(document)
        return {name: _read_array(tensor, storages) for name, tensor in state.items()}
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from None
    except (
        pickle.UnpicklingError, zipfile.BadZipFile, EOFError, LookupError, ValueError, TypeError,
        AttributeError, OverflowError, MemoryError, RuntimeError,
    ) as error:  # fmt: skip
        raise damage_error(where, " ".join(str(error).split())[:200]) from error


class _Reader(pickle.Unpickler):
    """Allows the names of a dictionary of tensors, and nothing else; records the storages."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
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
        self.storages[key] = _Storage(key, kind, size)
        return self.storages[key]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}


def _read_zip(data: bytes) -> tuple[Any, Callable[[_Storage], bytes]]:
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


def _read_stream(data: bytes) -> tuple[Any, Callable[[_Storage], bytes]]:
    stream = io.BytesIO(data)
    if _Reader(stream).load() != _MAGIC or _Reader(stream).load() != _PROTOCOL:
        raise pickle.UnpicklingError("its first bytes are not those of torch")
    if _Reader(stream).load().get("little_endian") is not True:
        raise pickle.UnpicklingError("its numbers are big-endian")
    reader = _Reader(stream)
    document = reader.load()
    storages: dict[str, bytes] = {}
    for key in _Reader(stream).load():
        _, kind, size = reader.storages[key]
        if int.from_bytes(stream.read(8), "little") != size:
            raise pickle.UnpicklingError(f"storage {key} has another length")
        storages[key] = stream.read(size * np.dtype(_STORAGES[kind]).itemsize)
    return document, lambda storage: storages[storage.key]


def _find_state_dict(document: Any) -> dict[str, _Tensor]:
    """Return the dictionary of tensors, which may be within another under a usual name."""
    state = document if isinstance(document, dict) else {}
    names = ("state_dict", "model_state_dict", "model", "module")
    state = next((state[name] for name in names if isinstance(state.get(name), dict)), state)
    tensors = {str(name): value for name, value in state.items() if isinstance(value, _Tensor)}
    if not tensors:
        raise InvalidInputError("it holds no dictionary of tensors. Save model.state_dict()")
    return tensors


def _read_array(tensor: _Tensor, read: Callable[[_Storage], bytes]) -> NDArray[Any]:
    storage = tensor.storage
    flat = np.frombuffer(read(storage), _STORAGES[storage.kind])
    steps = zip(tensor.shape, tensor.strides, strict=True)
    reach = tensor.offset + sum((n - 1) * step for n, step in steps)
    if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0:
        raise ValueError("a tensor of impossible shape")
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, flat.dtype)
    if max(reach + 1, math.prod(tensor.shape)) > len(flat):
        raise ValueError("a tensor reaches beyond its storage")
    strides = tuple(step * flat.itemsize for step in tensor.strides)
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, strides)
    array = np.ascontiguousarray(view).reshape(tensor.shape)
    return widen(array, bfloat=storage.kind == "BFloat16Storage")
