"""What a fresh process costs: `import sememe`, `sememe --help`, `sememe search`.

    python benchmarks/cold.py [--index DIR] [--query TEXT] [--rows 100000]

The median, least and most of seven fresh processes each, in turns, files in the page cache. An
empty Python process stands beside them as the control. Without --index, an index of --rows made
documents is built first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from _made import documents
from _shared import head, machine, row, run, versions

CLI = ("-c", "from sememe.app.cli import main; main()")
FRESH = 7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path)
    parser.add_argument("--query", default="빠른 운송 수단")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(machine(options.threads))
    print(versions("sememe", "numpy", "onnxruntime", "pylance"), "\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        index = options.index or made_index(Path(folder), options)
        measure(index, options)


def made_index(folder: Path, options: argparse.Namespace) -> Path:
    """Build an index of made documents."""
    file, index = folder / "documents.jsonl", folder / "index"
    with file.open("w", encoding="utf-8") as lines:
        for name, text in documents(options.rows):
            lines.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")
    done = run([sys.executable, *CLI, "index", str(file), "--into", str(index)])
    if done.code:
        sys.exit(f"sememe index: {done.why}")
    return index


def measure(index: Path, options: argparse.Namespace) -> None:
    """Print the table."""
    search = ("search", str(index), options.query, "--json")
    commands = {
        "python -c pass": ("-c", "pass"),
        "import sememe": ("-c", "import sememe"),
        "sememe --help": (*CLI, "--help"),
        "sememe search, hybrid": (*CLI, *search),
        "sememe search, semantic": (*CLI, *search, "--mode", "semantic"),
        "sememe search, keyword": (*CLI, *search, "--mode", "keyword"),
    }
    runs = {name: [] for name in commands}
    for turn in range(FRESH + 1):
        for name, arguments in commands.items():
            done = run([sys.executable, *arguments], threads=options.threads)
            if done.code:
                sys.exit(f"{name}: {done.why}")
            if turn:  # the first fills the page cache and writes byte code
                runs[name].append(done)
    print(head("command", "median s", "least s", "most s", "peak MB"))
    for name, done in runs.items():
        seconds = [one.seconds for one in done]
        figures = (statistics.median(seconds), min(seconds), max(seconds))
        peak = max(one.peak_mb for one in done)
        print(row(name, *(f"{figure:.3f}" for figure in figures), f"{peak:.0f}"))


if __name__ == "__main__":
    main()
