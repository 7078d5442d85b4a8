"""The own format: what goes in comes out, opens without being read, and damage is named."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import CorruptFileError, InvalidInputError, KeyedVectors, SubwordVectors
from sememe.text.ngrams import Ngrams
from sememe.vectors.formats import folder
from sememe.vectors.formats.folder import verify_vectors, write_vectors
from sememe.vectors.keys import ListKeys, MappedKeys, hash64, make_mapped_arrays
from tests.text.test_ngrams import ANYTHING


def of_arrays(keys):
    arrays = make_mapped_arrays(keys)
    return MappedKeys(
        arrays["blob"], arrays["offsets"], hashes=arrays["hashes"], rows=arrays["rows"]
    )


@settings(deadline=None)
@given(st.lists(ANYTHING, unique=True, max_size=20), st.lists(ANYTHING, max_size=5))
def test_mapped_keys_are_as_listed_ones(keys, others):
    plain, fast = ListKeys(keys), of_arrays(keys)
    assert list(fast) == keys
    assert [fast[i] for i in range(len(keys))] == keys
    assert fast[1:-1] == keys[1:-1]
    assert fast[::-2] == keys[::-2]
    for key in [*keys, *others, None, 3]:
        assert fast.find(key) == plain.find(key)
        assert (key in fast) == (key in plain)


def test_the_hash_is_fnv1a_of_64_bits():
    """(offset basis ^ 0x61) * prime, mod 2**64, for one byte."""
    assert hash64(b"a") == (0xCBF29CE484222325 ^ 0x61) * 0x100000001B3 % 2**64
    arrays = make_mapped_arrays(["b", "", "고양이"])
    for value, row in zip(arrays["hashes"].tolist(), arrays["rows"].tolist(), strict=True):
        assert value == hash64(["b", "", "고양이"][row].encode())


def test_keys_of_one_hash_are_told_apart():
    arrays = make_mapped_arrays(["a", "b"])
    arrays["hashes"][:] = hash64(b"b")
    keys = MappedKeys(
        arrays["blob"], arrays["offsets"], hashes=arrays["hashes"], rows=arrays["rows"]
    )
    assert keys.find("b") == 1
    with pytest.raises(IndexError):
        keys[2]
    assert keys[-1] == "b"


@pytest.mark.parametrize("kind", ["vectors", "subword_vectors"])
def test_round_trip(kind, request, tmp_path):
    kv = request.getfixturevalue(kind)
    folder = kv.save(tmp_path / "own")
    again = KeyedVectors.load(folder)
    assert type(again) is type(kv)
    assert list(again.keys) == list(kv.keys)
    np.testing.assert_array_equal(again.matrix, kv.matrix)
    np.testing.assert_array_equal(again.counts, kv.counts)
    assert again.most_similar("king") == kv.most_similar("king")
    assert again.fingerprint == kv.fingerprint
    verify_vectors(folder)
    base = again.matrix
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert base is not None  # memory-mapped, not read


def test_jamo_subwords_are_kept(vectors, tmp_path):
    shape = Ngrams(2, 5, 40, hangul="jamo")
    rows = np.random.default_rng(0).normal(size=(40, 12))
    kv = SubwordVectors(vectors.keys, vectors.matrix, ngrams=rows, subwords=shape)
    again = KeyedVectors.load(kv.save(tmp_path / "own"))
    assert again.subwords == shape
    assert again.counts is None
    np.testing.assert_array_equal(again["고양이들"], kv["고양이들"])


def test_nothing_makes_a_folder_too(tmp_path):
    empty = KeyedVectors([], np.empty((0, 3)))
    assert len(KeyedVectors.load(write_vectors(tmp_path / "none", empty.record))) == 0
    one = KeyedVectors([""], [[1.0]])
    assert "" in KeyedVectors.load(write_vectors(tmp_path / "one", one.record))


def test_a_model_keeps_its_own_facts_and_files_beside(vectors, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "output.npy").write_bytes(b"its own")
    facts = {"parameters": {"window": 5}}
    write_vectors(tmp_path / "model", vectors.record, kind="word2vec", facts=facts)
    document = json.loads((tmp_path / "model" / "sememe.json").read_text())
    assert (document["kind"], document["parameters"]) == ("word2vec", {"window": 5})
    assert list(KeyedVectors.load(tmp_path / "model")) == list(vectors)
    assert (tmp_path / "model" / "output.npy").read_bytes() == b"its own"
    with pytest.raises(InvalidInputError, match="dim"):
        write_vectors(tmp_path / "model", vectors.record, facts={"dim": 3})


def test_the_fingerprint_is_of_keys_and_values(vectors, subword_vectors):
    same = KeyedVectors(list(vectors.keys), vectors.matrix.copy())
    assert vectors.fingerprint == same.fingerprint
    matrix = vectors.matrix.copy()
    matrix[3, 3] += 1e-3
    others = [
        KeyedVectors(vectors.keys, matrix),
        KeyedVectors([*vectors.keys[:-1], "else"], vectors.matrix),
        subword_vectors,
        vectors.cut(11),
    ]
    prints = {vectors.fingerprint, *(other.fingerprint for other in others)}
    assert len(prints) == 5


def damaged(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("matrix.npy", lambda data: data[:-4], "matrix.npy has .* bytes, sememe.json lists"),
        ("keys.bin", lambda data: data + b"x", "keys.bin has"),
        ("matrix.npy", lambda data: b"\0" * len(data), "matrix.npy cannot be read"),
        ("sememe.json", lambda data: data[:-9], "sememe.json cannot be read"),
        ("sememe.json", lambda data: b"[]", "holds no vectors"),
        ("sememe.json", lambda data: b'{"kind": "index"}', "'index', which holds no vectors"),
        ("sememe.json", lambda data: data.replace(b'ors": 2', b'ors": 9'), "format 9.*upgrade"),
        ("sememe.json", lambda data: data.replace(b'ors": 2', b'ors": 1'), "format 1.*anew"),
        ("sememe.json", lambda data: data.replace(b'"dim": 12', b'"dim": 13'), "has \\(10, 13\\)"),
        ("sememe.json", lambda data: data.replace(b'"keys": 10', b'"keys": 11'), "\\(12,\\)"),
        ("sememe.json", lambda data: data.replace(b'"files"', b'"fails"'), "damaged"),
    ],
)  # fmt: skip
def test_damage_is_named(vectors, tmp_path, name, change, message):
    folder = vectors.save(tmp_path / "own")
    damaged(folder, name, change)
    with pytest.raises((CorruptFileError, InvalidInputError), match=message):
        KeyedVectors.load(folder)


def test_what_opening_does_not_see_verifying_does(vectors, tmp_path):
    folder = vectors.save(tmp_path / "own")
    damaged(folder, "matrix.npy", lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    KeyedVectors.load(folder)
    with pytest.raises(CorruptFileError, match=r"matrix\.npy"):
        verify_vectors(folder)


def test_a_missing_file_and_a_folder_of_something_else(vectors, tmp_path):
    folder = vectors.save(tmp_path / "own")
    (folder / "keys.bin").unlink()
    with pytest.raises(CorruptFileError, match=r"keys\.bin is missing"):
        KeyedVectors.load(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(InvalidInputError, match=r"holds no sememe\.json"):
        KeyedVectors.load(folder)


@pytest.mark.parametrize("found", [{"kind": "word2vec", "vectors": 1}, {"format": 3}])
def test_no_other_thing_is_overwritten(vectors, tmp_path, found):
    about = tmp_path / "sememe.json"
    about.write_text(json.dumps(found))
    with pytest.raises(InvalidInputError, match="Name another folder"):
        vectors.save(tmp_path)
    assert json.loads(about.read_text()) == found
    assert list(tmp_path.iterdir()) == [about]


def test_a_model_replaces_itself_and_plain_vectors(vectors, tmp_path):
    for _ in range(2):
        write_vectors(tmp_path, vectors.record, kind="word2vec", facts={"seed": 1})
    assert KeyedVectors.load(vectors.save(tmp_path / "plain")).fingerprint == vectors.fingerprint
    write_vectors(tmp_path / "plain", vectors.record, kind="word2vec")


def test_new_vectors_over_old_ones_are_never_a_mixture(vectors, tmp_path, monkeypatch):
    """The disk fails at each file in turn: the old vectors are whole, or nothing opens."""
    twice = KeyedVectors(vectors.keys, vectors.matrix * 2, counts=vectors.counts)
    for step in range(1, 15):  # 6 hashes, 7 renamings, and a round in which nothing fails
        folder = vectors.save(tmp_path / f"{step}")
        with monkeypatch.context() as patch:
            _fail_at(patch, step)
            try:
                twice.save(folder)
            except OSError:
                assert not list(folder.glob(".*"))
        try:
            KeyedVectors.load(folder)
        except CorruptFileError as error:
            assert "broken off" in str(error)
            continue
        verify_vectors(folder)
    assert KeyedVectors.load(folder).fingerprint == twice.fingerprint


def _fail_at(patch, step):
    """Let the given one of the renamings and of the file hashes fail."""
    from pathlib import Path

    from sememe.vectors.formats import folder as module

    left, replace, describe = [step], Path.replace, module.describe_file

    def counted(call):
        def done(*arguments):
            left[0] -= 1
            if left[0] == 0:
                raise OSError("no space left")
            return call(*arguments)

        return done

    patch.setattr(Path, "replace", counted(replace))
    patch.setattr(module, "describe_file", counted(describe))


def test_a_folder_written_while_it_is_opened_is_not_mixed(vectors, tmp_path, monkeypatch):
    from sememe.vectors.formats import folder as module

    folder = vectors.save(tmp_path / "v")
    twice = KeyedVectors(vectors.keys, vectors.matrix * 2, counts=vectors.counts)
    check = module._check_size

    def checked(path, expected):
        check(path, expected)
        if path.name == "matrix.npy":
            monkeypatch.undo()
            twice.save(folder)

    monkeypatch.setattr(module, "_check_size", checked)
    with pytest.raises(CorruptFileError, match="written anew"):
        KeyedVectors.load(folder)
    assert KeyedVectors.load(folder).fingerprint == twice.fingerprint


@pytest.mark.parametrize(
    "view", [np.s_[:], np.s_[:, :5], np.s_[:1, :5], np.s_[:0, :5], np.s_[:, 0], np.s_[::2, 1:]]
)
@pytest.mark.parametrize("turn", [np.asarray, np.transpose])
def test_arrays_have_the_bytes_of_numpy(view, turn, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_ROWS", 4)
    array = turn(np.arange(77, dtype=np.float32).reshape(11, 7)[view])
    with (tmp_path / "a.npy").open("wb") as file:
        folder.write_array(file, array)
    np.save(tmp_path / "b.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
