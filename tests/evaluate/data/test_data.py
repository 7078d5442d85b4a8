import gzip
import lzma

import pytest

from sememe._errors import (
    CorruptFileError,
    DuplicateIdError,
    InvalidInputError,
    UnknownNameError,
)
from sememe.evaluate import (
    find_aligned,
    read_aligned,
    read_beir,
    read_qrels,
    read_sts,
    read_word_pairs,
)

STSB = 'main\tMSRvid\t2012test\t0024\t{}\tA "girl".\tA boy\'s.'


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_lines_end_at_newlines_only(tmp_path):
    """U+2028, \\x85, \\x0b and a lone \\r stand inside a line; \\r\\n and a BOM do not."""
    odd = "a\u2028b\x85c\x0bd\re"
    source = write(tmp_path / "s", f"\ufeff{odd}\r\nzwei\n")
    target = write(tmp_path / "t", "one\ntwo")
    assert read_aligned(source, target) == [(odd, "one"), ("zwei", "two")]


def test_aligned_files_of_unequal_length_name_both_counts(tmp_path):
    source = write(tmp_path / "s", "a\nb\nc\n")
    target = write(tmp_path / "t", "a\n\nb\nc\n")
    with pytest.raises(InvalidInputError, match=r"3 lines and .*4; .*one side only is 2"):
        read_aligned(source, target)


def test_blank_lines_keep_the_alignment(tmp_path):
    source, target = write(tmp_path / "s", "a\n\nc\n"), write(tmp_path / "t", "x\ny\nz\n")
    assert read_aligned(source, target) == [("a", "x"), ("", "y"), ("c", "z")]


def test_find_aligned_follows_the_name_and_passes_notes_over(tmp_path):
    for name in ("kor-eng.eng", "kor-eng.kor", "README.txt", "_about.txt", ".hidden", "LICENSE"):
        write(tmp_path / name, "x\n")
    assert [path.name for path in find_aligned(tmp_path)] == ["kor-eng.kor", "kor-eng.eng"]
    write(tmp_path / "third.txt", "x\n")
    with pytest.raises(InvalidInputError, match=r"third\.txt; allowed: exactly two"):
        find_aligned(tmp_path)


@pytest.mark.parametrize(
    "table",
    [
        STSB.format("2.5") + "\textra\tcolumns\n",
        "genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2\n" + STSB.format("2.5") + "\r\n",
        'A "girl".\tA boy\'s.\t2.5\n',
        's1\ts2\tscore\nA "girl".\tA boy\'s.\t2.5',
        'satz 1\tsatz 2\twert\nA "girl".\tA boy\'s.\t2.5',
        'score\tsentence1\tsentence2\n2.5\tA "girl".\tA boy\'s.\n\n',
    ],
)
def test_sts_layouts(tmp_path, table):
    assert read_sts(write(tmp_path / "sts.csv", table)) == [('A "girl".', "A boy's.", 2.5)]


def test_an_open_quote_does_not_swallow_rows(tmp_path):
    path = write(tmp_path / "t", '"open\tb\t1\nc\td"\t2\n')
    assert read_sts(path) == [('"open', "b", 1), ("c", 'd"', 2)]


def test_sts_folder_takes_the_split(tmp_path):
    for split in ("dev", "test"):
        write(tmp_path / f"sts-{split}.tsv", f"a\tb\t{len(split)}\n")
    assert read_sts(tmp_path)[0].score == 4
    assert read_sts(tmp_path, split="dev")[0].score == 3
    with pytest.raises(InvalidInputError, match=r"holds sts-dev.tsv, sts-test.tsv; allowed"):
        read_sts(tmp_path, split="train")


def test_sts_of_commas_as_spreadsheets_write_it(tmp_path):
    table = 'sentence1,sentence2,score\n"a, b","say ""c""",2\n'
    assert read_sts(write(tmp_path / "sts.csv", table)) == [("a, b", 'say "c"', 2)]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("a\tb\t1\nc\td\n", r"line 2: got 2 columns; allowed: 3 or more, separated by tab"),
        ("a\tb\t1\nc\td\tx\n", r"line 2: got 'x' as score \(column 3\)"),
        ("a\tb\tnan\n", "line 1: got 'nan'"),
        ("a\tb\t1O\n", "line 1: got '1O'"),
        ("a\tb\t\n", "line 1: got ''"),
        (STSB.format("high") + "\n", r"line 1: got 'high' as score \(column 5\)"),
        ("a;b;1\n", "line 1: got 1 columns"),
        ("", "holds no pair"),
        ("s1\ts2\tscore\n", "holds no pair"),
        (b"a\tb\t1\n\xb0\tb\t1\n", "line 2: byte 0xb0 is not UTF-8"),
    ],
)
def test_bad_sts_rows_are_named(tmp_path, table, says):
    with pytest.raises(InvalidInputError, match=says):
        read_sts(write(tmp_path / "sts", table))


