"""The two passes over a corpus: by hand, against a plain loop and gensim, any form of corpus."""

from __future__ import annotations

import gzip
import lzma
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sememe import CorruptFileError, InvalidInputError
from sememe.text.words import separate, tokenize
from sememe.train.words import subprocess_call as apart
from sememe.train.words.corpus import counting
from sememe.train.words.corpus import disk_counts as spill
from sememe.train.words.corpus import encoded as encoding
from sememe.train.words.corpus import reader as reading
from sememe.train.words.corpus.encoded import END, encode_corpus
from sememe.train.words.corpus.reader import open_corpus
from sememe.train.words.corpus.vocabulary import build_vocabulary

WORDS = [
    "the",
    "cat",
    "sat",
    "don't",
    "고양이",
    "학교에",
    "naïve",
    "ΣΟΦΟΣ",
    "—",
    "a—b",
    "1,000",
    "’",
]


@pytest.fixture
def text(tmp_path):
    """A file of 3,000 lines with words of all kinds, the last without a line end."""
    rng = np.random.default_rng(0)
    made = np.array([*WORDS, *(f"w{i}" for i in range(2000))])
    share = 1 / np.arange(1, len(made) + 1)
    lines = [
        " ".join(rng.choice(made, size=rng.integers(0, 30), p=share / share.sum()))
        for _ in range(3000)
    ]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def plainly(sentences, min_count, max_sentence=10_000):
    """The same by the definition: keys, counts, numbers."""
    counts = Counter(word for sentence in sentences for word in sentence)
    keys = sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w))
    rows = {key: i for i, key in enumerate(keys)}
    numbers = []
    for sentence in sentences:
        for i in range(0, len(sentence), max_sentence):
            kept = [rows[w] for w in sentence[i : i + max_sentence] if w in rows]
            numbers += [*kept, END] if kept else []
    return keys, [counts[key] for key in keys], numbers


def both(corpus, folder, **options):
    tokens = options.pop("tokens", "words")
    workers = options.get("workers", 1)
    corpus = open_corpus(corpus, tokens=tokens)
    words = build_vocabulary(corpus, **options)
    folder.mkdir(exist_ok=True)
    return words, encode_corpus(corpus, words, folder, workers=workers)


def numbers_of(encoded):
    blocks = [encoded.read(i) for i in range(encoded.n_blocks)]
    return np.concatenate(blocks).tolist() if blocks else []


def check(corpus, sentences, folder, **options):
    words, encoded = both(corpus, folder, **options)
    keys, counts, numbers = plainly(sentences, options["min_count"])
    assert list(words.keys) == keys
    assert words.counts.tolist() == counts
    assert words.n_words == encoded.n_words == sum(map(len, sentences))
    assert words.n_distinct == len({w for s in sentences for w in s})
    assert numbers_of(encoded) == numbers
    assert encoded.n_kept == sum(counts)
    assert encoded.n_sentences == numbers.count(END)
    assert encoded.words.sum() == encoded.n_words
    return words, encoded


def test_by_hand(tmp_path):
    """a: 3, b: 2, the rest once: with min_count 2 the rows are a=0, b=1; the last list vanishes."""
    lists = [["a", "b", "a"], [], ["x", "b", "y", "a"], ["z"]]
    words, encoded = both(lists, tmp_path, min_count=2)
    assert (words.keys, words.counts.tolist()) == (("a", "b"), [3, 2])
    assert (words.n_words, words.n_sentences, words.n_distinct) == (8, 3, 5)
    assert words.numbers == {"a": 0, "b": 1}
    assert encoded.read(0).tolist() == [0, 1, 0, END, 1, 0, END]
    assert (encoded.n_words, encoded.n_kept, encoded.n_sentences) == (8, 5, 2)
    assert encoded.words[0] == 8


def test_blocks_by_hand(tmp_path, monkeypatch):
    """Every sentence closes a block; a dropped one counts for the block before it."""
    monkeypatch.setattr(encoding, "BLOCK", 1)
    _, encoded = both([["a", "b", "a"], [], ["x", "b", "y", "a"], ["z"]], tmp_path, min_count=2)
    assert encoded.starts.tolist() == [0, 4, 7]
    assert encoded.words[:2].tolist() == [3, 5]


