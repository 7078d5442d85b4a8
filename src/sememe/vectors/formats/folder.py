"""The own format: a folder that opens at once, however many vectors it holds.

    sememe.json         format version, kind, sizes, n-gram parameters, provenance, sha256 of files
    matrix.npy          (n, dim) float32
    keys.bin            the keys' UTF-8, one after the other
    key_offsets.npy     (n + 1,) int64, where each key begins
    key_hashes.npy      (n,) uint64, FNV-1a of each key, ascending
    key_rows.npy        (n,) int32, the row of each hash
    counts.npy          (n,) int64, where counts are known
    ngrams.npy          (buckets, dim) float32, where there are subwords

Arrays are memory-mapped: what is not asked for is not read. A model's folder may hold these files
beside its own, and its own facts in sememe.json.

Vectors written over others are all written before the first file changes its name; meanwhile there
is no sememe.json. So nobody opens a mixture, neither after a crash nor while it happens.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import made_by, noted, refuse_other_kinds
from sememe.text.ngrams import Ngrams
from sememe.vectors.atomic import beside, written
from sememe.vectors.keys import MappedKeys, mapped
from sememe.vectors.record import StrPath, SubwordTable, VectorRecord

FILE = "sememe.json"
FORMAT = 2
_OF_KEYS = ("keys.bin", "key_offsets.npy", "key_hashes.npy", "key_rows.npy")
FILES = (FILE, "matrix.npy", *_OF_KEYS, "counts.npy", "ngrams.npy")
_AGAIN = "Write the vectors again with KeyedVectors.save, or fetch the folder anew."


def write_vectors(
    folder: StrPath,
    vectors: VectorRecord,
    *,
    kind: str = "vectors",
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write vectors into a folder, made if need be, and return it.

    Args:
        folder: Where to. Other files in it are left alone, vectors of the same kind replaced.
        vectors: What to write.
        kind: "vectors", or a model's own word, such as "word2vec".
        facts: More for sememe.json: parameters, provenance, metrics. Values JSON can hold.

    Raises:
        InvalidInputError: `facts` uses a name that this format uses itself, or the folder holds
            something else: an index, or a model that can be trained on.
    """
    place = Path(folder)
    document = _document(vectors, kind)
    taken = {"files"} | set(document)
    if clash := taken & set(facts or {}):
        raise InvalidInputError(f"facts names {', '.join(sorted(clash))}; choose other names.")
    refuse_other_kinds(place, kind)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InvalidInputError(f"{place} is a file or lies beneath one. Name a folder.") from None
    arrays = _arrays_of(vectors)
    files = {}
    with ExitStack() as stack:  # ends from the last to the first: sememe.json takes its name last
        about = stack.enter_context(written(place / FILE))
        for name, array in arrays.items():
            file = stack.enter_context(written(place / name))
            if name.endswith(".npy"):
                np.save(file, array, allow_pickle=False)
            else:
                file.write(array.tobytes())
            file.flush()
            os.fsync(file.fileno())
            files[name] = noted(Path(file.name))
        document = {**document, **(facts or {}), "files": dict(sorted(files.items()))}
        about.write(json.dumps(document, ensure_ascii=False).encode())
        (place / FILE).unlink(missing_ok=True)
    return place


def _arrays_of(vectors: VectorRecord) -> dict[str, Any]:
    """Return what goes into each file but sememe.json."""
    keys = mapped(vectors.keys)
    arrays: dict[str, Any] = {
        "matrix.npy": vectors.matrix,
        "key_offsets.npy": keys["offsets"],
        "key_hashes.npy": keys["hashes"],
        "key_rows.npy": keys["rows"],
    }
    if vectors.counts is not None:
        arrays["counts.npy"] = vectors.counts
    if vectors.table is not None:
        arrays["ngrams.npy"] = vectors.table.ngrams
    return arrays | {"keys.bin": keys["blob"]}


