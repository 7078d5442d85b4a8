"""Tables of files with labels, and optionally folds and groups.

path,label,fold,group      or other usual names, such as filename,category,fold,speaker
"""

from __future__ import annotations

from pathlib import Path

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._types import Modality, Skipped
from sememe.sources.datasets.image_text import IMAGE_NAMES
from sememe.sources.datasets.labelled_data import Labelled
from sememe.sources.datasets.table_rows import list_columns, read_table, require_column
from sememe.sources.datasets.transcripts import PATH_NAMES
from sememe.sources.tables.column_names import find_name

LABEL_NAMES = ("label", "class", "class_name", "category", "target", "라벨", "분류", "종류")
FOLD_NAMES = ("fold", "folds", "겹")
GROUP_NAMES = ("group", "speaker", "speaker_id", "그룹", "화자")


def read_labelled_table(table: Path, modality: Modality) -> Labelled:
    """Read a table of labelled files; see `sememe.sources.datasets.labelled.read_labelled`.

    Rows without a path or a label are skipped with a reason.

    Raises:
        InvalidInputError: No such column, no row with a path and a label, or a fold or group in
            some rows only.
        CorruptFileError: It cannot be read to its end.
    """
    rows = read_table(table, f"{noun(modality)}s and labels")
    path = require_column(rows, table, f"{noun(modality)}s", (*PATH_NAMES, *IMAGE_NAMES))
    label = require_column(rows, table, "labels", LABEL_NAMES)
    names = list_columns(rows)
    columns = path, label, find_name(names, FOLD_NAMES), find_name(names, GROUP_NAMES)
    labelled: list[tuple[str, ...]] = []
    skipped: list[Skipped] = []
    for number, row in enumerate(rows, 1):
        values = [row.get(name) if name else None for name in columns]
        cells = tuple("" if value is None else str(value).strip() for value in values)
        if cells[0] and cells[1]:
            labelled.append(cells)
        else:
            lacks = "path" if not cells[0] else "label"
            skipped.append(Skipped(cells[0] or f"{table.name}, record {number}", f"no {lacks}"))
    if not labelled:
        raise InvalidInputError(f"{table} has no row with a path and a label. Give some.")
    paths, labels, folds, groups = zip(*labelled, strict=True)
    folds = _check_complete(folds, table, "fold")
    groups = _check_complete(groups, table, "group")
    items = tuple(table.parent / name for name in paths)
    return Labelled(items, labels, tuple(skipped), modality, folds, groups)


def _check_complete(values: tuple[str, ...], table: Path, what: str) -> tuple[str, ...]:
    """Return the values, () if no row has one, or refuse a table in which only some have one."""
    if not any(values):
        return ()
    if not all(values):
        raise InvalidInputError(
            f"{table}: {values.count('')} of {len(values)} rows have no {what}. Complete or remove "
            "them."
        )
    return values
