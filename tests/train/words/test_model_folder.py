"""Models in folders: what going on needs is there and whole, or it is refused."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sememe._errors import CorruptFileError, InvalidInputError
from sememe.train.words.fasttext import FastText
from sememe.train.words.word2vec import Word2Vec
from sememe.vectors.keyed import KeyedVectors
from tests import forked

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


def whole(path):
    return {p.relative_to(path): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_what_is_no_place_for_a_model_is_refused_and_left_as_it_was(model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.md").write_text("mine")
    (tmp_path / "here" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deep")
    before = whole(tmp_path)
    for place, message in [
        (tmp_path / "file", "is a file"),
        (tmp_path / "file" / "model", "file is not a folder"),
        (tmp_path / "full", r"holds notes\.md, no part of a saved model"),
        (Path(), "the folder you work in"),
        (tmp_path / "here", "the folder you work in"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            model.save(place)
    assert whole(tmp_path) == before
    with pytest.raises(InvalidInputError, match="a file or is inside one"):
        model.vectors_.save(tmp_path / "file" / "vectors")


def go_on_killed(place, step):
    """Train a saved model further and save it where it was; die before renaming number `step`."""
    left, rename, replace = [step], Path.rename, Path.replace

    def dying(call):
        def done(*arguments):
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return call(*arguments)

        return done

    model = Word2Vec.load(place).partial_fit(CORPUS)
    Path.rename, Path.replace = dying(rename), dying(replace)
    model.save(place)


def test_a_kill_leaves_the_old_model_or_the_new_one(tmp_path):
    """The process dies before each renaming in turn: what is found is old or new, and whole."""
    place = tmp_path / "model"
    model = Word2Vec(**SMALL).fit(CORPUS)
    seen = set()
    for step in range(1, 13):  # 9 files, 2 folders, and a round in which nothing happens
        model.save(place)
        old = whole(place)
        done = forked.run(go_on_killed, place, step)
        if not place.exists():
            with pytest.raises(CorruptFileError, match="a save was broken off") as error:
                Word2Vec.load(place)
            with pytest.raises(CorruptFileError, match="a save was broken off"):
                KeyedVectors.load(place)
            subprocess.run(shlex.split(str(error.value).split("Type: ")[1]), check=True)
            seen.add("told")
        found = Word2Vec.load(place)
        assert found._read_trained()["outputs"].shape[0] == 4
        assert found.vectors_.fingerprint == Word2Vec.load(place).vectors_.fingerprint
        seen.add((done.returncode, "old" if whole(place) == old else "new"))
    assert seen == {(9, "old"), (9, "new"), (0, "new"), "told"}


def test_a_failed_save_leaves_the_old_model_and_nothing_else(model, tmp_path, monkeypatch):
    place = model.save(tmp_path / "model")
    before, rename = whole(tmp_path), Path.rename

    def failing(path, target):
        if path.name.startswith(".model.new"):
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no"):
        model.save(place)
    assert whole(tmp_path) == before


def test_the_state_of_a_model_saved_since_is_not_taken(model, tmp_path):
    folder = model.save(tmp_path / "model")
    loaded = type(model).load(folder)
    model.partial_fit(CORPUS).save(folder)
    with pytest.raises(CorruptFileError, match="another model than when it was loaded"):
        loaded.partial_fit(CORPUS)


@pytest.mark.parametrize("name", ["v.vec", "v.bin"])
def test_a_file_of_vectors_cannot_go_on(name, tmp_path):
    model = FastText(**SMALL, buckets=50, hangul="syllables").fit(CORPUS)
    path = model.vectors_.save(tmp_path / name)
    with pytest.raises(InvalidInputError, match="is a file.*train anew.*KeyedVectors.load"):
        type(model).load(path)