def read_vectors(folder: StrPath) -> VectorRecord:
    """Open the vectors in a folder.

    The sizes of all files are checked; their hashes are for `verify_vectors`.

    Raises:
        InvalidInputError: It is no folder of vectors.
        CorruptFileError: Another version, or files that are not as sememe.json says.
    """
    place = Path(folder)
    document = read_document(place)
    try:
        n, dim, _ = document["keys"], document["dim"], document["fingerprint"]
        files = {name: entry["bytes"] for name, entry in document["files"].items()}
        subwords = Ngrams(**document["subwords"]) if document.get("subwords") else None
    except (KeyError, TypeError, AttributeError, InvalidInputError) as error:
        raise CorruptFileError(f"{place / FILE} is damaged ({error!r}). {_AGAIN}") from error
    for name, size in files.items():
        _check_size(place / name, size)
    blob = np.memmap(place / "keys.bin", np.uint8, "r") if files.get("keys.bin") else _NOTHING
    offsets = _array(place / "key_offsets.npy", (n + 1,), "<i8")
    keys = MappedKeys(
        blob,
        offsets,
        hashes=_array(place / "key_hashes.npy", (n,), "<u8"),
        rows=_array(place / "key_rows.npy", (n,), "<i4"),
    )
    if offsets[0] != 0 or offsets[-1] != len(blob):
        raise CorruptFileError(f"{place / 'key_offsets.npy'} does not fit keys.bin. {_AGAIN}")
    matrix = _array(place / "matrix.npy", (n, dim), "<f4")
    counts = _array(place / "counts.npy", (n,), "<i8") if "counts.npy" in files else None
    table = None
    if subwords is not None:
        ngrams = _array(place / "ngrams.npy", (subwords.buckets, dim), "<f4")
        table = SubwordTable(ngrams, subwords, spelling=bool(document.get("spelling")))
    if read_document(place) != document:
        raise CorruptFileError(f"{place} was written anew while it was opened. Open it again.")
    return VectorRecord(keys, matrix, counts, table, document["fingerprint"])


def verify_vectors(folder: StrPath) -> None:
    """Read every file of the vectors in a folder and compare it with its hash.

    Raises:
        CorruptFileError: One differs; says which.
    """
    place = Path(folder)
    for name, entry in read_document(place)["files"].items():
        if (got := noted(place / name)) != entry:
            raise CorruptFileError(f"{place / name}: got {got}, {FILE} says {entry}. {_AGAIN}")


def read_document(folder: Path) -> dict[str, Any]:
    """Return what sememe.json of a folder with vectors says.

    Raises:
        InvalidInputError: There is none, or it speaks of other things than vectors.
        CorruptFileError: It cannot be read, or it is of another version.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / "matrix.npy").exists():
            raise CorruptFileError(
                f"{folder} lacks {FILE}: its vectors are being written just now, or their writing "
                "was broken off. Open it again; if that does not help, write them again."
            ) from None
        refuse_broken_off(folder)
        raise InvalidInputError(
            f"{folder} holds no {FILE}, so no vectors that sememe wrote. Give the folder that "
            "KeyedVectors.save made, or the vector file itself."
        ) from None
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}. {_AGAIN}") from error
    if not isinstance(document, dict) or "vectors" not in document:
        kind = document.get("kind") if isinstance(document, dict) else None
        raise InvalidInputError(
            f"{path} is of kind {kind!r}, which holds no vectors. Give a folder of vectors."
        )
    if document["vectors"] != FORMAT:
        older = document["vectors"] == 1  # Korean n-grams were others
        cure = "Train or convert them anew" if older else "Run: pip install --upgrade sememe"
        raise CorruptFileError(
            f"{path}: its vectors are of format {document['vectors']}; this sememe reads format "
            f"{FORMAT}. {cure}"
        )
    return document


def refuse_broken_off(folder: Path) -> None:
    """Say where a complete model lies if the folder is missing because a save was broken off.

    Raises:
        CorruptFileError: So it is.
    """
    whole = [] if folder.exists() else [path for path in beside(folder) if (path / FILE).exists()]
    if whole:
        raise CorruptFileError(
            f"{folder} is missing: a save was broken off, and {whole[0]} holds the complete "
            f"model. Type: mv {shlex.quote(str(whole[0]))} {shlex.quote(str(folder))}"
        )


def holds_vectors(folder: Path) -> bool:
    """Say whether a folder's sememe.json speaks of vectors, of whatever version."""
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and "vectors" in document


def _document(vectors: VectorRecord, kind: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "vectors": FORMAT,
        "kind": kind,
        "keys": len(vectors),
        "dim": vectors.dim,
        "dtype": "float32",
        "fingerprint": vectors.fingerprint,
        "made_by": made_by(),
    }
    if vectors.table is not None:
        document["subwords"] = asdict(vectors.table.subwords)
        document["spelling"] = vectors.table.spelling
    return document


_NOTHING = np.empty(0, np.uint8)


def _check_size(path: Path, expected: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CorruptFileError(f"{path} is missing ({error.strerror}). {_AGAIN}") from error
    if size != expected:
        raise CorruptFileError(f"{path} has {size} bytes, {FILE} says {expected}. {_AGAIN}")


def _array(path: Path, shape: tuple[int, ...], dtype: str) -> Any:
    """Open an .npy file without reading it; its shape and dtype are known beforehand."""
    try:
        array = np.load(path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}. {_AGAIN}") from error
    if array.shape != shape or array.dtype.str != dtype or not array.flags.c_contiguous:
        raise CorruptFileError(
            f"{path} holds {array.shape} {array.dtype.str}, {FILE} says {shape} {dtype}. {_AGAIN}"
        )
    return array
