"""Tables of images and texts for both CLIP recipes: reading, splitting, measuring."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import numpy as np

from sememe._errors import InvalidInputError
from sememe.sources.datasets.image_text import ImageTexts, read_image_texts
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.evaluate.runners.image_retrieval import Retrieved
    from sememe.train.clip.report import ClipReport

METRIC = "recall@10"
T = TypeVar("T", bound="Table")


class Tables(NamedTuple):
    """Tables to train on and to evaluate on; None: a share of the first is held out.

    Attributes:
        data, evaluate: The tables.
        digests: Hashes of both by name, as facts of a run.
    """

    data: ImageTexts
    evaluate: ImageTexts | None
    digests: dict[str, str | None]


@dataclass(frozen=True, eq=False)
class Table:
    """A table; subclasses add its images and texts, decoded or encoded."""

    data: ImageTexts

    def part(self, mask: NDArray[np.bool_]) -> Self:
        """Return the same with some of the pairs, and without notes."""
        data, columns = self.data, tuple(np.array(self.data.columns, object)[mask].tolist())
        part = ImageTexts(data.images, data.texts, data.pairs[mask], columns, ())
        return replace(self, data=part)


def read_tables(
    data: str | Path | ImageTexts,
    evaluate: str | Path | ImageTexts | None,
    *,
    image_column: str | None,
    text_columns: Iterable[str],
) -> Tables:
    """Read tables that are given by path; see `read_image_texts`."""
    columns = tuple(text_columns)

    def read(table: str | Path | ImageTexts) -> ImageTexts:
        if isinstance(table, ImageTexts):
            return table
        return read_image_texts(Path(table), image_column=image_column, text_columns=columns)

    train, held = read(data), None if evaluate is None else read(evaluate)
    digest = None if held is None else digest_pairs(held)
    return Tables(train, held, {"data": digest_pairs(train), "evaluate": digest})


def drop_images(data: ImageTexts, reasons: dict[int, str]) -> ImageTexts:
    """Leave out unreadable images; raise InvalidInputError if none is left."""
    kept = data.without(reasons)
    if not len(kept.pairs):
        raise InvalidInputError(f"no image can be read: {'; '.join(kept.notes)}")
    return kept


def divide(table: T, held: T | None, *, share: float, seed: int) -> tuple[T, T, list[str]]:
    """Return what is trained on, what is held out, and notes on both tables.

    held: What is held out; None: a share of the groups of `table`.
    """
    notes = list(table.data.notes)
    if held is None:
        mask = hold_out_pairs(table.data.pairs[:, 2], share, seed)
        return table.part(~mask), table.part(mask), notes
    return table, held, [*notes, *(f"held out: {note}" for note in held.data.notes)]


def hold_out_pairs(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which pairs are held out, (p,): some groups, whole. groups: (p,)."""
    names = np.unique(groups)
    count = min(round(share * len(names)), len(names) - 1)
    return np.isin(groups, np.random.default_rng(seed).permutation(names)[:count])


def mean_recall(retrieved: Retrieved) -> float:
    """Return the mean of recall@10 of texts and of images, for the curve."""
    names = (f"text to image {METRIC}", f"image to text {METRIC}")
    return float(np.mean([retrieved.metrics[name] for name in names]))


def check_enough(pairs: NDArray[np.int64], notes: Sequence[str]) -> None:
    """Raise InvalidInputError if fewer than two pairs are left to train on."""
    if len(pairs) < 2:
        raise InvalidInputError(
            f"{len(pairs)} pairs are left to train on ({'; '.join(notes) or 'too few rows'}). "
            "Give a table with more images and texts"
        )


def digest_pairs(data: ImageTexts) -> str:
    """Return a hash of the pairs, the texts, and the paths, sizes and times of the images."""
    total = hashlib.sha256(data.pairs.tobytes())
    for path in data.images:
        status = path.stat()
        total.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
    for text in data.texts:
        total.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()


def make_card(title: str, report: ClipReport, settings: Mapping[str, Any]) -> str:
    """Return the card of a joint space of images and texts."""
    results = {name: f"{value:.4f}" for name, value in report.recalls.items()}
    chance = {f"{name}, shuffled pairs": f"{v:.4f}" for name, v in report.control.items()}
    code = 'texts, images = sememe.load("this-folder:text"), sememe.load("this-folder:image")'
    data = f"{report.n_pairs} pairs of {report.n_images} images and {report.n_texts} texts; "
    data += f"{report.n_held_out} pairs held out."
    sections = {
        "Use": ["```python", "import sememe", "", code, "```"],
        "Data": [data, "", *note_lines(report.notes)],
        "Results": table(results | chance | curve_rows(report.curve)),
        "Settings": table(settings),
    }
    head = {"tags": ["sememe", "clip", "zero-shot-image-classification"]}
    return model_card(title, head=head, sections=sections)
