"""Files of vectors: what is written in batches reads back whole, and half a file is none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyarrow import parquet

from sememe import InvalidInputError, Item, UnknownNameError
from sememe.app.files.vectors import open_vector_file

ENDINGS = [".npy", ".parquet", ".jsonl"]


def batches(sizes, dim=3):
    rng = np.random.default_rng(0)
    for start, size in zip(np.cumsum([0, *sizes[:-1]]).tolist(), sizes, strict=True):
        items = [Item(f"id{start + i}", f"글 {start + i}") for i in range(size)]
        yield items, rng.standard_normal((size, dim)).astype(np.float32)


def read(path):
    if path.suffix == ".npy":
        return None, np.load(path, allow_pickle=False)
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        return table["id"].to_pylist(), np.array(table["vector"].to_pylist(), np.float32)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line["id"] for line in lines], np.array([line["vector"] for line in lines], np.float32)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sizes", [[1], [5, 5, 2], [1000, 1]])
def test_batches_read_back_in_order(tmp_path, ending, sizes):
    path = tmp_path / f"out{ending}"
    written = list(batches(sizes))
    with open_vector_file(path, 3) as file:
        for items, vectors in written:
            file.write(items, vectors)
    ids, vectors = read(path)
    np.testing.assert_array_equal(vectors, np.concatenate([v for _, v in written]))
    assert ids in (None, [f"id{i}" for i in range(sum(sizes))])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interruption_leaves_what_was_there(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    path.write_text("older")
    [(items, vectors)] = batches([4])
    with pytest.raises(RuntimeError, match="interrupted"), open_vector_file(path, 3) as file:
        file.write(items, vectors)
        raise RuntimeError("interrupted")
    assert path.read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 1


def test_another_ending_is_named(tmp_path):
    with (
        pytest.raises(UnknownNameError, match=r"'\.txt' is not one of \.npy, \.parquet, \.jsonl"),
        open_vector_file(tmp_path / "out.txt", 3),
    ):
        pass


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(InvalidInputError, match="nowhere is no folder"),
        open_vector_file(tmp_path / "nowhere" / "out.npy", 3),
    ):
        pass
