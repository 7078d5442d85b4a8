"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document only.", rich_help_panel="Output")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing model.", rich_help_panel="Output")
]
OutputFolder = Annotated[
    Path, typer.Option("-o", "--output", help="Folder for the model.", rich_help_panel="Output")
]
ENCODER = typer.Option(
    "-m", "--model", help="Encoder: a name listed by `sememe models`, or a folder."
)
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        help="Encoder: a name listed by `sememe models`, or a folder; by default the one for the "
        "kind of input.",
    ),
]
NewIndexModels = Annotated[
    list[str] | None, typer.Option("-m", "--model", help="Encoder of a new index; repeatable.")
]
IndexDir = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of an index.")]
SearchMode = Annotated[str, typer.Option("--mode", help="hybrid, semantic or keyword.")]
TopK = Annotated[int, typer.Option("-k", "--top-k", help="Number of results.")]
BeamSize = Annotated[
    int,
    typer.Option(
        "--beam-size",
        help="Beam size of speech recognition: 1 is fast, 16 finds the most probable text.",
    ),
]


def make_option(kind: Any, panel: str, text: str, *names: str) -> Any:
    """Return the type of an option in a panel of the help."""
    return Annotated[kind, typer.Option(*names, help=text, rich_help_panel=panel)]


_TABLE = "in a table of images and texts; by default"
ImageColumn = make_option(
    str | None, "Data", f'Column of images {_TABLE} "image".', "--image-column"
)
TextColumns = make_option(
    list[str] | None, "Data", f'Column of texts {_TABLE} "text"; repeatable.', "--text-column"
)
