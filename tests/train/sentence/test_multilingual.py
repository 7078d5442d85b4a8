"""Students of two languages: translations found, with a control; the saved folder; refusals, kills.

The teacher is the mean of word vectors and knows the words of the sea; in the other language each
of them is a word of the kitchen. The student is a network with random weights.
"""

from __future__ import annotations

import json
from itertools import combinations, permutations

import numpy as np
import pytest

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.train.sentence.examples import read_examples
from sememe.train.sentence.multilingual import MultilingualTraining, score_directions
from sememe.vectors.keyed import KeyedVectors
from tests import forked
from tests.train import networks

pytestmark = pytest.mark.train

QUICK = {"epochs": 20, "batch_size": 32, "learning_rate": 5e-3, "evaluations": 4}


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return str(networks.network(tmp_path_factory.mktemp("student") / "bert"))


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Names of teachers of 24 and of 32 dimensions, the student's own."""
    names = {}
    for dim in (24, 32):
        rows = np.random.default_rng(dim).normal(size=(len(networks.SEA), dim)).astype(np.float32)
        place = tmp_path_factory.mktemp("teacher") / str(dim)
        names[dim] = f"{KeyedVectors(networks.SEA, rows).save(place)}:mean"
    return names


def translations():
    """Sentences of three words of ten, in three orders each; held out: words that meet in none."""
    rng = np.random.default_rng(0)
    chosen = list(combinations(range(len(networks.SEA)), 3))
    rng.shuffle(chosen)

    def pair(order):
        return tuple(
            " ".join(words[i] for i in order) for words in (networks.SEA, networks.KITCHEN)
        )

    def orders(places, n):
        return rng.permutation(list(permutations(places)))[:n]

    train = [pair(order) for places in chosen[:90] for order in orders(places, 3)]
    return train, [pair(*orders(places, 1)) for places in chosen[90:]]


TRAIN, HELD = translations()


@pytest.fixture(scope="module")
def trained(student, teachers):
    return MultilingualTraining(teachers[24], student, **QUICK).fit(TRAIN, evaluate=HELD)


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    return trained.save(tmp_path_factory.mktemp("saved") / "mine")


def test_it_learns_to_find_translations(trained):
    report = trained.report_
    assert report.curve.metric == "accuracy"
    assert report.curve.before < 0.3
    assert report.curve.after > 0.8
    assert set(report.directions) == {"source_to_target", "target_to_source"}
    assert np.mean(list(report.directions.values())) == pytest.approx(report.curve.after)
    assert (report.dim, report.projected) == (24, True)


def test_wrong_translations_teach_nothing(student, teachers):
    targets = np.random.default_rng(1).permutation([target for _, target in TRAIN])
    wrong = [(source, str(target)) for (source, _), target in zip(TRAIN, targets, strict=True)]
    found = MultilingualTraining(teachers[24], student, **QUICK).fit(wrong)
    assert score_directions(found.model_, read_examples(HELD))["accuracy"] < 0.35


def test_the_student_comes_near_the_teacher(folder, teachers):
    mine, teacher = sememe.load(str(folder)), sememe.load(teachers[24])
    sources, targets = map(list, zip(*HELD, strict=True))
    goals = teacher.encode(sources)
    for texts in (sources, targets):
        assert np.einsum("nd,nd->n", mine.encode(texts), goals).mean() > 0.8


def test_the_saved_folder_opens_here_and_in_sentence_transformers(trained, folder, tmp_path):
    from sentence_transformers import SentenceTransformer

    texts = [text for pair in HELD[:5] for text in pair]
    theirs = SentenceTransformer(str(folder)).encode(texts, normalize_embeddings=True)
    ours = sememe.load(str(folder))
    assert ours.dim == 24
    np.testing.assert_allclose(ours.encode(texts), theirs, atol=1e-5)
    about = json.loads((folder / "sememe.json").read_text(encoding="utf-8"))
    assert about["kind"] == "multilingual"
    assert about["training"]["projected"] is True
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{trained.report_.curve.after:.4f}" in card
    with pytest.raises(InvalidInputError, match="Call fit first"):
        MultilingualTraining("a", "b").save(tmp_path / "none")


