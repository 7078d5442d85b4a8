"""Read a path the way an index does, and make the files that cannot be typed."""

from __future__ import annotations

from pathlib import Path

from sememe._types import Item, Skipped
from sememe.sources import SourceFile, find_files, read_file


def read(path: Path) -> tuple[list[Item], list[Skipped]]:
    """The items and the skipped of one file, each checked for what every item must be."""
    items: list[Item] = []
    skipped: list[Skipped] = []
    for found in find_files(path):
        if isinstance(found, Skipped):
            skipped.append(found)
            continue
        for result in read_file(found):
            if isinstance(result, Skipped):
                assert result.reason
                assert "\n" not in result.reason
                skipped.append(result)
            else:
                check(result, found)
                items.append(result)
    ids = [item.id for item in items]
    assert len(set(ids)) == len(ids)
    return items, skipped


def check(item: Item, file: SourceFile) -> None:
    assert item.source == file.source
    assert item.modality == "text"
    assert item.content.strip()
    for text in (item.id, item.content, *item.metadata):
        text.encode("utf-8")
        assert "\0" not in text
    for value in item.metadata.values():
        assert type(value) in (str, int, float, bool)
    assert all(name.isidentifier() for name in item.metadata)


def reasons(path: Path) -> list[str]:
    """Why a file gave no item at all."""
    items, skipped = read(path)
    assert items == []
    assert {note.source for note in skipped} == {path.name}
    return [note.reason for note in skipped]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def pdf(*pages: str, title: str = "") -> bytes:
    """A PDF of ASCII pages, made by hand."""
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for at, page in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({page}) Tj ET" if page else ""
        bodies.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * at} 0 R >>"
        )
        bodies.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    bodies.append(f"<< /Title ({title}) >>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    xref = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    out += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{xref}".encode()[:]
    trailer = f"<< /Size {len(bodies) + 1} /Root 1 0 R /Info {len(bodies)} 0 R >>"
    start = out.index(b"xref\n")
    return out + f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode()
