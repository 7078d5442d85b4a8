"""Pictures or recordings of a folder that are alike, near-duplicates first, without an index.

    found = alike_files("recordings/", sememe.load("mel-statistics"), threshold=0.95)
    found.pairs[0].first, found.pairs[0].second, found.pairs[0].score

Another compression of a recording, another loudness or a slight cut leaves the cosine of
mel-statistics above 0.95, mostly; so does another size or quality of a picture.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._types import Modality, Skipped
from sememe.encoders.base import as_encoder
from sememe.sources.files import find_files
from sememe.sources.formats import format_of

if TYPE_CHECKING:
    from sememe._types import Encoder

_KINDS: tuple[Modality, ...] = ("audio", "image")


class FilePair(NamedTuple):
    """Two files that are alike.

    Attributes:
        first, second: Their paths within the folder, in order.
        score: The cosine of their vectors, 1 for copies.
    """

    first: str
    second: str
    score: float


@dataclass(frozen=True, slots=True)
class AlikeFiles:
    """What `alike_files` found.

    Attributes:
        pairs: Most alike first.
        n: How many files were compared.
        skipped: What of their kind could not be read, and why.
    """

    pairs: tuple[FilePair, ...]
    n: int
    skipped: tuple[Skipped, ...]


def alike_files(
    folder: str | Path,
    encoder: Encoder,
    *,
    max_pairs: int = 100,
    threshold: float = 0.95,
    show_progress: bool = False,
) -> AlikeFiles:
    """Compare each file that the encoder reads, in a folder and those in it, with each other.

    max_pairs: The most pairs; m copies make m(m-1)/2. threshold: The lowest cosine.

    Raises:
        InvalidInputError: There is no such folder, the encoder is of texts, or fewer than two files
            can be read.
    """
    from sememe.space.pairs import similar_pairs

    what = f"{noun(encoder.modality)}s"
    if encoder.modality == "text":
        raise InvalidInputError(
            f"{encoder.name} encodes {encoder.modality}; give an encoder of pictures or recordings."
        )
    files, skipped = [], []
    for file in find_files(Path(folder)):
        if isinstance(file, Skipped):
            skipped.append(file)
        elif format_of(file.source)[0] == encoder.modality:
            files.append(file)
    paths = [file.path for file in files]
    done = as_encoder(encoder).encode_with_receipt(paths, show_progress=show_progress)
    vectors, failed = done.vectors, done.receipt.failed
    skipped += [Skipped(files[index].source, why) for index, why in sorted(failed.items())]
    kept = [index for index in range(len(files)) if index not in failed]
    if len(kept) < 2:
        raise InvalidInputError(f"{folder} holds {len(kept)} {what} that can be read; give two.")
    found = similar_pairs(vectors[kept], max_pairs=max_pairs, threshold=threshold)
    names = [files[place].source for place in kept]
    pairs = (FilePair(names[one.first], names[one.second], float(one.score)) for one in found)
    return AlikeFiles(tuple(pairs), len(kept), tuple(skipped))


def most_common_kind(folder: str | Path) -> Modality | None:
    """Return what most files of a folder are: "image" or "audio", None where there are none.

    Of equally many it is "audio".
    """
    counts: Counter[str] = Counter()
    for file in find_files(Path(folder)):
        if not isinstance(file, Skipped):
            counts[format_of(file.source)[0]] += 1
    best = max(_KINDS, key=lambda kind: counts[kind])
    return best if counts[best] else None
