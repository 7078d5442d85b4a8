"""States of a run on disk: what is stored, what a kill leaves, what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.train.checkpoint import Checkpoint, check_room, remove_checkpoint
from sememe.train.word2vec import Word2Vec


@pytest.fixture
def checkpoint(tmp_path):
    stored = Checkpoint(tmp_path / "state", {"dim": 2})
    stored.save(3, arrays(1.0))
    return stored


def arrays(value):
    return {"inputs": np.full((4, 2), value, np.float32), "losses": np.full(5, value, np.float32)}


def test_the_last_state_is_restored_and_earlier_ones_are_gone(checkpoint):
    checkpoint.save(4, arrays(2.0))
    found = arrays(0.0)
    assert checkpoint.restore(found) == 4
    assert found["inputs"].tolist() == [[2, 2]] * 4
    assert [path.name for path in checkpoint.folder.iterdir()] == ["job-4"]


def test_a_state_is_never_replaced_by_one_of_the_same_job(checkpoint, monkeypatch):
    def kill(*_args, **_options):
        raise AssertionError("the only state would be deleted")

    monkeypatch.setattr(shutil, "rmtree", kill)
    checkpoint.save(3, arrays(9.0))
    assert checkpoint.restore(arrays(0.0)) == 3


def test_what_a_kill_leaves_of_an_old_state_is_none(checkpoint, monkeypatch):
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_options: None)  # killed within
    remove_checkpoint(checkpoint.folder)
    assert (checkpoint.folder / "job-3" / "inputs").exists()
    assert checkpoint.restore(arrays(0.0)) == 0


def test_other_folders_are_let_alone(checkpoint):
    shutil.copytree(checkpoint.folder / "job-3", checkpoint.folder / "job-mine")
    assert checkpoint.restore(arrays(0.0)) == 3
    checkpoint.remove()
    assert [path.name for path in checkpoint.folder.iterdir()] == ["job-mine"]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("inputs", b"\0" * 30, "2 bytes short"),
        ("inputs", b"\0" * 33, "longer than 32 bytes"),
        ("inputs", None, "lacks .*inputs"),
        ("state.json", b'{"form', "state.json is damaged"),
        ("state.json", b"[]", "state.json is damaged"),
        ("state.json", b'{"format": 1, "facts": [1]}', "state.json is damaged"),
        (
            "state.json",
            json.dumps({"format": 2, "facts": {}}).encode(),
            "format 2, this version reads 1",
        ),
    ],
)
def test_damage_is_told_with_the_cure(checkpoint, name, data, message):
    path = checkpoint.folder / "job-3" / name
    path.unlink() if data is None else path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=f"{message}.*train anew"):
        checkpoint.restore(arrays(0.0))


def test_no_room_is_told_before_any_work(tmp_path):
    check_room(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidInputError, match="file is not a folder"):
            Word2Vec().fit([], checkpoint=folder)  # not "the corpus holds no words"
