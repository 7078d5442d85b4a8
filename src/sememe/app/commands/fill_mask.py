"""The command `sememe fill-mask`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sememe.app import terminal as show

if TYPE_CHECKING:
    from sememe.encoders.text.masked_lm import Fill


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("fill-mask")(fill_mask)


def fill_mask(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="The folder of a masked language model, or hf:..."),
    ],
    texts: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help='Texts with masks: "The cat sat on the [MASK]."'),
    ],
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="How many tokens for a mask.")] = 5,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Show which words a masked language model expects where a text has a mask.

    A mask is written as the model writes it, or as [MASK] or <mask>.
    """
    from sememe.encoders.text.masked_lm import MaskedLM
    from sememe.vectors.nearest import check_k

    check_k(top_k, "--top-k")
    loaded = MaskedLM.load(model)
    found = [(text, loaded.fill(text, k=top_k)) for text in texts]
    if as_json:
        documents = [
            {
                "text": text,
                "masks": [[asdict(fill) for fill in fills] for fills in masks],
            }
            for text, masks in found
        ]
        show.as_json(documents)
        return
    for text, masks in found:
        for number, fills in enumerate(masks, start=1):
            which = f"mask {number} of {len(masks)}: " if len(masks) > 1 else ""
            typer.echo(which + show.snippet(text))
            rows = [(f"{f.score:.4f}", _readable(f), show.snippet(f.text)) for f in fills]
            show.table(("probability", "token", "text"), rows)


def _readable(fill: Fill) -> str:
    """Return the token as it is written; bytes that are no whole letter have their name alone."""
    word = fill.written.strip()
    return fill.token if not word or "\ufffd" in word else word