@pytest.mark.parametrize(
    "table",
    [
        "호랑이\t고양이\t7.35\n",
        "호랑이 고양이  7.35\n",
        "\ufeffword 1,word 2,kor_score\n호랑이,고양이,7.35\n",
        "# a comment\n\n호랑이, 고양이, 7.35\n# another\n",
        "word1\tword2\tPOS\tSimLex999\n호랑이\t고양이\tN\t7.35\n",
        "Word 1,Word 2,Human (mean)\r\n호랑이,고양이,7.35\r\n",
    ],
)
def test_word_pair_layouts(tmp_path, table):
    assert read_word_pairs(write(tmp_path / "w", table)) == [("호랑이", "고양이", 7.35)]


def beir(root, **changes):
    files = {
        "corpus.jsonl": '{"_id": "a", "title": "T", "text": "one"}\n{"_id": 2, "text": "two"}\n',
        "queries.jsonl": '{"_id": "q", "text": "one?"}\n',
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq\ta\t1\n",
    }
    for name, text in {**files, **changes}.items():
        write(root / name, text)
    return root


@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)]
)
def test_beir_folder(tmp_path, suffix, pack):
    beir(tmp_path)
    corpus = tmp_path / "corpus.jsonl"
    packed = pack(corpus.read_bytes())
    corpus.unlink()
    write(tmp_path / f"corpus.jsonl{suffix}", packed)
    data = read_beir(tmp_path)
    assert list(data.corpus) == [("a", "T one"), ("2", "two")]
    assert list(data.corpus) == list(data.corpus)  # restartable
    assert (data.queries, data.qrels) == ({"q": "one?"}, {"q": {"a": 1}})


@pytest.mark.parametrize("table", ["q\ta\t2\n", "q 0 a 2\n", "query\tdoc\trel\nq\ta\t2\nq\ta\t2\n"])
def test_qrels_layouts(tmp_path, table):
    assert read_qrels(write(tmp_path / "q.tsv", table)) == {"q": {"a": 2}}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("q\ta\t1\nq\tb\n", "line 2: got 2 columns"),
        ("q\ta\t1\nq\tb\tyes\n", "line 2: got 'yes' as score"),
        ("q\ta\t1x\n", "line 1: got '1x' as score"),
        ("q\ta\t1\nq\ta\t0\n", "line 2: got a second score for q, a"),
        ("query-id\tcorpus-id\tscore\n", "holds no judgement"),
    ],
)
def test_bad_qrels(tmp_path, table, says):
    with pytest.raises(InvalidInputError, match=says):
        read_qrels(write(tmp_path / "q.tsv", table))


@pytest.mark.parametrize(
    ("corpus", "error", "says"),
    [
        ('{"_id": "a", "text": "x"}\n{"_id": "b", ', InvalidInputError, "line 2: got no JSON"),
        ('["a"]\n', InvalidInputError, "line 1: got JSON of type list"),
        ('{"text": "x"}\n', InvalidInputError, "line 1: got _id None"),
        ('{"_id": "a"}\n', InvalidInputError, "line 1: got no text"),
        ('{"_id": "1", "text": "x"}\n{"_id": 1, "text": "y"}\n', DuplicateIdError, "line 2"),
    ],
)
def test_bad_corpus_lines_are_named(tmp_path, corpus, error, says):
    data = read_beir(beir(tmp_path, **{"corpus.jsonl": corpus}))
    with pytest.raises(error, match=says):
        list(data.corpus)


def test_missing_files_and_splits(tmp_path):
    with pytest.raises(InvalidInputError, match=r"has no corpus\.jsonl"):
        read_beir(tmp_path)
    with pytest.raises(UnknownNameError, match=r"split='tests' is not one of test\. Did you mean"):
        read_beir(beir(tmp_path), split="tests")
    with pytest.raises(InvalidInputError, match="is not a file"):
        read_sts(tmp_path / "none.tsv")


@pytest.mark.parametrize(("name", "pack"), [("w.gz", gzip.compress), ("w.xz", lzma.compress)])
def test_a_truncated_archive_is_a_corrupt_file(tmp_path, name, pack):
    whole = pack(b"a b 1\n" * 1000)
    assert len(read_word_pairs(write(tmp_path / name, whole))) == 1000
    with pytest.raises(CorruptFileError, match="Fetch or compress it again"):
        read_word_pairs(write(tmp_path / name, whole[: len(whole) // 2]))
    with pytest.raises(CorruptFileError, match="Fetch or compress it again"):
        read_word_pairs(write(tmp_path / name, b"plain text\n"))
