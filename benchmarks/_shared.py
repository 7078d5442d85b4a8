"""What the benchmarks share: fresh processes, their memory, the machine, Markdown tables.

Every measured part runs in a process of its own, so that one library's threads, memory and loaded
modules do not colour another's figures.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INSTALL = "python -m pip install -e . -r benchmarks/requirements.txt"
# A pinned OpenBLAS kernel or block size slows numpy, and with it the peers that compute in numpy:
# to keep it would flatter us. Every process runs with OpenBLAS's own choice for this machine.
_PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "LANCE_CPU_THREADS",
)


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that has ended: exit code, wall time, peak memory in MB, what it printed."""

    code: int
    seconds: float
    peak_mb: float
    out: str
    error: str
    stopped: bool

    @property
    def last(self) -> Any:
        """The JSON document on the last line of its output."""
        return json.loads(self.out.strip().rsplit("\n", 1)[-1])

    @property
    def why(self) -> str:
        """Why it failed, in one line."""
        if self.stopped:
            return f"stopped after {self.seconds:.0f} s (--limit-seconds)"
        return (self.error.strip() or f"exit code {self.code}").rsplit("\n", 1)[-1][:160]


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a measured process: so many threads, nothing pinned."""
    kept = {name: value for name, value in os.environ.items() if name not in _PINS}
    return kept | dict.fromkeys(_THREADS, str(threads)) | {"TOKENIZERS_PARALLELISM": "true"}


def run(argv: Sequence[str], *, threads: int = 2, limit: float = 3600.0) -> Finished:
    """Run a process to its end, or stop it at the limit (seconds).

    The peak is what the kernel noted for this process (`wait4`). It is never below the memory of
    the parent at the start of the child, so benchmarks hold no data in the parent.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        started = time.perf_counter()
        child = subprocess.Popen(argv, stdout=out, stderr=error, env=environment(threads))
        timer = threading.Timer(limit, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        error.seek(0)
        unit = 1e6 if sys.platform == "darwin" else 1e3
        stopped = seconds >= limit
        peak = usage.ru_maxrss / unit
        return Finished(child.returncode, seconds, peak, out.read(), error.read(), stopped)


def missing(module: str) -> str | None:
    """Return what to type if a module is not installed, None if it is."""
    if importlib.util.find_spec(module) is not None:
        return None
    return f"{module} is not installed, left out. Run: {INSTALL}"


def machine(threads: int) -> str:
    """Return one line: processor, cores, memory, Python, and how busy it is."""
    name, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        facts = dict(
            (part.strip() for part in line.split(":", 1))
            for line in info.read_text().split("\n\n")[0].split("\n")
            if ":" in line
        )
        name = facts.get("model name", name)
        has = facts.get("flags", "").split()
        wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
        flags = " (" + " ".join(flag for flag in wanted if flag in has) + ")"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{time.strftime('%Y-%m-%d')}, {name}{flags}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"Python {platform.python_version()}, {threads} threads, "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )


def versions(*packages: str) -> str:
    """Return the versions of those packages that are installed, in one line."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def row(*cells: object) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*names: str) -> str:
    """Return the first two lines of a Markdown table."""
    return row(*names) + "\n" + "|" + "---|" * len(names)


def milliseconds(seconds: Iterable[float]) -> tuple[float, float]:
    """Return p50 and p95 in milliseconds."""
    ordered = sorted(1000 * value for value in seconds)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]


def own_peak_mb() -> float:
    """Return this process's own peak memory in MB, whatever its parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().split("\n") if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def size_mb(path: Path) -> float:
    """Return what a file or folder takes on disk, in MB."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def fresh_folder(path: Path) -> Path:
    """Make an empty folder, in place of whatever was there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
