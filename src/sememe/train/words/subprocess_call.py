"""Call a function in a subprocess, whose memory is returned to the system when it ends.

`multiprocessing` would run the user's script again without an `if __name__ == "__main__"` guard,
and cannot start from a notebook or piped code. The child inherits `sys.path`, and ends when its
parent does.
"""

from __future__ import annotations

import _thread
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sememe._errors as errors

# Arrow's own allocators, and one heap per thread, retain freed memory.
_FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
_BOOT += "from sememe.train.words.subprocess_call import main; main()"


def can_call() -> bool:
    """Return whether another Python can be started: not from a frozen or embedded one."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


Report = Callable[[int], None]


def call(
    module: str, function: str, arguments: dict[str, Any], report: Report | None = None
) -> Any:
    """Return module.function(**arguments) as run in a subprocess; arguments and result are JSON.

    report: If given, the function takes a callback `report`, whose calls are forwarded to this one.

    Raises:
        SememeError: As raised by the function.
        RuntimeError: Anything else it raised, or an exit without an answer.
    """
    argv = [sys.executable, "-P", "-c", _BOOT, json.dumps([str(part) for part in sys.path])]
    request: Any = {"module": module, "function": function, "arguments": arguments}
    request["report"] = report is not None
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, env=os.environ | _FRUGAL, **pipes) as child:
        try:
            answer = _ask(child, json.dumps(request).encode(), report)
        except BaseException:
            child.terminate()
            raise
    if "error" in answer:
        raise getattr(errors, answer["error"], RuntimeError)(answer["message"])
    return answer["value"]


def _ask(child: Any, request: bytes, report: Report | None) -> dict[str, Any]:
    """Send the request and return the answer; the pipe stays open while this process runs."""
    with suppress(BrokenPipeError):
        child.stdin.write(request + b"\n")
        child.stdin.flush()
    for line in child.stdout:
        answer: dict[str, Any] = json.loads(line)
        if "reported" not in answer:
            return answer
        if report:
            report(answer["reported"])
    code = child.wait()
    return {"error": "", "message": f"the process that reads the corpus ended with code {code}"}


def main() -> None:
    """Answer one request, as the child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives it and ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that temporary folders are deleted
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function = getattr(importlib.import_module(request["module"]), request["function"])
        report = {"report": lambda done: _answer({"reported": done})} if request["report"] else {}
        answer = {"value": function(**request["arguments"], **report)}
    except errors.SememeError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except Exception:
        answer = {"error": "", "message": traceback.format_exc()}
    _answer(answer)


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the pipe closes
    _thread.interrupt_main(signal.SIGTERM)
