"""A table of Unigram pieces as tokenizer.json, the format of Hugging Face's `tokenizers`.

The ids are the same for text in NFC; decomposed text is composed first, and a run of unknown
characters is one token.
"""

from __future__ import annotations

from typing import Any

from sememe.text.tokenizers.piece_table import SPACE, PieceTable


def describe_tokenizer(pieces: PieceTable) -> dict[str, Any]:
    """Return the content of tokenizer.json."""
    begin, end = pieces.names[pieces.begin], pieces.names[pieces.end]
    marks = {"A": {"Sequence": {"id": "A", "type_id": 0}}}
    single = [_mark(begin), marks["A"], _mark(end)]
    second = [_mark(end), {"Sequence": {"id": "B", "type_id": 0}}, _mark(end)]
    special = (pieces.begin, pieces.pad, pieces.end, pieces.unknown, len(pieces.names) - 1)
    space = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": i, "content": pieces.names[i], "special": True, "normalized": False,
                "single_word": False, "lstrip": False, "rstrip": False,
            }
            for i in sorted(special)
        ],
        "normalizer": {"type": "Sequence", "normalizers": _normalizers(pieces)},
        "pre_tokenizer": space,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, *second],
            "special_tokens": {
                name: {"id": name, "ids": [i], "tokens": [name]}
                for name, i in ((begin, pieces.begin), (end, pieces.end))
            },
        },
        "decoder": space,
        "model": {
            "type": "Unigram",
            "unk_id": pieces.unknown,
            "vocab": list(zip(pieces.names, map(float, pieces.scores), strict=True)),
            "byte_fallback": False,
        },
    }  # fmt: skip


def _mark(name: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": 0}}


def _normalizers(pieces: PieceTable) -> list[dict[str, Any]]:
    """Return the steps of normalisation: NFKC, after what the table does beyond it."""
    replace = {
        content: "".join(f"\\x{{{point:x}}}" for point in points)
        for content in ("", " ")
        if (points := [p for p, to in pieces.normalization.items() if to == content])
    }
    steps: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"Regex": f"[{points}]"}, "content": content}
        for content, points in replace.items()
    ]
    collapse = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    return [*steps, {"type": "NFKC"}, collapse]
