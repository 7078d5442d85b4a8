"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column",
        help='Column of images in a table of images and texts; by default "image".',
        rich_help_panel="Data",
    ),
]
TextColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--text-column",
        help='Column of texts in a table of images and texts; by default "text"; repeatable.',
        rich_help_panel="Data",
    ),
]
