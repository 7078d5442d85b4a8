"""The command `sememe fill-mask`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sememe.app import terminal
from sememe.app.options import Json, TopK

if TYPE_CHECKING:
    from sememe.encoders.text.masked_lm import Fill


_MODEL = typer.Argument(metavar="MODEL", help="Masked language model: a folder, or hf:org/name.")
_TEXTS = typer.Argument(metavar="TEXT...", help='Texts with masks: "The cat sat on the [MASK]."')


def fill_mask(
    model: Annotated[str, _MODEL],
    texts: Annotated[list[str], _TEXTS],
    top_k: TopK = 5,
    as_json: Json = False,
) -> None:
    """Predict the words behind masks with a masked language model.

    Write a mask as the model's own token, or as [MASK] or <mask>.
    """
    from sememe.encoders.text.masked_lm import MaskedLM
    from sememe.vectors.nearest import check_k

    check_k(top_k, "--top-k")
    loaded = MaskedLM.load(model)
    filled = [(text, loaded.fill(text, k=top_k)) for text in texts]
    if as_json:
        rows = [(text, [list(map(asdict, fills)) for fills in masks]) for text, masks in filled]
        terminal.print_json([{"text": text, "masks": masks} for text, masks in rows])
        return
    for text, masks in filled:
        for number, fills in enumerate(masks, start=1):
            which = f"mask {number} of {len(masks)}: " if len(masks) > 1 else ""
            typer.echo(which + terminal.shorten(text))
            cells = [(f"{f.score:.4f}", _name_token(f), terminal.shorten(f.text)) for f in fills]
            terminal.print_table(("probability", "token", "text"), cells)


def _name_token(fill: Fill) -> str:
    """Return the token as text, or its name where its bytes are not whole characters."""
    word = fill.written.strip()
    return fill.token if not word or "\ufffd" in word else word
