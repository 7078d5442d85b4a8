"""How many threads are started by default."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sememe._cpus import count_cpus, read_quota


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 1_000_000)],
)
def test_a_container_has_the_cpus_that_its_quota_pays_for(tmp_path, text, cpus):
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert read_quota(tmp_path / "cpu.max") == cpus


@pytest.mark.parametrize("text", ["", "100000", "100000 0", "two cpus"])
def test_a_file_that_holds_no_quota_sets_none(tmp_path, text):
    (tmp_path / "cpu.max").write_text(text)
    assert read_quota(tmp_path / "cpu.max") == read_quota(tmp_path / "absent") == 1_000_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process")
def test_a_process_that_is_bound_to_one_cpu_has_one():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from sememe._cpus import count_cpus; print(count_cpus())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert 1 <= count_cpus() <= (os.cpu_count() or 1)