def test_a_student_of_the_teachers_width_gets_no_layer(student, teachers):
    options = {**QUICK, "epochs": 2}
    found = MultilingualTraining(teachers[32], student, **options).fit(TRAIN)
    assert not found.report_.projected
    assert found.report_.curve.losses[-1][1] < found.report_.curve.losses[0][1]


def test_sources_that_the_teacher_does_not_know_are_told_or_refused(student, teachers):
    rows = [*TRAIN[:20], *((target, source) for source, target in TRAIN[20:25])]
    found = MultilingualTraining(teachers[32], student, epochs=1).fit(rows)
    assert found.report_.notes == (
        f"20% of the tokens of the sources are unknown to {teachers[32]}",
    )
    around = [(target, source) for source, target in TRAIN[:40]]
    with pytest.raises(InvalidInputError, match="cannot read the sources: 100%.*turn the pairs"):
        MultilingualTraining(teachers[32], student, epochs=1).fit(around)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"epochs": 0}, InvalidInputError, "epochs=0"),
        ({"student": "no such model"}, UnknownNameError, "no such model"),
        ({"teacher": "no such model"}, UnknownNameError, "no such model"),
        ({"student": "glove-6b-50d"}, InvalidInputError, "no network"),
        ({"max_tokens": 5000}, InvalidInputError, "max_tokens=5000"),
    ],
)
def test_refused_before_training(options, error, says, student, teachers):
    given = {"teacher": teachers[32], "student": student} | options
    with pytest.raises(error, match=says):
        MultilingualTraining(**given).fit(TRAIN[:10])


def test_data_without_translations_or_beyond_the_vocabulary_are_refused(student, teachers):
    training = MultilingualTraining(teachers[32], student)
    with pytest.raises(InvalidInputError, match="kind 'scored'"):
        training.fit(networks.scored(10, 1))
    with pytest.raises(InvalidInputError, match="data of evaluate has the kind 'texts'"):
        training.fit(TRAIN[:10], evaluate=["one", "two"])
    with pytest.raises(InvalidInputError, match="cannot read the targets: 100%"):
        training.fit([("a ship", "배 한 척"), ("a sail", "돛 하나")])


def test_killed_the_last_loss_is_the_same(student, teachers, tmp_path):
    data = networks.write_tsv(tmp_path / "train.tsv", ["source", "target"], TRAIN)
    held = networks.write_tsv(tmp_path / "held.tsv", ["source", "target"], HELD)
    common = ["train", "multilingual", data, "--teacher", teachers[24], "-m", student]
    common += ["--evaluate", held, "--epochs", 2, "--batch-size", 27, "--evaluations", 4]
    common += ["--patience", 0, "-o"]
    assert main([*map(str, common), str(tmp_path / "whole")]) == 0
    assert forked.killed_at(8, *common, tmp_path / "killed") == -9
    assert (tmp_path / "killed.checkpoint" / "teacher.npy").is_file()
    assert main([*map(str, common), str(tmp_path / "killed")]) == 0
    whole, killed = (networks.losses(tmp_path / name) for name in ("whole", "killed"))
    assert len(whole) == 20
    np.testing.assert_allclose(killed, whole, atol=1e-6)
    about = json.loads((tmp_path / "killed" / "sememe.json").read_text(encoding="utf-8"))
    assert about["curve"]["resumed_at"] == 5
    assert not (tmp_path / "killed.checkpoint").exists()


def test_command(student, teachers, tmp_path, capsys):
    data = networks.write_tsv(
        tmp_path / "t.tsv", ["source", "target"], [*TRAIN[:30], ("", "empty")]
    )
    words = ["train", "multilingual", str(data), "--teacher", teachers[32], "-m", student]
    words += ["-o", str(tmp_path / "out"), "--epochs", "1", "--evaluate", str(data)]
    assert main([*words, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["dim"] == 32
    assert set(done["directions"]) == {"source_to_target", "target_to_source"}
    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    out = capsys.readouterr()
    assert "accuracy held out" in out.out
    assert "source to target" in out.out
    assert "note: 1 of 31 examples left out: empty text" in out.err
