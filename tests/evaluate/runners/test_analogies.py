"""Analogies and word similarity over word vectors: worked, equal to gensim, learns, bad input."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest

import sememe.evaluate.analogy_search as answers
from sememe._errors import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.evaluate import (
    AnalogyQuestion,
    ScoredPair,
    evaluate_analogies,
    evaluate_word_similarity,
    read_analogies,
    run_task,
)
from sememe.evaluate.data.analogy_questions import infer_kind
from sememe.text.ngrams import Ngrams
from sememe.vectors.keyed import KeyedVectors, SubwordVectors

FAST = {"resamples": 50}


def regular(noise=0.05, pairs=30, others=40, seed=0):
    """Capital i lies one shift away from country i, in every pair; with words in between."""
    rng = np.random.default_rng(seed)
    shift = 2 * rng.normal(size=24)
    countries = rng.normal(size=(pairs, 24))
    capitals = countries + shift + noise * rng.normal(size=countries.shape)
    keys = [f"Country{i}" for i in range(pairs)] + [f"capital{i}" for i in range(pairs)]
    keys += [f"other{i}" for i in range(others)]
    return KeyedVectors(keys, np.concatenate([countries, capitals, rng.normal(size=(others, 24))]))


def questions(pairs=30):
    return [
        AnalogyQuestion("gram1-x" if i % 2 else "capitals", f"country{i}", f"CAPITAL{i}",
                        f"Country{j}", f"capital{j}")
        for i in range(pairs) for j in range(pairs) if i != j
    ]  # fmt: skip


WORKED = KeyedVectors(
    ["man", "king", "woman", "queen", "King", "far"],
    [[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 0.9], [0.6, 0, 0.8]],
)


def test_worked_3cosadd():
    """man king woman: target (0.71, 0, 0.71) - (1, 0, 0) + (0, 1, 0) = (-0.29, 1, 0.71).

    queen (0, 1, 1)/1.41: 1.21. King differs from king in case alone, so it cannot answer, though
    (0, 1, 0.9)/1.35 has 1.22 and would win.
    """
    question = AnalogyQuestion("family", "man", "king", "woman", "Queen")
    result = evaluate_analogies(WORKED, [question], **FAST)
    assert result.metrics == {"total": 1, "semantic": 1, "family": 1}
    renamed = KeyedVectors(["man", "king", "woman", "queen", "duke", "far"], WORKED.matrix)
    assert evaluate_analogies(renamed, [question], **FAST).metrics["total"] == 0


def test_worked_3cosmul():
    """With cosines moved to [0, 1]: d = b c / (a + 0.001) for each of two candidates, by hand.

    a = (1, 0), b = (0, 1), c = (0.6, 0.8). x = (0, -1): b 0, c 0.1, a 0.5: 0. y = (-1, 0): b 0.5,
    c 0.2, a 0: 0.5 * 0.2 / 0.001 = 100. z = (0.5, 0.87): b 0.93, c 0.996, a 0.75: 1.24. So y wins,
    where 3CosAdd (target (-0.4, 1.8)) takes z: 1.36 against 0.4.
    """
    vectors = KeyedVectors(list("abcxyz"), [[1, 0], [0, 1], [0.6, 0.8], [0, -1], [-1, 0],
                                            [0.5, 0.8660254]])  # fmt: skip
    for method, answer in (("3CosMul", "y"), ("3CosAdd", "z")):
        asked = [AnalogyQuestion("s", "a", "b", "c", answer)]
        assert evaluate_analogies(vectors, asked, method=method, **FAST).metrics["total"] == 1


@pytest.mark.parametrize("among", [None, 80])
@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_gensim_gives_the_same_accuracies(noise, among, tmp_path):
    gensim = pytest.importorskip("gensim.models")
    vectors = regular(noise)
    lines, section = [], ""
    for question in sorted(questions()):
        if question.section != section:
            section = question.section
            lines.append(f": {section}")
        lines.append(" ".join(question[1:]))
    lines.append("country1 capital1 nowhere capital3")
    path = tmp_path / "questions.txt"
    path.write_text("\n".join(lines))
    theirs = gensim.KeyedVectors(vectors.dim)
    theirs.add_vectors(list(vectors.keys), vectors.matrix)
    total, sections = theirs.evaluate_word_analogies(str(path), restrict_vocab=among or 10**6)
    ours = evaluate_analogies(vectors, read_analogies(path), among=among, **FAST)
    assert 0.05 < total < 0.99  # a case in which something is right and something wrong
    assert ours.metrics["total"] == pytest.approx(total, abs=1e-12)
    for part in sections[:-1]:
        share = len(part["correct"]) / (len(part["correct"]) + len(part["incorrect"]))
        assert ours.metrics[part["section"]] == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("method", ["3CosAdd", "3CosMul"])
@pytest.mark.parametrize(("keys", "rows"), [(8192, 1024), (7, 11)])
def test_blocks_answer_as_one_question_at_a_time(method, keys, rows, monkeypatch):
    monkeypatch.setattr(answers, "KEYS_AT_ONCE", keys)
    monkeypatch.setattr(answers, "_QUESTIONS_AT_ONCE", rows)
    vectors = regular(0.5)
    asked = [q._replace(a=q.a.title(), b=q.b.lower()) for q in questions()]
    right = [vectors.analogy(q.a, q.b, q.c, method=method)[0][0] == q.d for q in asked]
    result = evaluate_analogies(vectors, asked, method=method, **FAST)
    assert result.metrics["total"] == pytest.approx(np.mean(right))


def test_regular_vectors_are_right_and_random_ones_are_not():
    good = evaluate_analogies(regular(), questions(), **FAST)
    assert good.metrics["total"] > 0.95 and good.covered == 1
    assert set(good.metrics) == {"total", "semantic", "syntactic", "capitals", "gram1-x"}
    assert good.control["total"] < 0.1  # 1 of 97 by chance
    low, high = good.intervals["total"]
    assert low <= good.metrics["total"] <= high
    rng = np.random.default_rng(1)
    random = KeyedVectors(list(regular().keys), rng.normal(size=(100, 24)))
    assert evaluate_analogies(random, questions(), **FAST).metrics["total"] < 0.1
    shuffled = [q._replace(d=questions()[(i + 7) % 870].d) for i, q in enumerate(questions())]
    assert evaluate_analogies(regular(), shuffled, **FAST).metrics["total"] < 0.1


def test_the_same_seed_gives_the_same_result():
    first, again = (evaluate_analogies(regular(0.5), questions(), **FAST) for _ in range(2))
    assert first == again


def test_coverage_is_stated_for_every_part():
    asked = [*questions(3), AnalogyQuestion("gram2", "x", "y", "z", "w"),
             AnalogyQuestion("gram2", "country1", "capital1", "country2", "none")]  # fmt: skip
    result = evaluate_analogies(regular(), asked, **FAST)
    assert (result.n, result.covered) == (8, 6 / 8)
    assert result.coverage["gram2"] == 0 and result.coverage["semantic"] == 1
    assert np.isnan(result.metrics["gram2"]) and "gram2" not in result.intervals
    assert json.loads(result.to_json())["metrics"]["gram2"] is None
    none = evaluate_analogies(regular(), asked[-2:], **FAST)
    assert none.covered == 0 and np.isnan(none.metrics["total"])
    few = evaluate_analogies(regular(), questions(), among=30, **FAST)
    assert few.covered == 0  # the capitals stand after the countries


def test_an_answer_that_is_asked_with_counts_as_wrong():
    asked = [AnalogyQuestion("s", "man", "king", "woman", "king")]
    result = evaluate_analogies(WORKED, asked, **FAST)
    assert (result.covered, result.metrics["total"]) == (1, 0)


def test_decomposed_hangul_finds_its_key():
    keys = ["남자", "왕", "여자", "여왕", "King", "먼"]
    vectors = KeyedVectors(keys, [*WORKED.matrix[:4], [9, 9, -9], WORKED.matrix[5]])
    words = [unicodedata.normalize("NFD", key) for key in keys[:4]]
    result = evaluate_analogies(vectors, [AnalogyQuestion("syn1_x", *words)], **FAST)
    assert result.metrics == {"total": 1, "syntactic": 1, "syn1_x": 1}


def test_any_encoder_answers_among_the_words_of_the_questions(table_encoder):
    vectors = regular()
    table = {key.lower(): vectors[key] for key in vectors.keys}
    lower = [AnalogyQuestion(q.section, *map(str.lower, q[1:])) for q in questions()]
    result = evaluate_analogies(table_encoder(table), lower, **FAST)
    assert result.metrics["total"] > 0.95
    assert result.model == "table among the 60 words of the questions"


def test_an_encoder_that_holds_word_vectors_is_asked_for_them(table_encoder):
    encoder = table_encoder({"x": (1, 0)}, name="holder")
    encoder.vectors = regular()
    result = evaluate_analogies(encoder, questions(), **FAST)
    assert (result.model, encoder.seen) == ("holder", [])
    assert result.metrics == evaluate_analogies(regular(), questions(), **FAST).metrics


def test_reader_takes_what_files_hold(tmp_path):
    text = "\ufeff# comment\r\na b\tc d\r\n: gram1 \r\n\r\nE f G h\r\n:syn2\r\n가 나 다 라\r\n"
    (tmp_path / "kor_analogy_syntactic.txt").write_bytes(text.encode())
    assert read_analogies(tmp_path / "kor_analogy_syntactic.txt") == [
        AnalogyQuestion("kor_analogy_syntactic", "a", "b", "c", "d"),
        AnalogyQuestion("gram1", "E", "f", "G", "h"),
        AnalogyQuestion("syn2", "가", "나", "다", "라"),
    ]


def test_kinds():
    names = ["gram1-x", "syn4_form", "kor_analogy_syntactic", "family", "sem1_x", "programme"]
    kinds = [infer_kind(name) for name in names]
    assert kinds == ["syntactic"] * 3 + ["semantic"] * 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b": s\na b c\n", "line 2: got 3 words; allowed: four words"),
        (b"a b c d e\n", "line 1: got 5 words"),
        (b"a b c \xff\n", "line 1: byte 0xff is not UTF-8"),
        (b": s\n# a b c d\n", "holds no question"),
        (b"", "holds no question"),
    ],
)
def test_bad_files_are_named(text, says, tmp_path):
    (tmp_path / "q.txt").write_bytes(text)
    with pytest.raises(InvalidInputError, match=says):
        read_analogies(tmp_path / "q.txt")


def test_bad_options():
    with pytest.raises(UnknownNameError, match="Did you mean '3CosAdd'"):
        evaluate_analogies(WORKED, questions(), method="cosadd")
    with pytest.raises(InvalidInputError, match="among=0"):
        evaluate_analogies(WORKED, questions(), among=0)
    with pytest.raises(InvalidInputError, match="no question"):
        evaluate_analogies(WORKED, [])
    with pytest.raises(InvalidInputError, match="allowed: a text encoder"):
        evaluate_analogies([1, 2], questions())


# Word similarity over word vectors


def test_worked_word_similarity_of_word_vectors():
    """Cosines 1, 0.6, 0 against scores 5, 1, 2: Spearman 0.5. Y is no key, but y is; q is none."""
    vectors = KeyedVectors(["x", "y", "z"], [[2, 0], [0, 3], [3, 4]])
    pairs = [ScoredPair("x", "x", 5), ScoredPair("x", "z", 1), ScoredPair("x", "Y", 2),
             ScoredPair("q", "x", 3)]  # fmt: skip
    result = evaluate_word_similarity(vectors, pairs, **FAST)
    assert result.metrics["spearman"] == pytest.approx(0.5)
    assert (result.covered, result.model) == (0.75, "KeyedVectors")


def test_a_key_is_taken_as_it_is_before_lower_case():
    """US is a key and us another: cosine 1 with u needs the first."""
    vectors = KeyedVectors(["us", "US", "u"], [[0, 1], [1, 0], [1, 0]])
    pairs = [ScoredPair("US", "u", 9), ScoredPair("us", "u", 1), ScoredPair("Us", "us", 8)]
    assert evaluate_word_similarity(vectors, pairs, **FAST).metrics["spearman"] > 0.8


def test_subwords_know_every_word():
    rows = np.random.default_rng(0).normal(size=(50, 8))
    subwords = Ngrams(3, 3, buckets=50)
    vectors = SubwordVectors(["cat"], np.ones((1, 8)), ngrams=rows, subwords=subwords)
    pairs = [ScoredPair("cat", "dog", 1), ScoredPair("고양이", "고양이가", 2)]
    assert evaluate_word_similarity(vectors, pairs, **FAST).covered == 1
    plain = KeyedVectors(["cat"], np.ones((1, 8)))
    assert evaluate_word_similarity(plain, pairs, **FAST).covered == 0  # the control


def test_word_similarity_learns_and_random_vectors_do_not():
    rng = np.random.default_rng(0)
    vectors = KeyedVectors([f"w{i}" for i in range(60)], rng.normal(size=(60, 4)))
    unit = vectors.normalized()
    pairs = [
        ScoredPair(f"w{i}", f"w{i + 1}", float(unit[f"w{i}"] @ unit[f"w{i + 1}"]))
        for i in range(59)
    ]
    result = evaluate_word_similarity(vectors, pairs, **FAST)
    assert result.metrics["spearman"] == pytest.approx(1)
    assert abs(result.control["spearman"]) < 0.4  # 3 / sqrt(59)


def test_tasks_take_word_vectors(tmp_path):
    (tmp_path / "q.txt").write_text("\n".join(" ".join(q[1:]) for q in questions(5)))
    assert run_task("analogies", regular(), tmp_path / "q.txt", **FAST).n == 20
    assert run_task("analogies", regular(), tmp_path / "q.txt", among=10, **FAST).covered == 0
    (tmp_path / "w.tsv").write_text("country1\tcapital1\t3\nCountry2\tcapital2\t4\n")
    assert run_task("word-similarity", regular(), tmp_path / "w.tsv", **FAST).covered == 0.5
    with pytest.raises(InvalidInputError, match="among=10 is for 'analogies'"):
        run_task("word-similarity", regular(), tmp_path / "w.tsv", among=10)
    with pytest.raises(InvalidInputError, match="task 'sts' got KeyedVectors"):
        run_task("sts", regular(), tmp_path / "w.tsv")


def test_the_command_reads_a_saved_model(tmp_path, capsys):
    (tmp_path / "q.txt").write_text("\n".join(" ".join(q[1:]) for q in questions(5)))
    regular().save(tmp_path / "model")
    arguments = ["evaluate", "analogies", str(tmp_path / "model"), str(tmp_path / "q.txt")]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= {"task", "model", "n", "metrics", "covered", "control", "coverage"}
    assert (found["task"], found["n"], found["covered"]) == ("analogies", 20, 1)
    assert found["metrics"]["total"] > 0.9
    assert main(arguments) == 0
    assert "covered" in capsys.readouterr().out
