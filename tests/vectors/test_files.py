"""Vector files: what is written opens in gensim with equal values, and damage is named."""

from __future__ import annotations

import gc
import gzip

import numpy as np
import pytest

from sememe import (
    CorruptFileError,
    InvalidInputError,
    KeyedVectors,
    SubwordVectors,
    UnknownNameError,
)
from sememe.text.ngrams import Ngrams
from sememe.vectors.formats.registry import FORMATS

TEXTS = ["word2vec-text", "glove-text", "fasttext-vec"]
FLAT = [*TEXTS, "word2vec-binary"]


def same(ours, expected):
    assert list(ours.keys) == list(expected.keys)
    np.testing.assert_array_equal(ours.matrix, expected.matrix)


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("format", FLAT)
def test_what_is_written_is_read_again_and_recognised(vectors, tmp_path, format, ending):
    path = vectors.save(tmp_path / f"vectors.any{ending}", format=format)
    same(KeyedVectors.load(path), vectors)
    same(KeyedVectors.load(path, format=format), vectors)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes().startswith(b"\x1f\x8b") == bool(ending)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim's, below
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("format", FLAT)
def test_flat_files_open_in_gensim_with_equal_values(vectors, tmp_path, format, ending):
    from gensim.models import KeyedVectors as Gensim

    path = vectors.save(tmp_path / f"vectors{ending}", format=format)
    options = {"binary": format == "word2vec-binary", "no_header": format == "glove-text"}
    theirs = Gensim.load_word2vec_format(str(path), **options)
    gc.collect()  # it leaves a file open when there is no header
    assert theirs.index_to_key == list(vectors.keys)
    np.testing.assert_array_equal(theirs.vectors, vectors.matrix)


@pytest.mark.parametrize("binary", [True, False])
def test_files_of_gensim_are_read(vectors, tmp_path, binary):
    from gensim.models import KeyedVectors as Gensim

    theirs = Gensim(vectors.dim)
    theirs.add_vectors(list(vectors.keys), vectors.matrix)
    theirs.save_word2vec_format(str(tmp_path / "g"), binary=binary)
    same(KeyedVectors.load(tmp_path / "g"), vectors)


def test_the_original_tools_spaces_and_line_breaks_are_read(vectors, tmp_path):
    """word2vec.c ends each vector with a line break, fastText each line with a space."""
    rows = zip(vectors.keys, vectors.matrix, strict=True)
    data = b"10 12\n" + b"".join(k.encode() + b" " + row.tobytes() + b"\n" for k, row in rows)
    (tmp_path / "c.bin").write_bytes(data)
    same(KeyedVectors.load(tmp_path / "c.bin"), vectors)
    (tmp_path / "w.txt").write_bytes(b"2 2\r\na 1 2 \r\nb 3 4 \r\n\r\n\n")
    assert KeyedVectors.load(tmp_path / "w.txt")["b"].tolist() == [3, 4]
    (tmp_path / "840.txt").write_text("a 1 2\n. . . 3 4\nat x@y.z 5 6\n")
    assert list(KeyedVectors.load(tmp_path / "840.txt").keys) == ["a", ". . .", "at x@y.z"]


@pytest.mark.parametrize("format", ["glove-text", "word2vec-text"])
def test_tabs_separate_as_spaces_do(vectors, tmp_path, format):
    path = vectors.save(tmp_path / "v", format=format)
    path.write_bytes(path.read_bytes().replace(b" ", b"\t"))
    same(KeyedVectors.load(path), vectors)
    (tmp_path / "bad").write_text("a\t1\t2\nb\t3\n")
    with pytest.raises(CorruptFileError, match="line 2: got 1 numbers"):
        KeyedVectors.load(tmp_path / "bad")


def test_small_blocks_make_no_difference(vectors, tmp_path, monkeypatch):
    from sememe.vectors.formats import text_rows, word2vec_binary

    paths = [vectors.save(tmp_path / format, format=format) for format in FLAT]
    for size in (1, 7, 150):
        monkeypatch.setattr(text_rows, "_BLOCK", size)
        monkeypatch.setattr(word2vec_binary, "_BLOCK", size)
        for path, format in zip(paths, FLAT, strict=True):
            same(KeyedVectors.load(path, format=format), vectors)


@pytest.mark.parametrize("sizes", [(3, 6), (1, 2), (6, 7)])
def test_fasttext_bin_opens_in_gensim_with_equal_values(vectors, tmp_path, sizes):
    """Words without any n-gram too (6, 7), whose official vector is their own row alone."""
    from gensim.models.fasttext import load_facebook_vectors

    ngrams = np.random.default_rng(1).normal(size=(200, 12)).astype(np.float32)
    ours = SubwordVectors(
        vectors.keys, vectors.matrix, ngrams=ngrams, subwords=Ngrams(*sizes, 200),
        counts=vectors.counts,
    )  # fmt: skip
    path = ours.save(tmp_path / "m.bin")
    theirs = load_facebook_vectors(str(path))
    assert theirs.index_to_key == list(ours.keys)
    np.testing.assert_allclose(theirs.vectors, ours.matrix, atol=2e-6)
    np.testing.assert_allclose(theirs["unseenword"], ours["unseenword"], atol=1e-6)
    again = KeyedVectors.load(path)
    assert isinstance(again, SubwordVectors)
    assert again.subwords == ours.subwords
    np.testing.assert_allclose(again.matrix, ours.matrix, atol=1e-6)
    np.testing.assert_array_equal(again.ngrams, ours.ngrams)
    np.testing.assert_array_equal(again.counts, ours.counts)


