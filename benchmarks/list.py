"""List the benchmarks: the first paragraph and the command of each."""

from __future__ import annotations

import ast
from pathlib import Path


def main() -> None:
    """Print the docstrings of the benchmarks beside this file."""
    here = Path(__file__).parent
    for path in sorted(here.glob("*.py")):
        if path.name != "list.py" and not path.name.startswith("_"):
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            print(f"{path.name}\n  " + text.replace("\n", "\n  ") + "\n")


if __name__ == "__main__":
    main()
