"""Files of torch, read without torch: the same tensors, and nothing that runs."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.models.weights.torch_pickle import parse_torch_file, read_torch_file

ARRAYS = {
    "a.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.array(7, np.int64),
    "half": np.array([1.5, -2.0], np.float16),
    "flags": np.array([True, False]),
}
KINDS = {"f4": "FloatStorage", "i8": "LongStorage", "f2": "HalfStorage", "b1": "BoolStorage"}


class Named:
    """Stands for torch's function in the pickle: only its name is written."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Tensor:
    def __init__(self, key, array, offset=0, shape=None, strides=None):
        self.key, self.array, self.offset = key, np.ascontiguousarray(array), offset
        self.shape = array.shape if shape is None else shape
        steps = [step // array.itemsize for step in array.strides]
        self.strides = tuple(steps) if strides is None else strides


class Storage:
    def __init__(self, tensor):
        self.tensor = tensor


class Writer(pickle._Pickler):
    """Writes what torch.save writes, by the protocol's own opcodes."""

    def save(self, thing, *args, **kwargs):
        if isinstance(thing, Named):
            self.write(b"c" + f"{thing.module}\n{thing.name}\n".encode())
        elif isinstance(thing, Tensor):
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            self.save((Storage(thing), thing.offset, thing.shape, thing.strides, False, None))
            self.write(b"R")
        else:
            super().save(thing, *args, **kwargs)

    def persistent_id(self, thing):
        if not isinstance(thing, Storage):
            return None
        array = thing.tensor.array
        kind = KINDS[array.dtype.str[1:]]
        return ("storage", Named("torch", kind), thing.tensor.key, "cpu", array.size, None)[:5]


def pickled(thing):
    out = io.BytesIO()
    Writer(out, 2).dump(thing)
    return out.getvalue()


def as_zip(state, tensors):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(state))
        archive.writestr("archive/byteorder", "little")
        for tensor in tensors:
            archive.writestr(f"archive/data/{tensor.key}", tensor.array.tobytes())
    return out.getvalue()


def as_stream(state, tensors):
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, "protocol_version": 1001}]
    out = b"".join(pickle.dumps(one, 2) for one in head) + pickled(state)
    out += pickle.dumps([tensor.key for tensor in tensors], 2)
    for tensor in tensors:
        out += struct.pack("<q", tensor.array.size) + tensor.array.tobytes()
    return out


def tensors():
    return {name: Tensor(str(i), array) for i, (name, array) in enumerate(ARRAYS.items())}


LAYOUTS = pytest.mark.parametrize("layout", [as_zip, as_stream])


@LAYOUTS
@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"epoch": 3, "state_dict": s}])
def test_the_tensors_come_back(layout, wrap, tmp_path):
    own = tensors()
    path = tmp_path / "model.pth"
    path.write_bytes(layout(wrap(OrderedDict(own)), own.values()))
    found = read_torch_file(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array.astype(found[name].dtype))
        assert found[name].dtype == (np.float32 if name == "half" else array.dtype)


@LAYOUTS
def test_a_view_of_a_storage_is_what_it_shows(layout):
    """Columns 1 and 2 of a (3, 4) matrix, transposed: offset 1, strides 1 and 4."""
    whole = Tensor("0", ARRAYS["a.weight"], offset=1, shape=(2, 3), strides=(1, 4))
    found = parse_torch_file(layout({"v": whole}, [whole]), where="here")
    np.testing.assert_array_equal(found["v"], ARRAYS["a.weight"][:, 1:3].T)


class Evil:
    def __reduce__(self):
        return os.system, ("touch harm",)


@LAYOUTS
def test_what_would_run_is_refused_and_does_not_run(layout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tensors()
    for evil in (Evil(), {"state_dict": own, "hook": Evil()}):
        with pytest.raises(InvalidInputError, match=r"system, and not tensors alone"):
            parse_torch_file(layout(evil, own.values()), where="here")
    for module, name in [("builtins", "eval"), ("torch", "load"), ("collections", "namedtuple")]:
        with pytest.raises(InvalidInputError, match=f"it holds {module}.{name}"):
            parse_torch_file(layout({"x": Named(module, name)}, ()), where="here")
    assert not (tmp_path / "harm").exists()


@LAYOUTS
def test_impossible_tensors_are_damage(layout):
    array = ARRAYS["a.weight"]
    wrong = [
        Tensor("0", array, shape=(4, 4), strides=(4, 1)),  # reaches beyond
        Tensor("0", array, offset=11, shape=(2,), strides=(1,)),
        Tensor("0", array, shape=(10**9,), strides=(0,)),  # a bomb
        Tensor("0", array, offset=-1),
    ]
    for one in wrong:
        with pytest.raises(CorruptFileError, match=r"here is damaged"):
            parse_torch_file(layout({"v": one}, [one]), where="here")


@LAYOUTS
def test_cut_off_and_flipped_bytes_are_told(layout):
    own = tensors()
    data = layout(own, own.values())
    rng = np.random.default_rng(0)
    for end in range(0, len(data), 7):
        with pytest.raises((CorruptFileError, InvalidInputError)):
            parse_torch_file(data[:end], where="here")
    for _ in range(200):
        bad = bytearray(data)
        bad[rng.integers(len(bad))] = rng.integers(256)
        try:
            parse_torch_file(bytes(bad), where="here")
        except (CorruptFileError, InvalidInputError) as error:
            assert "here" in str(error)


def test_a_file_without_tensors_is_told():
    with pytest.raises(InvalidInputError, match=r"no dictionary of tensors"):
        parse_torch_file(as_zip({"a": 1}, []), where="here")
    with pytest.raises(CorruptFileError):
        parse_torch_file(b"hello", where="here")
