"""Models in folders: what going on needs is there and whole, or it is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.train.fasttext import FastText
from sememe.train.word2vec import Word2Vec

CORPUS = [["a", "b", "c", "d"]] * 20
SMALL = {"dim": 8, "min_count": 1, "epochs": 1, "subsample": 0, "workers": 1}


@pytest.fixture(params=[Word2Vec, FastText])
def model(request):
    more = {"buckets": 50} if request.param is FastText else {}
    return request.param(**SMALL, **more).fit(CORPUS)


def test_a_loaded_model_goes_on_as_the_one_in_memory(model, tmp_path):
    again = type(model).load(model.save(tmp_path / "model"))
    more = [["a", "new"]] * 5
    both = [m.partial_fit(more).vectors_.matrix.tobytes() for m in (model, again)]
    assert both[0] == both[1]
    assert again.report_.n_new == 1


@pytest.mark.parametrize("rows", [None, np.zeros((2, 8)), np.zeros((9, 8)), np.zeros((4, 9))])
def test_rows_that_are_missing_or_too_few_do_not_begin_anew(model, tmp_path, rows):
    path = model.save(tmp_path / "model") / "state" / "outputs.npy"
    path.unlink() if rows is None else np.save(path, rows.astype(np.float32))
    again = type(model).load(tmp_path / "model")
    with pytest.raises(CorruptFileError, match=r"outputs\.npy cannot be read"):
        again.partial_fit(CORPUS)


@pytest.mark.parametrize("loaded", [False, True])
def test_another_dim_is_refused(model, tmp_path, loaded):
    model = type(model).load(model.save(tmp_path / "model")) if loaded else model
    model.dim = 7
    with pytest.raises(InvalidInputError, match="no longer fit the rows"):
        model.partial_fit(CORPUS)


def test_other_buckets_are_refused():
    model = FastText(**SMALL, buckets=50).fit(CORPUS)
    model.buckets = 40
    with pytest.raises(InvalidInputError, match="no longer fit the rows"):
        model.partial_fit(CORPUS)


def test_numbers_of_numpy_are_stored_as_numbers(tmp_path):
    settings = {**SMALL, "dim": np.int64(8), "subsample": np.float32(0), "seed": np.uint64(3)}
    model = FastText(**settings, buckets=np.int64(50), min_n=np.int64(2))
    model.fit(CORPUS, checkpoint=tmp_path / "state", checkpoint_seconds=0, keep_checkpoint=True)
    folder = model.save(tmp_path / "model")
    kept = json.loads((folder / "sememe.json").read_text())["parameters"]
    assert (kept["dim"], kept["subsample"], kept["seed"], kept["buckets"]) == (8, 0, 3, 50)


def test_a_model_of_another_kind_is_left_whole(tmp_path):
    settings = {"dim": 4, "epochs": 1, "min_count": 1, "workers": 1}
    FastText(**settings, buckets=10).fit(CORPUS).save(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    word2vec = Word2Vec(**settings).fit(CORPUS)
    with pytest.raises(InvalidInputError, match="holds 'fasttext'"):
        word2vec.save(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