def test_fasttext_bin_of_gensim_is_read(tmp_path):
    from gensim.models.fasttext import FastText, save_facebook_model

    sentences = [["강아지", "고양이", "cat"], ["cat", "dog", "강아지"]] * 5
    model = FastText(sentences, vector_size=8, min_count=1, bucket=300, epochs=1, workers=1)
    save_facebook_model(model, str(tmp_path / "g.bin"))
    ours = KeyedVectors.load(tmp_path / "g.bin")
    assert list(ours.keys) == model.wv.index_to_key
    np.testing.assert_allclose(ours.matrix, model.wv.vectors, atol=1e-6)
    np.testing.assert_allclose(ours["강아지풀"], model.wv["강아지풀"], atol=1e-6)


def test_the_end_mark_has_its_own_row_alone(tmp_path):
    """The official tool gives "</s>" no n-grams."""
    ngrams = np.ones((50, 2))
    shape = Ngrams(3, 6, 50)
    kv = SubwordVectors(["</s>", "a"], [[1, 2], [3, 4]], ngrams=ngrams, subwords=shape)
    path = kv.save(tmp_path / "m.bin")
    np.testing.assert_allclose(KeyedVectors.load(path).matrix, kv.matrix, atol=1e-6)
    assert np.array([1, 2], "<f4").tobytes() in path.read_bytes()


def text(*lines):
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (text("3 2", "a 1 2", "b 3 4"), "line 3: the header gives 3 vectors, .* after 2"),
        (text("1 2", "a 1 2", "b 3 4"), "line 3: the header gives 1 vectors, but another"),
        (text("2 2", "a 1 2", "b 3"), "line 3: got 1 numbers after the key, .* have 2"),
        (text("2 2", "a 1 2", "b 3 4 5"), "line 3: got 3 numbers"),
        (text("a 1 2", "b 3 4 5"), "line 2: got 3 numbers"),
        (text("2 2", "a 1 2", "b 3 nan"), "line 3: got 'nan', a vector holds finite float32"),
        (text("2 2", "a 1 2", "b 3 1e300"), "line 3: got '1e300'"),
        (text("2 2", "a 1 2", "b inf 4"), "line 3: got 'inf'"),
        (text("2 2", "a 1 2", "b 3 x"), "line 3: got 'x'"),
        (text("2 2", "a 1 2", "a 3 4"), "line 3: key 'a' was there before, as line 2"),
        (text("a 1 2", "b 1 2", "a 3 4"), "line 3: key 'a' was there before, as line 1"),
        ("2 2\na 1 2\ncafé 1 2\n".encode("latin-1"), r"line 3: the key 'caf\\xe9' is not UTF-8"),
        (text("9" * 5000 + " 2", "a 1 2"), "line 2: got 2 numbers|no format known|header is two"),
        (text("hello world", "b 3 4"), "begins with b'hello world'"),
        (b"\x93NUMPY\x01\x00v\x00{'descr'", "no format known here"),
        (b"2 2\na " + np.ones(2, "f4").tobytes() + b"b \0\0", "ends within vector 2"),
        (b"2 1\na " + b"\0\0\x80\x3f" + b"a " + b"\0\0\x80\x3f", "vector 2: key 'a' was there"),
        (b"1 1\na \0\0\x80\x3fb \0\0\x80\x3f", "byte 10: the header gives 1 vectors"),
        (b"1 1\na \0\0\xc0\x7f", "NaN"),
        (b"1 1\n\xff\xfe \0\0\x80\x3f", "byte 4: the key of vector 1"),
        (b"\x1f\x8b\x08\x00garbage", "compression is damaged|is empty"),
    ],
)
def test_damage_is_named(tmp_path, data, message):
    path = tmp_path / "v"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=message):
        KeyedVectors.load(path)


def test_a_truncated_gzip_is_named(vectors, tmp_path):
    path = vectors.save(tmp_path / "v.vec.gz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CorruptFileError, match="compression is damaged"):
        KeyedVectors.load(path)


def test_every_cut_of_a_bin_is_refused(subword_vectors, tmp_path):
    data = subword_vectors.save(tmp_path / "m.bin").read_bytes()
    end = len(data) - (17 + 10 * 12 * 4)  # the output matrix is not read
    for size in [*range(4, 400, 7), *range(400, end, 997), end - 1]:
        (tmp_path / "cut.bin").write_bytes(data[:size])
        with pytest.raises(CorruptFileError, match=r"byte \d+: "):
            KeyedVectors.load(tmp_path / "cut.bin")


def changed(data, at, value):
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (4, b"\x63\0\0\0", "version 99"),
        (8 + 7 * 4, b"\3\0\0\0", "supervised"),
        (8, b"\7\0\0\0", "the input matrix is"),
        (64 + 8, b"\1\0\0\0", "1 labels"),
        (64 + 20, b"\1\0\0\0\0\0\0\0", "pruned"),
    ],
)
def test_other_kinds_of_bin_are_refused(subword_vectors, tmp_path, at, value, message):
    path = subword_vectors.save(tmp_path / "m.bin")
    path.write_bytes(changed(path.read_bytes(), at, value))
    with pytest.raises(CorruptFileError, match=message):
        KeyedVectors.load(path)


