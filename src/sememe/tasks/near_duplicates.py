"""Near-duplicate images or audio files of a folder, the most similar first, without an index.

    result = find_near_duplicates("clips/", sememe.load("mel-statistics"), threshold=0.95)
    result.pairs[0].first, result.pairs[0].second, result.pairs[0].score

Another compression of an audio file, another loudness or a slight cut mostly leaves the cosine of
mel-statistics above 0.95. Versions of one image are found by their structure, with
`sememe.load("image-structure")`; the vectors of other encoders are those of what is seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sememe._errors import InvalidInputError
from sememe._nouns import noun
from sememe._types import Encoder, Modality, Skipped
from sememe.encoders.base import as_encoder
from sememe.index.near_duplicates import SimilarPair, rank_similar_pairs
from sememe.sources.files import find_files
from sememe.sources.formats import format_of

_KINDS: tuple[Modality, ...] = ("audio", "image")


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Similar files of a folder.

    Attributes:
        pairs: The most similar first, by their paths within the folder.
        n: How many files were compared.
        skipped: Files of their kind that could not be read, and why.
    """

    pairs: tuple[SimilarPair, ...]
    n: int
    skipped: tuple[Skipped, ...]


def find_near_duplicates(
    folder: str | Path,
    encoder: Encoder,
    *,
    max_pairs: int = 100,
    threshold: float | None = None,
    show_progress: bool = False,
) -> NearDuplicates:
    """Compare all files that the encoder reads, in a folder and those in it, with each other.

    max_pairs: The most pairs; m copies make m(m-1)/2. threshold: The lowest score; by default 0.75
    of image-structure, a cosine of 0.95 of others.

    Raises:
        InvalidInputError: If there is no such folder, the encoder is for texts, or fewer than two
            files can be read.
    """
    if encoder.modality == "text":
        raise InvalidInputError(f"{encoder.name} encodes text; give an encoder of images or audio.")
    entries = list(find_files(Path(folder)))
    skipped = [entry for entry in entries if isinstance(entry, Skipped)]
    others = [entry for entry in entries if not isinstance(entry, Skipped)]
    files = [file for file in others if format_of(file.source)[0] == encoder.modality]
    paths = [file.path for file in files]
    done = as_encoder(encoder).encode_with_receipt(paths, show_progress=show_progress)
    failed = done.receipt.failed
    skipped += [Skipped(files[index].source, why) for index, why in sorted(failed.items())]
    kept = [index for index in range(len(files)) if index not in failed]
    if len(kept) < 2:
        kind = noun(encoder.modality)
        raise InvalidInputError(f"{folder} holds {len(kept)} {kind}s that can be read; give two.")
    names = [files[index].source for index in kept]
    pairs = rank_similar_pairs(
        names, done.vectors[kept], encoder.name, max_pairs=max_pairs, threshold=threshold
    )
    return NearDuplicates(tuple(pairs), len(kept), tuple(skipped))


def find_main_modality(folder: str | Path) -> Modality | None:
    """Return what most files of a folder are, "image" or "audio" (the first on a tie), or None."""
    files = (file for file in find_files(Path(folder)) if not isinstance(file, Skipped))
    counts = Counter(format_of(file.source)[0] for file in files)
    best = max(_KINDS, key=lambda kind: counts[kind])
    return best if counts[best] else None
