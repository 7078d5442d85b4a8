"""What C libraries print stays out of the terminal; what Python prints does not."""

from __future__ import annotations

import os
import subprocess
import sys

from sememe.app.native_stderr import discard_native_stderr

SCRIPT = """
import os, sys
from sememe.app.native_stderr import discard_native_stderr
os.write(2, b"C before\\n")
with discard_native_stderr():
    os.write(2, b"C within\\n")
    print("Python within", file=sys.stderr)
os.write(2, b"C after\\n")
print("Python after", file=sys.stderr)
"""


def test_native_lines_are_dropped_while_a_command_runs():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines() == ["C before", "Python within", "C after", "Python after"]


def test_a_process_without_standard_error_runs_too():
    code = "import os; os.close(2)\nfrom sememe.app.native_stderr import discard_native_stderr\n"
    code += "with discard_native_stderr():\n    print('ran')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n"


def test_a_captured_stream_is_left_alone(capsys):
    """Where sys.stderr is not file descriptor 2, as in a notebook, nothing is redirected."""
    before = os.fstat(2)
    with discard_native_stderr():
        assert os.path.samestat(before, os.fstat(2))
        sys.stderr.write("shown\n")
    assert capsys.readouterr().err == "shown\n"
