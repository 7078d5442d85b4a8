"""One Lance table on local disk: one commit is one acknowledged change.

Lance commits by writing a new manifest and linking it into place, so a reader gets the table before
a change or after it, never in between, and a process killed at any moment leaves one of the two. It
calls no fsync, though, so a power cut could take an acknowledged batch with it: `swap` syncs the
data before the commit and the manifest after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Addresses = NDArray[np.uint64]


class LanceTable:
    """A Lance dataset opened at one version.

    Attributes:
        path: The table's folder.
        dataset: The `lance.LanceDataset` at the version last opened; replaced by every commit and
            by `refresh`, so a reference to it keeps its version.
    """

    def __init__(self, path: Path, dataset: Any) -> None:
        self.path = path
        self.dataset = dataset

    @classmethod
    def create(cls, path: Path, schema: pa.Schema) -> Self:
        """Create an empty table; fails with OSError where one exists."""
        import lance

        table = cls(path, lance.write_dataset(schema.empty_table(), str(path), mode="create"))
        table._sync_commit()
        return table

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the newest version."""
        import lance

        return cls(path, lance.dataset(str(path)))

    @property
    def version(self) -> int:
        """The version in use."""
        return int(self.dataset.version)

    def refresh(self) -> bool:
        """Move to the newest version (0.05 ms where there is none); return whether it moved."""
        newest = self.dataset.latest_version
        if newest == self.dataset.version:
            return False
        self.dataset = self.dataset.checkout_version(newest)
        return True

    def swap(self, new: pa.Table | None, remove: Addresses | None = None) -> None:
        """Insert the rows of `new` and remove those at the addresses `remove`, in one commit.

        Atomic and durable when it returns. Addresses must come from this handle's version.
        """
        import lance
        from lance.fragment import write_fragments

        fresh = write_fragments(new, self.dataset) if new is not None and new.num_rows else []
        updated, gone = self._delete(remove)
        if not (fresh or updated or gone):
            return
        for fragment in fresh:
            _sync_files(*(self.path / "data" / file.path for file in fragment.files))
        for fragment in updated:
            _sync_files(self.path / fragment.deletion_file.path(fragment.id))
        operation = (
            lance.LanceOperation.Update(gone, updated, fresh)
            if updated or gone
            else lance.LanceOperation.Append(fresh)
        )
        version = self.dataset.version
        self.dataset = lance.LanceDataset.commit(self.dataset, operation, read_version=version)
        self._sync_commit()

    def scan(self, columns: Sequence[str], **options: Any) -> pa.Table:
        """Read columns, and `_rowaddr`, the address of each row. options: Of Lance's scanner."""
        scanner = self.dataset.scanner(columns=list(columns), with_row_address=True, **options)
        table: pa.Table = scanner.to_table()
        return table

    def find(self, column: str, values: Iterable[str]) -> Addresses:
        """Return the addresses of the rows whose `column` is one of `values`."""
        import pyarrow.compute as pc

        return self.scan([], filter=pc.field(column).isin(list(values)))["_rowaddr"].to_numpy()

    def fetch(self, addresses: Addresses, columns: Sequence[str]) -> list[dict[str, Any]]:
        """Return rows by address, in the order given; KeyError where there is no such row."""
        scanned = self.scan(columns, filter=is_at(addresses)).to_pylist()
        rows = {row.pop("_rowaddr"): row for row in scanned}
        return [rows[address] for address in addresses.tolist()]

    def sync_all(self) -> None:
        """Flush every file of the table to disk, so that older versions may be deleted."""
        _sync_files(*(file for file in self.path.rglob("*") if file.is_file()))
        _sync_folders(*self.path.rglob("*"), self.path)

    def _delete(self, remove: Addresses | None) -> tuple[list[Any], list[int]]:
        """Mark rows as deleted in new files; return the fragments (updated, emptied)."""
        if remove is None or not len(remove):
            return [], []
        fragments = (remove >> np.uint64(32)).astype(np.int64)
        offsets = (remove & np.uint64(0xFFFFFFFF)).astype(np.int64)
        left = {
            fragment: self.dataset.get_fragment(fragment).delete_rows(
                offsets[fragments == fragment].tolist()
            )
            for fragment in np.unique(fragments).tolist()
        }
        gone = [fragment for fragment, updated in left.items() if updated is None]
        return [updated for updated in left.values() if updated is not None], gone

    def _sync_commit(self) -> None:
        versions = self.path / "_versions"
        _sync_files(versions / f"{2**64 - 1 - self.version:020d}.manifest")
        _sync_folders(self.path / "data", self.path / "_deletions", versions, self.path)


def is_at(addresses: Addresses) -> str:
    """Return the filter that passes the rows at some addresses."""
    return f"_rowaddr IN ({','.join(map(str, addresses.tolist()))})"


def _sync_files(*paths: Path) -> None:
    mode = os.O_RDWR if os.name == "nt" else os.O_RDONLY
    for path in paths:
        handle = os.open(path, mode)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sync_folders(*paths: Path) -> None:
    if os.name != "nt":  # Windows can neither open nor flush a folder
        _sync_files(*(path for path in paths if path.is_dir()))
