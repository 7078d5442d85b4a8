"""Format "sememe": a folder of memory-mapped arrays, which opens in no time at any size.

    sememe.json         format version, kind, sizes, n-gram parameters, provenance, sha256 of files
    matrix.npy          (n, dim) float32
    keys.bin            the concatenated UTF-8 of the keys
    key_offsets.npy     (n + 1,) int64, where each key begins
    key_hashes.npy      (n,) uint64, FNV-1a of each key, ascending
    key_rows.npy        (n,) int32, the row of each hash
    counts.npy          (n,) int64, if counts are known
    ngrams.npy          (buckets, dim) float32, if there are subwords

A trained model's folder holds these files and its own, and its parameters in sememe.json.

All files are written under temporary names before the first is renamed, and sememe.json is missing
during the renames. So no reader sees a mixture of old and new files, not even after a crash.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sememe._atomic import find_leftovers, write_atomically
from sememe._errors import CorruptFileError, InvalidInputError
from sememe._persistence import describe_file, made_by, read_json, refuse_other_kinds
from sememe.text.ngrams import Ngrams
from sememe.vectors.keys import MappedKeys, make_mapped_arrays
from sememe.vectors.record import StrPath, SubwordTable, VectorRecord

FILE = "sememe.json"
FORMAT = 2
_OF_KEYS = ("keys.bin", "key_offsets.npy", "key_hashes.npy", "key_rows.npy")
FILES = (FILE, "matrix.npy", *_OF_KEYS, "counts.npy", "ngrams.npy")
_ROWS = 65_536  # rows copied at once
_AGAIN = "Write the vectors again with KeyedVectors.save, or fetch the folder anew."


def write_vectors(
    folder: StrPath,
    vectors: VectorRecord,
    *,
    kind: str = "vectors",
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write vectors into a folder, created if necessary, and return it.

    Args:
        folder: Where to write. Other files in it are kept, vectors of the same kind replaced.
        vectors: What to write.
        kind: "vectors", or the kind of a model, such as "word2vec".
        facts: More entries of sememe.json: parameters, provenance, metrics; JSON values.

    Raises:
        InvalidInputError: `facts` uses a name of this format, or the folder holds something else:
            an index, or a trained model.
    """
    root = Path(folder)
    document = _make_document(vectors, kind)
    if clash := {"files", *document} & set(facts or {}):
        raise InvalidInputError(f"facts names {', '.join(sorted(clash))}; choose other names.")
    refuse_other_kinds(root, kind)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InvalidInputError(f"{root} is a file or is inside one. Name a folder.") from None
    files = {}
    with ExitStack() as stack:  # exits in reverse order: sememe.json is renamed last
        about = stack.enter_context(write_atomically(root / FILE))
        for name, array in _make_arrays(vectors).items():
            file = stack.enter_context(write_atomically(root / name))
            if name.endswith(".npy"):
                write_array(file, array)
            else:
                file.write(array.tobytes())
            file.flush()
            os.fsync(file.fileno())
            files[name] = describe_file(Path(file.name))
        document = {**document, **(facts or {}), "files": dict(sorted(files.items()))}
        about.write(json.dumps(document, ensure_ascii=False).encode())
        (root / FILE).unlink(missing_ok=True)
    return root


