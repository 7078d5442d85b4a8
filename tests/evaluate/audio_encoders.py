"""An encoder of "recordings" whose vectors a test sets: items are names."""

from __future__ import annotations

import numpy as np

from sememe.encoders.receipt import Encoded, Receipt


class SetRows:
    """Encodes an item as the row that a table has for it; what it lacks cannot be read."""

    modality = "audio"
    space = "set"
    name = "set"

    def __init__(self, rows):
        self.rows = {name: np.asarray(row, np.float32) for name, row in rows.items()}
        self.dim = len(next(iter(self.rows.values())))

    def encode_with_receipt(self, items, *, batch_size=None, show_progress=False):
        none = np.full(self.dim, np.nan, np.float32)
        found = np.stack([self.rows.get(item, none) for item in items])
        failed = {i: "damaged" for i, item in enumerate(items) if item not in self.rows}
        return Encoded(found, Receipt(items=len(items), failed=failed))

    def encode(self, items, *, batch_size=None, show_progress=False):
        return self.encode_with_receipt(items).vectors
