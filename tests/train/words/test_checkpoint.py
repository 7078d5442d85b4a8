"""States of a run on disk: what is stored, what a kill leaves, what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.train.base.output_folder import check_room
from sememe.train.base.run_lock import hold
from sememe.train.words.checkpoint import Checkpoint, remove_checkpoint
from sememe.train.words.word2vec import Word2Vec


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
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_args, **_options: None)  # killed within
        remove_checkpoint(checkpoint.folder)
    assert (checkpoint.folder / ".job-3.old" / "inputs").exists()
    assert checkpoint.restore(arrays(0.0)) == 0
    checkpoint.save(3, arrays(1.0))
    remove_checkpoint(checkpoint.folder)
    assert not checkpoint.folder.exists()


def test_other_folders_are_let_alone(checkpoint):
    shutil.copytree(checkpoint.folder / "job-3", checkpoint.folder / "job-mine")
    assert checkpoint.restore(arrays(0.0)) == 3
    remove_checkpoint(checkpoint.folder)
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


def test_a_missing_drive_is_told_too(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda _: False)  # as a drive of Windows
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    with pytest.raises(InvalidInputError, match="is not a folder"):
        check_room(Path("drive/models"))


HOLDER = """
import sys, time
from pathlib import Path
from sememe.train.base.run_lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_and_a_killed_one_holds_nothing(tmp_path):
    folder = tmp_path / "new" / "state"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InvalidInputError, match=f"another run, of process {holder.pid},"):
            Word2Vec().fit([], checkpoint=folder)  # not "the corpus holds no words"
        holder.kill()
    assert [path.name for path in folder.iterdir()] == [".lock"]  # of the one that was killed
    with hold(folder):
        pass
    assert not (tmp_path / "new" / "state").exists()


def test_nothing_is_left_of_a_run_that_could_not_begin(tmp_path):
    with pytest.raises(InvalidInputError, match="no words"):
        Word2Vec().fit([], checkpoint=tmp_path / "new" / "deep" / "state")
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_locks_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("sememe.train.base.run_lock.fcntl", None)
    with hold(tmp_path / "state"), hold(tmp_path / "state"):
        assert (tmp_path / "state").is_dir()


def test_ctrl_c_while_threads_begin_is_ctrl_c(tmp_path, monkeypatch):
    corpus = [["a", "b", "c"]] * 30_000
    settings = {"dim": 8, "min_count": 1, "epochs": 3, "subsample": 0, "workers": 2}
    start, begun = threading.Thread.start, []

    def interrupted(thread):
        begun.append(thread)
        if len(begun) == 2:
            raise KeyboardInterrupt
        start(thread)

    model = Word2Vec(**settings).fit(corpus)  # compiles, in threads of its own
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(corpus, checkpoint=tmp_path / "state")
    assert not begun[0].is_alive()
    monkeypatch.undo()
    model.fit(corpus, checkpoint=tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_going_on_from_a_model_keeps_a_state_of_its_own(tmp_path, monkeypatch):
    corpus, more = [["a", "b", "c", "d"]] * 20, [["a", "new", "b"]] * 30_000
    settings = {"dim": 8, "min_count": 1, "epochs": 3, "subsample": 0, "workers": 1}
    base = Word2Vec(**settings).fit(corpus).save(tmp_path / "base")

    def loaded():
        model = Word2Vec.load(base)
        model.workers = 1
        return model

    expected = loaded().partial_fit(more).vectors_.matrix.tobytes()
    from sememe.train.words.kernels import choose

    calls, kernel = [], choose.skipgram_block

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return kernel(*args)

    interrupted.py_func = kernel.py_func
    monkeypatch.setattr(choose, "skipgram_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loaded().partial_fit(more, checkpoint=tmp_path / "state")
    monkeypatch.undo()
    other = Word2Vec(**{**settings, "seed": 1}).fit(corpus)
    other.seed = 0
    with pytest.raises(InvalidInputError, match="from: '.*' there, '.*' now"):
        other.partial_fit(more, checkpoint=tmp_path / "state")
    resumed = loaded().partial_fit(more, checkpoint=tmp_path / "state")
    assert resumed.report_.resumed_at > 0
    assert resumed.vectors_.matrix.tobytes() == expected
    assert not (tmp_path / "state").exists()
