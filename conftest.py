"""What holds for tests and doctests alike."""

from __future__ import annotations

from pathlib import Path


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Ignore modules without an example: importing them all takes ten seconds, some need torch."""
    if collection_path.suffix != ".py" or collection_path.name.startswith("test_"):
        return None
    return None if ">>> " in collection_path.read_text(encoding="utf-8") else True
