from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from sememe import _errors
from sememe.search.lock import writer_lock

HOLD = """
import sys, time
from sememe.search.lock import writer_lock
with writer_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_writer_in_this_process_is_refused(tmp_path):
    path = tmp_path / "write.lock"
    with (
        writer_lock(path),
        pytest.raises(_errors.IndexLockedError, match="this very process"),
        writer_lock(path),
    ):
        pass


def test_lock_is_free_again_after_use_and_after_an_error(tmp_path):
    path = tmp_path / "write.lock"
    with pytest.raises(ZeroDivisionError), writer_lock(path):
        raise ZeroDivisionError
    with writer_lock(path):
        pass
    assert not (tmp_path / "write.lock.json").exists()


def test_other_process_is_named_and_its_death_frees_the_lock(tmp_path):
    path = tmp_path / "write.lock"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(_errors.IndexLockedError) as refusal, writer_lock(path):
            pass
        assert f"stop process {child.pid}" in str(refusal.value)
        assert isinstance(refusal.value, BlockingIOError)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            with writer_lock(path):  # the dead writer's note is still there and holds nobody up
                break
        except _errors.IndexLockedError:
            assert time.monotonic() < deadline


def test_a_broken_note_does_not_hide_the_refusal(tmp_path):
    path = tmp_path / "write.lock"
    with writer_lock(path):
        (tmp_path / "write.lock.json").write_text("{", encoding="utf-8")
        with pytest.raises(_errors.IndexLockedError, match="another process"), writer_lock(path):
            pass
