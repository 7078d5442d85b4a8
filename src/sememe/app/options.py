"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
IndexDir = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of an index.")]
SearchMode = Annotated[str, typer.Option("--mode", help="hybrid, semantic or keyword")]
Models = Annotated[
    list[str] | None, typer.Option("-m", "--model", help="Encoder of a new index; repeatable.")
]