@pytest.mark.parametrize(
    "key", ["two words", "tab\there", "line\nbreak", "", "half \ud800", "\ud800"]
)
@pytest.mark.parametrize("format", FLAT)
def test_keys_a_format_cannot_hold_are_refused_and_nothing_is_left(tmp_path, format, key):
    kv = KeyedVectors(["fine", key], [[1, 2], [3, 4]])
    with pytest.raises(InvalidInputError, match="in row 1 .*format='sememe'"):
        kv.save(tmp_path / "v", format=format)
    assert list(tmp_path.iterdir()) == []
    assert list(KeyedVectors.load(kv.save(tmp_path / "own")).keys) == ["fine", key]


def test_what_a_bin_cannot_say_is_refused(vectors, subword_vectors, tmp_path):
    jamo = SubwordVectors(
        vectors.keys, vectors.matrix, ngrams=subword_vectors.ngrams,
        subwords=Ngrams(3, 6, 200, hangul="jamo"),
    )  # fmt: skip
    with pytest.raises(InvalidInputError, match="over jamo.*format='sememe'"):
        jamo.save(tmp_path / "m.bin")
    with pytest.raises(InvalidInputError, match="no subwords.*fasttext-vec"):
        vectors.save(tmp_path / "m.bin", format="fasttext-bin")
    nul = KeyedVectors(["a\0b"], [[1.0]])
    with pytest.raises(InvalidInputError, match="NUL"):
        SubwordVectors(
            nul.keys, nul.matrix, ngrams=np.ones((9, 1)), subwords=Ngrams(buckets=9)
        ).save(tmp_path / "m.bin")
    assert list(tmp_path.iterdir()) == []


def test_formats_by_ending(vectors, subword_vectors, tmp_path):
    assert vectors.save(tmp_path / "folder").is_dir()
    assert vectors.save(tmp_path / "a.vec").read_bytes().startswith(b"10 12\nthe ")
    assert isinstance(KeyedVectors.load(subword_vectors.save(tmp_path / "b.bin")), SubwordVectors)
    assert vectors.save(tmp_path / "c.bin").stat().st_size < 700
    with pytest.raises(InvalidInputError, match=", ".join(FORMATS)):
        vectors.save(tmp_path / "d.txt")
    with pytest.raises(UnknownNameError, match="Did you mean 'glove-text'"):
        vectors.save(tmp_path / "d.txt", format="glove")
    with pytest.raises(UnknownNameError, match="glove-text"):
        KeyedVectors.load(tmp_path / "a.vec", format="glove")
    with pytest.raises(FileNotFoundError, match="no such file"):
        KeyedVectors.load(tmp_path / "nothing")
    with pytest.raises(InvalidInputError, match="no folder"):
        vectors.save(tmp_path / "no" / "a.vec")
    with pytest.raises(InvalidInputError, match="is a folder"):
        vectors.save(tmp_path / "folder", format="glove-text")
    with pytest.raises(InvalidInputError, match="is a file"):
        vectors.save(tmp_path / "a.vec", format="sememe")


def test_a_failed_write_leaves_the_old_file(vectors, tmp_path, monkeypatch):
    from sememe.vectors.formats import word2vec_text

    path = vectors.save(tmp_path / "a.vec")
    before = path.read_bytes()

    def broken(*_args, **_options):
        raise OSError("disk full")

    monkeypatch.setattr(word2vec_text, "write_rows", broken)
    with pytest.raises(OSError, match="disk full"):
        vectors.subset(["king"]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_gz_of_a_large_header_claim_takes_no_memory(tmp_path):
    (tmp_path / "v.gz").write_bytes(gzip.compress(b"900000000 1000\na 1 2\n"))
    with pytest.raises(CorruptFileError, match="line 2"):
        KeyedVectors.load(tmp_path / "v.gz")


@pytest.mark.parametrize("text", ["2 2\ncat 1 2\ndog 3 4\n", "cat 1 2\ndog 3 4\n"])
def test_a_byte_order_mark_is_nothing(tmp_path, text):
    path = tmp_path / "v.txt"
    path.write_text(text, encoding="utf-8-sig")
    assert list(KeyedVectors.load(path).keys) == ["cat", "dog"]


def test_a_path_says_where(vectors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (vectors.save, KeyedVectors.load):
        with pytest.raises(InvalidInputError, match="the path is empty"):
            call("")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidInputError, match="is a folder"):
        KeyedVectors.load(vectors.save("own"), format="glove-text")