def test_a_byte_order_mark_is_no_word(tmp_path):
    path = tmp_path / "bom.txt"
    path.write_bytes(b"\xef\xbb\xbfa \xef\xbb\xbf b\n")
    assert build_vocabulary(path, tokens="whitespace", min_count=1).keys == ("a", "b", "\ufeff")
    path.write_bytes(b"a\n")
    assert build_vocabulary(path, tokens="whitespace", min_count=1).keys == ("a",)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_file_is_read_as_a_plain_loop_would(text, tmp_path, workers, monkeypatch):
    monkeypatch.setattr(reading, "PIECE_BYTES", 5000)
    monkeypatch.setattr(encoding, "BLOCK", 700)
    sentences = [tokenize(line) for line in text.read_text(encoding="utf-8").split("\n")]
    words, encoded = check(text, sentences, tmp_path / "out", min_count=3, workers=workers)
    lines = text.read_bytes().split(b"\n")
    assert words.n_sentences == sum(bool(separate(line, "words").split()) for line in lines)
    assert encoded.n_blocks > 10
    for block in range(encoded.n_blocks):
        numbers = encoded.read(block)
        assert numbers[-1] == END
        assert 700 <= len(numbers) < 740 or block == encoded.n_blocks - 1


def test_whitespace_counts_as_gensim(text, tmp_path):
    from gensim.models import Word2Vec
    from gensim.models.word2vec import LineSentence

    model = Word2Vec(min_count=3)
    model.build_vocab(LineSentence(str(text)))
    sentences = list(LineSentence(str(text)))
    words, _ = check(text, sentences, tmp_path / "out", min_count=3, tokens="whitespace")
    theirs = {key: model.wv.get_vecattr(key, "count") for key in model.wv.index_to_key}
    assert dict(zip(words.keys, words.counts.tolist(), strict=True)) == theirs
    assert words.n_words == model.corpus_total_words


def test_any_form_of_corpus_gives_the_same(text, tmp_path):
    data = text.read_bytes()
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(data))
    (tmp_path / "text.xz").write_bytes(lzma.compress(data))
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbf" + data)
    (tmp_path / "crlf.txt").write_bytes(data.replace(b"\n", b"\r\n"))
    lists = [tokenize(line) for line in data.decode().split("\n")]
    forms = [text, str(text), *(tmp_path / n for n in ("text.txt.gz", "text.xz", "bom.txt"))]
    forms += [tmp_path / "crlf.txt", lists, tuple(lists), np.array(lists, dtype=object)]
    marks = {both(form, tmp_path / "out", min_count=2)[1].fingerprint for form in forms}
    assert len(marks) == 1
    assert both(text, tmp_path / "out", min_count=3)[1].fingerprint not in marks


def test_the_fingerprint_tells_the_order_of_sentences(tmp_path):
    first = both([["a", "b"], ["c"]], tmp_path, min_count=1)[1]
    other = both([["c"], ["a", "b"]], tmp_path, min_count=1)[1]
    assert first.fingerprint != other.fingerprint


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.text(max_size=3), max_size=6), min_size=1, max_size=8),
    st.integers(1, 3),
)
def test_any_token_lists(tmp_path_factory, lists, min_count):
    sentences = [[token for token in tokens if token] for tokens in lists]
    counts = Counter(token for tokens in sentences for token in tokens)
    folder = tmp_path_factory.mktemp("lists")
    if max(counts.values(), default=0) < min_count:
        with pytest.raises(InvalidInputError):
            build_vocabulary(lists, min_count=min_count)
    else:
        check(lists, sentences, folder, min_count=min_count)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.sampled_from(["words", "whitespace"]))
def test_any_text(tmp_path_factory, made, tokens):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    text = made.replace("\0", " ").replace("\ufeff", " ") + "\nend"
    path.write_text(text, encoding="utf-8", newline="\n")
    cut = tokenize if tokens == "words" else str.split
    try:
        corpus = open_corpus(path, tokens=tokens)
    except InvalidInputError as error:
        assert "binary" in str(error)
        return
    check(corpus, [cut(line) for line in text.split("\n")], path.parent, min_count=1)


def test_long_lines_are_cut(tmp_path, monkeypatch):
    """25,000 words, every tenth unknown: sentences of 10,000, 10,000 and 5,000 words."""
    words = [("rare" + str(i)) if i % 10 == 5 else "w" for i in range(25_000)]
    path = tmp_path / "long.txt"
    path.write_text("short w\n" + " ".join(words) + "\n w w\n")
    for corpus in (path, [["short", "w"], words, ["w", "w"]]):
        numbers = numbers_of(both(corpus, tmp_path, min_count=5)[1])
        ends = np.flatnonzero(np.array(numbers) == END)
        assert np.diff(ends, prepend=-1).tolist() == [2, 9001, 9001, 4501, 3]


def test_a_line_longer_than_a_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PIECE_BYTES", 1000)
    monkeypatch.setattr(reading, "_CUT_BYTES", 100)
    path = tmp_path / "line.txt"
    path.write_text("한글 word " * 2000, encoding="utf-8")
    words, encoded = both(path, tmp_path, min_count=1)
    assert dict(zip(words.keys, words.counts.tolist(), strict=True)) == {"word": 2000, "한글": 2000}
    assert encoded.n_kept == 4000
    path.write_text("한" * 4000, encoding="utf-8")  # nowhere to cut but between characters
    words, _ = both(path, tmp_path, min_count=1)
    assert set("".join(words.keys)) == {"한"}
    assert sum(len(k) * n for k, n in zip(words.keys, words.counts, strict=True)) == 4000


