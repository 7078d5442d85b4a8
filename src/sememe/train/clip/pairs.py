"""What both ways of CLIP share of a table of images and texts: reading, dividing, measuring."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from sememe._errors import InvalidInputError
from sememe.sources.datasets.image_text import ImageTexts, read_image_texts
from sememe.train.base.model_card import curve_rows, model_card, note_lines, table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sememe.evaluate.runners.image_retrieval import Retrieved
    from sememe.train.clip.report import ClipReport

FIGURE = "recall@10"
D = TypeVar("D", bound="Divisible")


class Tables(NamedTuple):
    """A table to train on, and one to evaluate on; None: a share of the first is held out.

    Attributes:
        data, evaluate: The tables.
        digests: What they hold, by the names of both, as a run's facts.
    """

    data: ImageTexts
    evaluate: ImageTexts | None
    digests: dict[str, str | None]


class Divisible(Protocol):
    """A table with what was made of its images and texts."""

    @property
    def data(self) -> ImageTexts:
        """The table."""
        ...

    def part(self, which: NDArray[np.bool_]) -> Self:
        """Return the same with some of the pairs."""
        ...


def read_tables(
    data: str | Path | ImageTexts,
    evaluate: str | Path | ImageTexts | None,
    *,
    image_column: str | None,
    text_columns: Iterable[str],
) -> Tables:
    """Read tables where they are given by their paths; see `read_image_texts`."""
    columns = tuple(text_columns)

    def read(given: str | Path | ImageTexts) -> ImageTexts:
        if isinstance(given, ImageTexts):
            return given
        return read_image_texts(Path(given), image_column=image_column, text_columns=columns)

    found, aside = read(data), None if evaluate is None else read(evaluate)
    digest = None if aside is None else pairs_digest(aside)
    return Tables(found, aside, {"data": pairs_digest(found), "evaluate": digest})


def divide(seen: D, held: D | None, *, share: float, seed: int) -> tuple[D, D, list[str]]:
    """Return what is trained on, what is held out, and notes on both tables.

    held: What is held out; None: a share of the groups of `seen`.
    """
    notes = list(seen.data.notes)
    if held is None:
        which = held_out_pairs(seen.data.pairs[:, 2], share, seed)
        return seen.part(~which), seen.part(which), notes
    return seen, held, [*notes, *(f"held out: {note}" for note in held.data.notes)]


def held_out_pairs(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return (p,) which pairs are held out: some groups, whole. groups: (p,)."""
    names = np.unique(groups)
    count = round(share * len(names)) if share else 0
    chosen = np.random.default_rng(seed).permutation(names)[: min(count, len(names) - 1)]
    return np.isin(groups, chosen)


def part(data: ImageTexts, which: NDArray[np.bool_]) -> ImageTexts:
    """Return the same table with some of its pairs, and without notes."""
    columns = tuple(np.array(data.columns, object)[which].tolist())
    return ImageTexts(data.images, data.texts, data.pairs[which], columns, ())


def figure(found: Retrieved) -> float:
    """Return the mean of recall@10 of texts and of images, for the curve."""
    ways = (f"text to image {FIGURE}", f"image to text {FIGURE}")
    return float(np.mean([found.metrics[way] for way in ways]))


def check_enough(pairs: NDArray[np.int64], notes: Sequence[str]) -> None:
    """Refuse to train on fewer than two pairs.

    Raises:
        InvalidInputError: So few are left.
    """
    if len(pairs) < 2:
        raise InvalidInputError(
            f"{len(pairs)} pairs are left to train on ({'; '.join(notes) or 'too few rows'}). "
            "Give a table with more images and texts"
        )


def pairs_digest(data: ImageTexts) -> str:
    """Return a hash of the pairs, the texts, and of which files the images are."""
    found = hashlib.sha256(data.pairs.tobytes())
    for path in data.images:
        status = path.stat()
        found.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
    for text in data.texts:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()


def card(title: str, report: ClipReport, settings: Mapping[str, Any]) -> str:
    """Return the card of a space that images and texts share."""
    results = {name: f"{value:.4f}" for name, value in report.recalls.items()}
    chance = {f"{name}, dealt to others": f"{v:.4f}" for name, v in report.control.items()}
    return model_card(
        title,
        head={"tags": ["sememe", "clip", "zero-shot-image-classification"]},
        sections={
            "Use": [
                "```python",
                "import sememe",
                "",
                'texts, images = sememe.load("this-folder:text"), sememe.load("this-folder:image")',
                "```",
            ],
            "Data": [
                f"{report.n_pairs} pairs of {report.n_images} images and {report.n_texts} texts; "
                f"{report.n_held_out} pairs held out.",
                "",
                *note_lines(report.notes),
            ],
            "Results": table(results | chance | curve_rows(report.curve)),
            "Settings": table(settings),
        },
    )
