"""Call a function in a process of its own, whose memory goes back to the system when it ends.

A plain child process, not `multiprocessing`: that would run the user's script a second time where
it has no `if __name__ == "__main__"` guard, and cannot start from a notebook's or a pipe's code.
The child takes over `sys.path`, and ends when its parent does.
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
from typing import Any

import sememe._errors as errors

# Arrow's own allocators, and one heap for each thread, keep much of what was freed.
_FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
_BOOT += "from sememe.train.words.subprocess_call import main; main()"


def can_call() -> bool:
    """Return whether a second Python can be started: not from a frozen or embedded one."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


def call(
    module: str,
    function: str,
    arguments: dict[str, Any],
    tell: Callable[[int], None] | None = None,
) -> Any:
    """Return what module.function(**arguments) returns in another process; all of it is JSON.

    tell: given to the function as `tell`; what it is told there is told here.

    Raises:
        SememeError: What the function raised.
        RuntimeError: Anything else it raised, or an end without an answer.
    """
    argv = [sys.executable, "-P", "-c", _BOOT, json.dumps([str(part) for part in sys.path])]
    fields = {"module": module, "function": function, "arguments": arguments}
    request = json.dumps(fields | {"tell": tell is not None})
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, env=os.environ | _FRUGAL, **pipes) as child:
        try:
            answer = _ask(child, request.encode(), tell)
        except BaseException:
            child.terminate()
            raise
    if "error" not in answer:
        return answer["value"]
    kind = getattr(errors, answer["error"], RuntimeError)
    raise kind(answer["message"])


def _ask(
    child: subprocess.Popen[bytes], request: bytes, tell: Callable[[int], None] | None
) -> dict[str, Any]:
    """Send the request; its pipe stays open as long as this process lives."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child process has no pipes")
    try:
        child.stdin.write(request + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        pass
    for line in child.stdout:
        answer: dict[str, Any] = json.loads(line)
        if "told" not in answer:
            return answer
        if tell:
            tell(answer["told"])
    code = child.wait()
    return {"error": "", "message": f"the process that reads the corpus ended with code {code}"}


def main() -> None:
    """Be the child: answer one request."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends this process
    signal.signal(signal.SIGTERM, _leave)
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function = getattr(importlib.import_module(request["module"]), request["function"])
        tell = {"tell": _tell} if request["tell"] else {}
        answer = {"value": function(**request["arguments"], **tell)}
    except errors.SememeError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    except Exception:
        answer = {"error": "", "message": traceback.format_exc()}
    _answer(answer)


def _tell(done: int) -> None:
    _answer({"told": done})


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more is sent: it returns when the pipe closes
    _thread.interrupt_main(signal.SIGTERM)


def _leave(*_: object) -> None:
    """End the work so that temporary folders are deleted."""
    sys.exit(1)
