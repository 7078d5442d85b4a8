"""Training examples: what each form of data says, what is left out, what is refused."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest

from sememe import CorruptFileError, InvalidInputError
from sememe.train.sentence.evaluator import score_examples
from sememe.train.sentence.examples import read_examples
from sememe.train.sentence.negatives import add_hard_negatives


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("data", "kind", "columns"),
    [
        ([("a", "b"), ("c", "d")], "pairs", {"anchor": ["a", "c"], "positive": ["b", "d"]}),
        ([("a", "b", 1.0), ("c", "d", 0)], "scored", None),
        ([("a", "b", "x"), ("c", "d", "y")], "triplets", None),
        ([{"text": t, "label": n} for t, n in zip("abcd", "xxyy", strict=True)], "labels", None),
        (["a", "b"], "texts", {"text": ["a", "b"]}),
        ([{"question": "a", "answer": "b"}] * 1 + [{"question": "c", "answer": "d"}], None, None),
    ],
)
def test_forms(data, kind, columns):
    if kind is None:
        with pytest.raises(InvalidInputError, match="Rename its columns"):
            read_examples(data)
        return
    found = read_examples(data)
    assert found.kind == kind
    assert columns is None or found.columns == columns


def test_files_say_the_same(tmp_path):
    rows = [("a b", "c", 4.0), ("d", "e, f", 1.0)]
    tsv = write(tmp_path / "t.tsv", "sentence1\tsentence2\tscore\na b\tc\t4.0\nd\te, f\t1.0\n")
    csv = write(tmp_path / "t.csv", 'score,text1,text2\n4.0,a b,c\n1.0,d,"e, f"\n')
    bare = write(tmp_path / "bare.tsv", "a b\tc\t4.0\nd\te, f\t1.0\n")
    stsb = write(tmp_path / "s.csv", "g\tf\ty\t1\t4.0\ta b\tc\ng\tf\ty\t2\t1.0\td\te, f\n")
    lines = [json.dumps({"s1": a, "s2": b, "similarity": s}) for a, b, s in rows]
    jsonl = write(tmp_path / "t.jsonl", "\n".join(lines) + "\n\n")
    expected = {"sentence1": ["a b", "d"], "sentence2": ["c", "e, f"], "score": [1.0, 0.25]}
    for file in (tsv, csv, bare, stsb, jsonl):
        assert read_examples(file).columns == expected, file
    assert len({read_examples(file).digest() for file in (tsv, csv, jsonl)}) == 1


def test_parquet_and_plain_text(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"query": ["a", "c"], "document": ["b", "d"]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert read_examples(tmp_path / "t.parquet").columns["positive"] == ["b", "d"]
    write(tmp_path / "bad.parquet", "no")
    with pytest.raises(CorruptFileError, match="Parquet"):
        read_examples(tmp_path / "bad.parquet")
    assert read_examples(write(tmp_path / "t.txt", "one\n\ntwo\n")).kind == "texts"
    assert read_examples(write(tmp_path / "p.txt", "a\tb\nc\td\n")).kind == "pairs"


def test_what_cannot_be_used_is_counted():
    """Each row that is left out has its reason, and each reason its number."""
    found = read_examples([("a", "b"), ("", "x"), (" ", "y"), ("a", "b"), ("c", "c"), ("e", "f")])
    assert (len(found), found.n_read) == (2, 6)
    assert found.notes == (
        "2 of 6 examples left out: empty text",
        "1 of 6 examples left out: there twice",
        "1 of 6 examples left out: anchor and positive are the same text",
    )
    scored = read_examples([("a", "b", 1), ("a", "b", 2), ("c", "d", None), ("e", "f", 5.0)])
    assert scored.columns["score"] == [0.2, 1.0]
    assert "1 of those there twice disagree; the first of each counts" in scored.notes
    assert any("no finite number" in note for note in scored.notes)
    nan = read_examples([("a", "b", 0.5), ("c", "d", float("nan")), ("e", "f", -0.5)])
    assert nan.columns["score"] == [0.5, -0.5]  # within [-1, 1]: as they were
    labels = [{"text": t, "label": n} for t, n in zip("abcde", "xxyyz", strict=True)]
    assert read_examples(labels).notes == ("1 labels left out that one text alone has",)
    triplets = read_examples([("a", "b", "c"), ("a", "b", "b"), ("d", "e", "f")])
    assert "the negative is the anchor or the positive" in triplets.notes[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "holds no example"),
        ([("a", "b")], "1 usable"),
        ([("a", "b", 1.0), ("c", "d", 1.0)], "all examples .* score 1"),
        ([{"text": t, "label": "x"} for t in "abc"], "label 'x'"),
        ([{"text": t, "label": t} for t in "abc"], "0 usable"),
        ([{"left": "a", "right": "b"}], "columns left, right"),
        ([("a", 3), ("b", "c")], "positive is 3"),
        ([3], "example 1"),
        ("no such file.tsv", "no such file"),
        (iter([("a", "b")]), "give a path or a list"),
    ],
)
def test_refused(data, says):
    with pytest.raises(InvalidInputError, match=says):
        read_examples(data)


def test_bad_files(tmp_path):
    for name, text, says in [
        ("a.tsv", "sentence1\tsentence2\tscore\na\tb\n", "row 2 has 2 columns"),
        ("b.jsonl", '{"text": "a"}\nno\n', "line 2: not JSON"),
        ("c.tsv", "a\tb\tc\td\n", "row of names"),
        ("d.pdf", "%PDF", "allowed"),
    ]:
        with pytest.raises(InvalidInputError, match=says):
            read_examples(write(tmp_path / name, text))


E1, E2 = np.eye(2, dtype=np.float32)
ROWS = {"a": E1, "b": E2, "near a": np.array([0.8, 0.6], np.float32), "near b": E2}


def encode(texts):
    return np.stack([ROWS[text] for text in texts])


def test_held_out_figures_by_hand():
    """Vectors: a = (1, 0), b = "near b" = (0, 1), "near a" = (0.8, 0.6)."""
    pairs = read_examples([("a", "near a"), ("b", "near b")])
    assert score_examples(pairs, encode=encode) == {"accuracy": 1.0}
    crossed = read_examples([("a", "near b"), ("b", "near a")])
    assert score_examples(crossed, encode=encode) == {"accuracy": 0.0}
    triplets = read_examples([("a", "near a", "b"), ("b", "a", "near a"), ("a", "b", "near b")])
    assert score_examples(triplets, encode=encode)["accuracy"] == pytest.approx(1 / 3)
    scored = read_examples([("a", "near a", 5), ("a", "b", 0), ("b", "near a", 3)])
    assert score_examples(scored, encode=encode)["spearman"] == pytest.approx(1)
    turned = score_examples(scored, predict=lambda pairs: [0.0, 1.0, 0.5])
    assert turned["spearman"] == pytest.approx(-1)
    rows = [{"text": t, "label": n} for t, n in [("a", "x"), ("near a", "x"), ("b", "y")]]
    rows.append({"text": "near b", "label": "y"})
    assert score_examples(read_examples(rows), encode=encode) == {"accuracy": 1.0}
    with pytest.raises(InvalidInputError, match="scored pairs"):
        score_examples(read_examples(["a", "b"]), encode=encode)


def test_a_collapsed_model_finds_nothing():
    pairs = read_examples([("a", "x"), ("b", "y")])
    same = score_examples(pairs, encode=lambda texts: np.ones((len(texts), 2), np.float32))
    assert same == {"accuracy": 0.0}


class Angles:
    """An encoder of numbers as angles in degrees."""

    name, dim, modality, space = "angles", 2, "text", "plane"

    def encode(self, items, *, batch_size=None, show_progress=False):
        radians = np.deg2rad([float(text) for text in items])
        return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_hard_negatives_by_hand():
    """Anchor 0 has the positive 10 (cosine 0.985; 0.95 of it is 0.936, the cosine of 20.7 degrees):
    of 15, 30 and 80 the text at 15 is too near to be a negative, 30 is the hardest."""
    rows = [("0", "10"), ("100", "15"), ("100", "30"), ("100", "80")]
    found = add_hard_negatives(read_examples(rows), Angles(), n=1)
    first = {name: column[0] for name, column in found.columns.items()}
    assert first == {"anchor": "0", "positive": "10", "negative": "30"}
    assert found.kind == "triplets"


NLI = "premise\thypothesis\tlabel\na man sleeps\ta man rests\tentailment\nno\tyes\tcontradiction\n"


@pytest.mark.parametrize(
    "lines",
    [
        NLI,
        NLI.replace("entailment", "0").replace("contradiction", "2"),
        "sentence1\tsentence2\tgold_label\na\tb\tneutral\nc\td\tentailment\n",
    ],
)
def test_classes_beside_two_texts_are_refused_for_a_contradiction_is_no_pair(lines, tmp_path):
    path = tmp_path / "nli.tsv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(InvalidInputError, match="which pairs belong together"):
        read_examples(path)


@pytest.mark.parametrize(
    "names",
    [
        ("sentence1", "sentence2", "label"),
        ("question1", "question2", "is_duplicate"),
        ('"sentence1"', '"sentence2"', '"label"'),
    ],
)
def test_a_label_of_0_and_1_beside_two_texts_is_their_score(names, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\t".join(names) + "\na\tb\t1\nc\td\t0\n", encoding="utf-8")
    found = read_examples(path)
    assert (found.kind, found.columns["score"]) == ("scored", [1.0, 0.0])
    assert found.columns["sentence1"] == ["a", "c"]
    assert any("read as the score" in note for note in found.notes)


def test_korean_names_of_columns_composed_or_not(tmp_path):
    rows = "문장1\t문장2\t점수\n고양이\t강아지\t2\n배\t사과\t4\n"
    for form in ("NFC", "NFD"):
        path = tmp_path / f"{form}.tsv"
        path.write_text(unicodedata.normalize(form, rows), encoding="utf-8")
        assert read_examples(path).columns["score"] == [0.5, 1.0]


def test_a_row_of_unknown_names_is_no_example(tmp_path):
    path = tmp_path / "odd.tsv"
    path.write_text("left\tright\talike\na\tb\t1\nc\td\t0\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="left, right, alike.*not known"):
        read_examples(path)


def test_two_columns_of_one_meaning_are_refused(tmp_path):
    path = tmp_path / "twice.tsv"
    path.write_text("query\tquestion\tanswer\na\tb\tc\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="two columns mean anchor"):
        read_examples(path)


def test_a_row_with_more_cells_than_names_is_refused(tmp_path):
    path = tmp_path / "long.tsv"
    path.write_text("anchor\tpositive\na\tb\tc\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="row 2 has 3 columns"):
        read_examples(path)


def test_columns_that_are_not_used_are_named():
    rows = [{"anchor": "a", "positive": "b"}, {"anchor": "c", "positive": "d", "negative": "e"}]
    assert read_examples(rows).notes == ("columns not used: negative",)
