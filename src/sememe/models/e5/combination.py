"""Combine vectors of multilingual-e5-small and of USE to one, in which languages lie together.

    e = unit(e5 - mean - directions' share)         384, without what tells its language
    c = unit([e, use / 2])                          896: cosine 0.8 of the one, 0.2 of the other
    v = unit(c @ projection)                        512; of a query, unit(v - queries)

Vectors of multilingual-e5-small lie by language first: a Korean question finds Korean texts before
English ones that answer it. Half of the mean vector of all languages is subtracted, and then the
40 directions along which the means of languages differ most are removed. That needs no guess of a
text's language, which short ones make hard, and serves all of them alike. The projection is a
principal component analysis without centring, which keeps cosines.

Documents that mean nothing (hexadecimal digits, rules of dashes, lists of names) lie near the mean
of all queries, and so near each of them. From a query 0.6 of that mean is subtracted: what is left
tells it from other queries.

The numbers come with the package, made by `benchmarks/default_space.py`: means and directions from
messages of the web framework Django (BSD) in 75 languages, the projection from these, Korean film
reviews (NSMC, CC0) and docstrings of Python. Centring of languages as in Libovický et al. 2020
(arXiv:2004.05160), removal of directions as in Yang et al. 2021 (arXiv:2109.04727) and Xie et al.
2022 (arXiv:2401.05792).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from sememe._persistence import hash_file
from sememe._types import FloatArray
from sememe.vectors.nearest import unit

Role = Literal["text", "query", "document"]  # texts are compared with each other
WEIGHT = np.float32(0.25)  # of the second's cosine, the first's being 1
_FILE = Path(__file__).parent / "combination.npz"


@dataclass(frozen=True, eq=False, slots=True)
class Combination:
    """The numbers of a combination.

    Attributes:
        means: Role -> (dim,), subtracted from vectors of the first encoder.
        queries: (width,), subtracted from those of queries.
        directions: (n, dim) orthonormal rows, removed from them.
        projection: (dim + dim of the second, width).
        digest: Of the file, for fingerprints.
    """

    means: dict[Role, FloatArray]
    directions: FloatArray
    projection: FloatArray
    queries: FloatArray
    digest: str

    @property
    def dim(self) -> int:
        """Width of a combined vector."""
        return int(self.projection.shape[1])

    def combine(self, first: FloatArray, second: FloatArray, role: Role) -> FloatArray:
        """Return (n, width) unit rows for unit rows (n, dim) of each encoder."""
        rows = unit(stack(self.remove_language(first, role), second) @ self.projection)
        return unit(rows - self.queries) if role == "query" else rows

    def remove_language(self, rows: FloatArray, role: Role) -> FloatArray:
        """Return (n, dim) unit rows without what tells their language."""
        rows = rows - self.means[role]
        shares: FloatArray = rows @ self.directions.T
        return unit(rows - shares @ self.directions)


def stack(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return unit rows of both, side by side, whose cosine is the weighted mean of theirs."""
    both: FloatArray = np.concatenate([first, np.sqrt(WEIGHT) * second], axis=1)
    return unit(both)


@cache
def read_combination() -> Combination:
    """Read the numbers that come with the package."""
    with np.load(_FILE, allow_pickle=False) as file:
        arrays = {name: file[name].astype(np.float32) for name in file.files}
    means: dict[Role, FloatArray] = {
        "text": arrays["text"],
        "query": arrays["text"],
        "document": arrays["document"],
    }
    digest = hash_file(_FILE).hexdigest()[:16]
    return Combination(means, arrays["directions"], arrays["projection"], arrays["queries"], digest)