def test_counts_on_disk_are_those_in_memory(text, tmp_path, monkeypatch):
    in_memory = both(text, tmp_path / "out", min_count=2)
    monkeypatch.setattr(reading, "PIECE_BYTES", 3000)
    monkeypatch.setattr(counting, "MAX_DISTINCT", 200)
    for module in (counting, spill):
        monkeypatch.setattr(module, "ROWS", 100)
    spilled = []
    add = spill.Spill.add
    monkeypatch.setattr(
        spill.Spill, "add", lambda self, c: spilled.append(len(c[0])) or add(self, c)
    )
    on_disk = both(text, tmp_path / "out", min_count=2, workers=2)
    assert len(spilled) > 5
    assert on_disk[0].keys == in_memory[0].keys
    assert on_disk[0].n_distinct == in_memory[0].n_distinct
    assert on_disk[1].fingerprint == in_memory[1].fingerprint


def test_a_process_of_its_own_gives_the_same(text, tmp_path, monkeypatch):
    here = both(text, tmp_path / "out", min_count=2)
    calls = []
    call = apart.call
    monkeypatch.setattr(
        reading, "call", lambda *a: calls.append((a[1], a[2]["function"])) or call(*a)
    )
    monkeypatch.setattr(reading.TextCorpus, "is_large", True)
    there = both(text, tmp_path / "out", min_count=2, workers=2)
    assert calls == [("read_file", "count_words"), ("read_file", "write_ids")]
    assert there[0].keys == here[0].keys
    assert there[1].fingerprint == here[1].fingerprint
    with pytest.raises(InvalidInputError, match="Type: min_count="):
        build_vocabulary(text, min_count=10**6)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["corpus.i32"]


def test_an_unguarded_script_and_a_pipe_may_train(text, tmp_path):
    code = "from sememe.train.words.corpus.reader import TextCorpus\nTextCorpus.is_large = True\n"
    code += "from sememe.train.words.corpus.vocabulary import build_vocabulary\n"
    code += f"print(len(build_vocabulary({str(text)!r}, workers=2)))\n"
    script = tmp_path / "script.py"
    script.write_text(code)
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the user')")
    expected = f"{len(build_vocabulary(text))}\n"
    for argv, given_code in (([str(script)], ""), (["-"], code)):
        done = subprocess.run(
            [sys.executable, "-P", *argv],
            input=given_code, capture_output=True, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (expected, "")


def test_a_process_that_dies_is_an_error():
    with pytest.raises(RuntimeError, match="ended with code 7"):
        apart.call("os", "_exit", {"status": 7})
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        apart.call("tests.train.words.corpus.test_corpus", "_divide", {})


def _divide():
    return 1 / 0


def test_max_vocab_keeps_the_most_frequent(text):
    everything = build_vocabulary(text, min_count=1)
    some = build_vocabulary(text, min_count=1, max_vocab=40)
    assert some.keys == everything.keys[:40]
    assert some.n_words == everything.n_words


def test_bytes_that_are_no_utf8_are_counted(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(("a word of some text, " * 99).encode() + b"caf\xe9 \xff\xc3 \xef\xbf\xbd end")
    for tokens, keys in (
        ("words", {"caf"}),
        ("whitespace", {"caf\ufffd", "\ufffd\ufffd", "\ufffd"}),
    ):
        corpus = open_corpus(path, tokens=tokens)
        words = build_vocabulary(corpus, min_count=1)
        assert corpus.notes == ["3 characters were not UTF-8 and were replaced by U+FFFD"]
        assert keys < set(words.keys)


def test_empty_tokens_are_counted():
    corpus = open_corpus([["a", "", "b"], [""]])
    assert build_vocabulary(corpus, min_count=1).keys == ("a", "b")
    assert corpus.notes == ["2 empty tokens were left out"]


def test_lone_surrogates_do_not_break(tmp_path):
    words, encoded = both([["a\ud800", "b"]], tmp_path, min_count=1)
    assert set(words.keys) == {"a\ufffd", "b"}
    assert encoded.n_kept == 2


def test_an_array_of_words_is_a_corpus():
    found = build_vocabulary(np.array([["a", "b"], ["a", "c"]]), min_count=1)
    assert dict(zip(found.keys, found.counts.tolist(), strict=True)) == {"a": 2, "b": 1, "c": 1}


def test_a_file_cut_off_later_is_noticed(text, tmp_path):
    _, encoded = both(text, tmp_path / "out", min_count=2)
    encoded.path.write_bytes(encoded.path.read_bytes()[:-8])
    with pytest.raises(CorruptFileError, match="cut off since"):
        encoded.read(encoded.n_blocks - 1)
