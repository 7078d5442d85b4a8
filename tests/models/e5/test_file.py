"""The file in 4-bit blocks: what it holds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import CorruptFileError
from sememe.models.e5.file import PackedFile
from tests.models.e5 import packed_file
from tests.models.e5.packed_file import PIECES, SIZES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.bin"


def test_it_holds_what_was_written(path):
    arrays = packed_file.write(path)
    file = PackedFile(path)
    assert tuple(file.sizes) == SIZES
    assert file.pieces.names == PIECES
    assert file.pieces.scores.tolist() == packed_file.SCORES
    assert dict(file.pieces.normalization) == packed_file.NORMALIZATION
    assert (file.pieces.begin, file.pieces.end, file.pieces.pad, file.pieces.unknown) == (
        0,
        2,
        1,
        3,
    )
    for name, array in arrays.items():
        np.testing.assert_allclose(file.array(name, *array.shape), array, rtol=1e-6)


def test_a_file_cut_short_anywhere_is_refused(path):
    packed_file.write(path)
    whole = path.read_bytes()
    for size in [0, 3, 8, 40, 60, 90, 150, 300, 1000, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(CorruptFileError, match=r"small\.bin"):
            PackedFile(path)


def test_an_altered_file_is_refused_or_read_within_its_bounds(path):
    """Every byte of the head is turned over, one at a time: an error that names the file, or
    another table of pieces; never a read beyond the file."""
    packed_file.write(path)
    whole = path.read_bytes()
    head = whole.index(b"emb.word") + 60
    refused = 0
    for at in range(head):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            file = PackedFile(path)
            for name in ("emb.word", "emb.pos"):
                file.array(name, *{"emb.word": (40, 32), "emb.pos": (16, 32)}[name])
        except CorruptFileError as error:
            assert "small.bin" in str(error)
            refused += 1
    assert refused > head / 3


@pytest.mark.parametrize("head", [{"version": 2}, {"block": 64}])
def test_another_version_is_refused(path, head):
    packed_file.write(path, **head)
    with pytest.raises(CorruptFileError, match="version 2|blocks of 64"):
        PackedFile(path)


def test_a_tensor_that_is_missing_or_of_another_size_is_refused(path):
    packed_file.write(path)
    file = PackedFile(path)
    with pytest.raises(CorruptFileError, match=r"l9\.q\.w is missing"):
        file.array("l9.q.w", 32, 32)
    with pytest.raises(CorruptFileError, match="1024 numbers"):
        file.array("l0.q.w", 32, 64)
    with pytest.raises(CorruptFileError, match="not in blocks"):
        file.blocks("emb.pos", 16, 32)


def test_nan_is_refused(path):
    arrays = packed_file.write(path)
    data = path.read_bytes()
    old = arrays["l1.oln.b"].tobytes()
    path.write_bytes(data.replace(old, np.full(32, np.nan, np.float32).tobytes()))
    file = PackedFile(path)
    with pytest.raises(CorruptFileError, match=r"l1\.oln\.b holds NaN"):
        file.array("l1.oln.b", 32)