def write_array(file: IO[bytes], array: NDArray[Any]) -> None:
    """Write the bytes of np.save, which writes some columns of wider rows value by value."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        np.save(file, array, allow_pickle=False)
        return
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, header)
    for start in range(0, len(array), _ROWS):
        file.write(array[start : start + _ROWS].tobytes())


def _make_arrays(vectors: VectorRecord) -> dict[str, Any]:
    """Return the content of each file except sememe.json."""
    keys = make_mapped_arrays(vectors.keys)
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
        InvalidInputError: It is not a folder of vectors.
        CorruptFileError: Another version, or files that do not match sememe.json.
    """
    root = Path(folder)
    document = read_document(root)
    try:
        n, dim, _ = document["keys"], document["dim"], document["fingerprint"]
        files = {name: entry["bytes"] for name, entry in document["files"].items()}
        subwords = Ngrams(**document["subwords"]) if document.get("subwords") else None
    except (KeyError, TypeError, AttributeError, InvalidInputError) as error:
        raise CorruptFileError(f"{root / FILE} is damaged ({error!r}). {_AGAIN}") from error
    for name, size in files.items():
        _check_size(root / name, size)
    nothing = np.empty(0, np.uint8)
    blob = np.memmap(root / "keys.bin", np.uint8, "r") if files.get("keys.bin") else nothing
    offsets = _open_array(root / "key_offsets.npy", (n + 1,), "<i8")
    hashes = _open_array(root / "key_hashes.npy", (n,), "<u8")
    keys = MappedKeys(blob, offsets, hashes, _open_array(root / "key_rows.npy", (n,), "<i4"))
    if offsets[0] != 0 or offsets[-1] != len(blob):
        raise CorruptFileError(f"{root / 'key_offsets.npy'} does not fit keys.bin. {_AGAIN}")
    matrix = _open_array(root / "matrix.npy", (n, dim), "<f4")
    counts = _open_array(root / "counts.npy", (n,), "<i8") if "counts.npy" in files else None
    table = None
    if subwords is not None:
        ngrams = _open_array(root / "ngrams.npy", (subwords.buckets, dim), "<f4")
        table = SubwordTable(ngrams, subwords, spelling=bool(document.get("spelling")))
    if read_document(root) != document:
        raise CorruptFileError(f"{root} was written anew while it was opened. Open it again.")
    return VectorRecord(keys, matrix, counts, table, document["fingerprint"])


def verify_vectors(folder: StrPath) -> None:
    """Check every file of the vectors in a folder against its hash; CorruptFileError names one."""
    root = Path(folder)
    for name, entry in read_document(root)["files"].items():
        if (got := describe_file(root / name)) != entry:
            raise CorruptFileError(f"{root / name}: got {got}, {FILE} has {entry}. {_AGAIN}")


def read_document(folder: Path) -> dict[str, Any]:
    """Return sememe.json of a folder with vectors.

    Raises:
        InvalidInputError: There is none, or it is not of vectors.
        CorruptFileError: It cannot be read, or it is of another version.
    """
    path = folder / FILE
    document = read_json(path, missing=None)
    if document is None:
        if (folder / "matrix.npy").exists():
            raise CorruptFileError(
                f"{folder} lacks {FILE}: its vectors are being written just now, or their writing "
                "was broken off. Open it again; if that does not help, write them again."
            )
        refuse_interrupted_save(folder)
        raise InvalidInputError(
            f"{folder} holds no {FILE}, so no vectors that sememe wrote. Give the folder that "
            "KeyedVectors.save made, or the vector file itself."
        )
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


def refuse_interrupted_save(folder: Path) -> None:
    """Refuse a folder that a save left under a temporary name; CorruptFileError gives it."""
    if folder.exists():
        return
    for path in find_leftovers(folder):
        if (path / FILE).exists():
            raise CorruptFileError(
                f"{folder} is missing: a save was broken off, and {path} holds the complete model. "
                f"Type: mv {shlex.quote(str(path))} {shlex.quote(str(folder))}"
            )


def _make_document(vectors: VectorRecord, kind: str) -> dict[str, Any]:
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


def _check_size(path: Path, expected: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CorruptFileError(f"{path} is missing ({error.strerror}). {_AGAIN}") from error
    if size != expected:
        raise CorruptFileError(f"{path} has {size} bytes, {FILE} lists {expected}. {_AGAIN}")


def _open_array(path: Path, shape: tuple[int, ...], dtype: str) -> Any:
    """Memory-map an .npy file and check its shape and dtype."""
    try:
        array = np.load(path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{path} cannot be read: {error}. {_AGAIN}") from error
    if array.shape != shape or array.dtype.str != dtype or not array.flags.c_contiguous:
        raise CorruptFileError(
            f"{path} holds {array.shape} {array.dtype.str}, {FILE} has {shape} {dtype}. {_AGAIN}"
        )
    return array
