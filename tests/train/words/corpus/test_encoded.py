"""What is no corpus, or another one when it is read again; and words that are known already."""

from __future__ import annotations

import gzip
from contextlib import contextmanager

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.train.words.corpus import counting
from sememe.train.words.corpus import disk_counts as spill
from sememe.train.words.corpus import reader as reading
from sememe.train.words.corpus.encoded import encode_corpus
from sememe.train.words.corpus.phrases import Phrases
from sememe.train.words.corpus.reader import open_corpus
from sememe.train.words.corpus.vocabulary import build_vocabulary
from tests.train.words.corpus.test_corpus import both


class Shrinking:
    """Gives one sentence less each time."""

    def __init__(self):
        self.left = 5

    def __iter__(self):
        self.left -= 1
        return iter([["a", "b"]] * self.left)


def test_a_corpus_that_changes(tmp_path):
    with pytest.raises(InvalidInputError, match="held 8 words .* and 6 when read again"):
        both(Shrinking(), tmp_path, min_count=1)


class Cycling:
    """Gives the next of some lists of sentences each time."""

    def __init__(self, *passes):
        self.passes = list(passes)

    def __iter__(self):
        self.passes.append(self.passes.pop(0))
        return iter(self.passes[-1])


def test_a_corpus_of_as_many_other_words(tmp_path):
    other = Cycling([["a", "b"], ["a", "c"]], [["a", "b"], ["b", "c"]])
    with pytest.raises(InvalidInputError, match="held 4 words .* and as many others when read ag"):
        both(other, tmp_path, min_count=1)
    shuffled = Cycling([["a", "b"], ["a", "c"]], [["c", "a"], ["b", "a"]])
    assert both(shuffled, tmp_path, min_count=1)[1].n_kept == 4  # another order is no harm


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("name", ["text.txt", "text.gz"])
def test_bars_tell_how_much_of_a_file_is_read(name, apart, tmp_path, monkeypatch):
    """3.2 MB in pieces of a little more than 1 MB; what is packed has no length beforehand."""
    bars = bars_of(monkeypatch)
    monkeypatch.setattr(reading.TextCorpus, "is_large", apart)
    data = b"some words of a line\n" * 152_000
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name == "text.gz" else data)
    corpus = open_corpus(path)
    words = build_vocabulary(corpus, show_progress=True)
    encode_corpus(corpus, words, tmp_path, show_progress=True)
    Phrases().fit(path, show_progress=True)
    total = None if name == "text.gz" else 3
    names = ["counting words", "numbering words", "counting words", "counting pairs"]
    assert bars == [(what, total, [(1, "MB"), (2, "MB"), (3, "MB"), (3, "MB")]) for what in names]


def test_bars_tell_how_many_sentences_are_read(tmp_path, monkeypatch):
    bars = bars_of(monkeypatch)
    monkeypatch.setattr(reading, "PIECE_TOKENS", 5)
    build_vocabulary([["a", "b"]] * 5, min_count=1, show_progress=True)
    build_vocabulary(Cycling([["a", "b"]] * 5), min_count=1)
    steps = [(2, "sentences"), (4, "sentences"), (5, "sentences")]
    assert bars == [("counting words", 5, steps)]  # none where none is wanted


def bars_of(monkeypatch):
    """Return where the bars that are shown are kept, as (what, total, steps)."""
    bars = []

    @contextmanager
    def progress(what, *, total, show):
        steps = []
        yield lambda done, note="": steps.append((done, note))
        bars.extend([(what, total, steps)] * show)

    monkeypatch.setattr(reading, "progress", progress)
    return bars


@pytest.mark.parametrize("spilled", [False, True])
def test_known_words_are_kept_however_rare_and_leave_less_room(spilled, monkeypatch):
    """d and e are known; of a 4, b 3, c 3, x 1 there is room for max_vocab - 2."""
    if spilled:
        monkeypatch.setattr(counting, "MAX_DISTINCT", 2)
        for module in (counting, spill):
            monkeypatch.setattr(module, "ROWS", 1)
        monkeypatch.setattr(reading, "PIECE_TOKENS", 1)
    text = [["a", "b", "c"]] * 3 + [["a"], ["d"], ["x"]]
    for most, keys, left in [
        (None, "abcd", 0), (5, "abcd", 0), (4, "abd", 1), (3, "ad", 2), (2, "d", 3), (1, "d", 3),
    ]:  # fmt: skip
        corpus = open_corpus(text)
        found = build_vocabulary(corpus, min_count=3, max_vocab=most, known=["d", "e"])
        assert "".join(found.keys) == keys
        assert corpus.notes == (
            [f"{left} new words were left out: max_vocab has no room for them"] if left else []
        )


@pytest.mark.parametrize(
    ("corpus", "match"),
    [
        ((s for s in [["a"]]), r"generator, which can be read only once.*Give a path"),
        (iter([["a"]]), "list_iterator"),
        (7, "corpus is a int"),
        (["the cat sat"], r"sentence 0 of the corpus is a str \('the cat sat'\).*text.split"),
        ([["a"], 5], "sentence 1 of the corpus is a int"),
        ([["a"], [1]], "token 1 is a int"),
        ([["a"], [b"b"]], "token b'b' is a bytes"),
        ([["a", None]], "a token is None"),
        ([["a", ["b"]]], "token .* is a list"),
        ([], "no words"),
        ([[], [""]], "no words"),
        ([["a", "a", "b"]], "no word occurs 5 times: the most frequent occurs 2.*min_count=2"),
        ("no such file", "there is no such file"),
    ],
)
def test_what_is_no_corpus(corpus, match):
    with pytest.raises(InvalidInputError, match=match):
        build_vocabulary(corpus)


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("empty.txt", b"", "the file is empty"),
        ("blank.txt", b" \n\n", "no words"),
        ("marks.txt", b"... --- !!!\n", "no words"),
        (
            "cp949.txt",
            "나는 학교에 갔다. 고양이가 잔다.\n".encode("cp949") * 9,
            "cp949, not UTF-8.*iconv",
        ),
        ("wide.txt", "the cat sat\n".encode("utf-16"), "utf-16, not UTF-8"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 20, "binary"),
    ],
)
def test_files_that_are_no_corpus(tmp_path, name, data, match):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match=match):
        build_vocabulary(path)


def test_broken_files(tmp_path):
    with pytest.raises(InvalidInputError, match="a folder, not a file"):
        build_vocabulary(tmp_path)
    rng = np.random.default_rng(0)
    packed = gzip.compress(" ".join(map(str, rng.integers(0, 10**9, 50_000))).encode())
    path = tmp_path / "cut.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(CorruptFileError, match="cut-off gzip"):
        build_vocabulary(path)


@pytest.mark.parametrize("option", [{"min_count": 0}, {"workers": 0}, {"max_vocab": -1}])
def test_bad_options(option):
    with pytest.raises(InvalidInputError, match="is below 1"):
        build_vocabulary([["a"]], **option)
    with pytest.raises(UnknownNameError):
        build_vocabulary([["a"]], tokens="letters")
