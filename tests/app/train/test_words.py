"""`sememe train word2vec` and `fasttext`: a model on disk that the other commands can ask."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from sememe.app.cli import main
from sememe.train.words.corpus.phrases import Phrases
from sememe.train.words.word2vec import Word2Vec
from sememe.vectors.keyed import KeyedVectors
from tests.train.words.corpus.test_phrases import sentences_with_phrases
from tests.train.words.topic_corpora import topics

FEW = ["--dim", "16", "--min-count", "1", "--subsample", "0", "--epochs", "3", "--workers", "1"]
PLAIN = ["--tokens", "whitespace"]  # t3_w1 is one word


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(s) for s in topics(3000)))
    return str(path)


def test_train_ask_and_go_on(corpus, tmp_path, capsys):
    model = str(tmp_path / "model")
    learn = ["train", "word2vec", corpus, "-o", model, *FEW, *PLAIN, "--learning-rate", "0.1"]
    assert main([*learn, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["path"], report["kind"], report["n_keys"]) == (model, "word2vec", 96)
    assert not (tmp_path / "model.checkpoint").exists()
    assert main(["neighbors", model, "t3_w1", "-k", "5", "--json"]) == 0
    near = json.loads(capsys.readouterr().out)
    assert [found["key"][:3] for found in near] == ["t3_"] * 5

    assert main(learn) == 2
    assert "there already. Name another, or add --overwrite" in capsys.readouterr().err
    more = tmp_path / "more.txt"
    more.write_text("t3_w1 newcomer t3_w2\n" * 50)
    assert main(["train", "word2vec", str(more), "-o", f"{model}2", "--from", model]) == 0
    assert "97 words" in capsys.readouterr().out
    assert "newcomer" in Word2Vec.load(f"{model}2").vectors_
    again = ["train", "word2vec", str(more), "-o", f"{model}3", "--from", model]
    assert main([*again, "--epochs", "1"]) == 0
    assert Word2Vec.load(f"{model}3").epochs == 1  # what is typed holds
    assert Word2Vec.load(f"{model}2").epochs == 3  # else what the model had
    capsys.readouterr()
    assert main([*again, "--overwrite", "--dim", "8"]) == 2
    assert "--dim 8: the model of --from was trained with 16" in capsys.readouterr().err
    assert main([*learn, "--overwrite"]) == 0


@pytest.mark.parametrize("name", ["vectors.vec", "vectors.bin"])
def test_vectors_alone_into_a_file(corpus, tmp_path, name):
    output = tmp_path / "new" / name
    assert main(["train", "word2vec", corpus, "-o", str(output), *FEW, *PLAIN]) == 0
    assert len(KeyedVectors.load(output)) == 96


def test_fasttext_knows_unseen_words(tmp_path, capsys):
    path = tmp_path / "ko.txt"
    path.write_text("고양이가 잔다\n고양이는 운다\n강아지가 짖는다\n" * 100)
    model = str(tmp_path / "ft")
    few = [*FEW, "--buckets", "2000"]
    assert main(["train", "fasttext", str(path), "-o", model, *few]) == 0
    capsys.readouterr()
    assert main(["neighbors", model, "고양이도", "-k", "2", "--json"]) == 0
    found = {entry["key"] for entry in json.loads(capsys.readouterr().out)}
    assert found == {"고양이가", "고양이는"}

    assert main(["train", "fasttext", str(path), "-o", f"{model}.bin", *few]) == 2
    assert "--hangul syllables" in capsys.readouterr().err
    fits = [*few, "--hangul", "syllables"]
    assert main(["train", "fasttext", str(path), "-o", f"{model}.bin", *fits]) == 0
    assert KeyedVectors.load(f"{model}.bin")["고양이도"].shape == (16,)


def test_phrases_are_joined_stored_and_kept_when_going_on(tmp_path, capsys):
    path = tmp_path / "text.txt"
    others = [[w for w in s if w[0] == "w"] for s in sentences_with_phrases(0, seed=1)]
    sentences = sentences_with_phrases(1, n=60) + others
    path.write_text("\n".join(" ".join(words) for words in sentences))
    learn = ["train", "word2vec", str(path), *FEW, "-o", str(tmp_path / "plain")]
    assert main(learn) == 0
    assert "new_york" not in KeyedVectors.load(tmp_path / "plain")
    capsys.readouterr()
    model = tmp_path / "joined"
    for more in ([], ["--overwrite"]):  # the stored phrases are part of what is replaced
        joined = [*learn[:-1], str(model), "--phrases", "--min-count", "5"]
        assert main([*joined, *more]) == 0
    assert "2 phrases were joined, such as " in capsys.readouterr().err
    assert {"new_york", "ice_cream"} <= set(KeyedVectors.load(model))
    assert ("new", "york") in Phrases.load(model / "phrases.json").phrases_

    path.write_text("in new york they eat ice cream\n" * 20)
    again = [*learn[:-1], str(tmp_path / "again"), "--from", str(model), "--json"]
    assert main([arg for arg in again if arg not in FEW]) == 0
    assert json.loads(capsys.readouterr().out)["n_phrases"] == 2
    counts = [Word2Vec.load(tmp_path / n).vocabulary_ for n in ("joined", "again")]
    grown = [int(c.counts[c.numbers["new_york"]]) for c in counts]
    assert grown[1] == grown[0] + 20
    assert (tmp_path / "again" / "phrases.json").exists()
    assert main([*learn[:-1], str(tmp_path / "v.vec"), "--phrases", "--min-count", "5"]) == 0
    assert (tmp_path / "v.vec.phrases.json").exists()


def test_bad_input(corpus, tmp_path, capsys):
    for arguments, message in [
        ([str(tmp_path / "none.txt"), "-o", str(tmp_path / "x")], "none.txt"),
        ([corpus, "-o", str(tmp_path / "x"), "--mode", "skip"], "Did you mean 'skipgram'?"),
        ([corpus, "-o", str(tmp_path / "x"), "--min-count", "999999"], "min_count="),
        ([corpus, "-o", corpus], "there already"),
        ([corpus, "-o", corpus, "--overwrite"], "is a file"),
    ]:
        assert main(["train", "word2vec", *arguments]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("go_on", [False, True])
@pytest.mark.parametrize("recipe", ["word2vec", "fasttext"])
def test_what_could_not_be_stored_is_refused_before_training(
    recipe, go_on, corpus, tmp_path, capsys, monkeypatch
):
    few = [*FEW, "--buckets", "100"] if recipe == "fasttext" else FEW
    start = []
    if go_on:
        assert main(["train", recipe, corpus, "-o", str(tmp_path / "old"), *few]) == 0
        start = ["--from", str(tmp_path / "old")]
    here = tmp_path / "here"
    for name in ("here/deep", "full", "holds", "folder.vec"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "holds" / "text").write_text("a b c d\n" * 20)
    (tmp_path / "model.vec").write_text("a b c d\n" * 20)
    monkeypatch.chdir(here / "deep")
    monkeypatch.setattr("sememe.train.words.word2vec.open_corpus", _no_training)
    for text, output, message in [
        (corpus, f"{corpus}/model", "corpus.txt is not a folder"),
        (corpus, f"{corpus}/model.vec", "corpus.txt is not a folder"),
        (corpus, ".", "the folder you work in"),
        (corpus, str(here), "the folder you work in"),
        (corpus, str(tmp_path / "full"), "holds mine.txt, no part of a saved model"),
        (str(tmp_path / "holds" / "text"), str(tmp_path / "holds"), "holds text, no part"),
        (str(tmp_path / "model.vec"), str(tmp_path / "model.vec"), "is the corpus"),
        (corpus, str(tmp_path / "folder.vec"), "is a folder"),
    ]:
        capsys.readouterr()
        assert main(["train", recipe, text, "-o", output, "--overwrite", *few, *start]) == 2
        assert message in capsys.readouterr().err
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert list((tmp_path / "here" / "deep").iterdir()) == []


def _no_training(*_arguments, **_options):
    raise AssertionError("the corpus was read")


INTERRUPTED = """
import os, signal, sys
from sememe.app.cli import main
from sememe.train.words import training_run as run

signal.signal(signal.SIGINT, signal.default_int_handler)
kept, jobs = run.StateKeeping.__init__, run.run_jobs
run.StateKeeping.__init__ = lambda s, f, n, keep: kept(s, f, 0.0, keep)

def run_jobs(schedule, step, losses, *, start, **more):
    def interrupted(*block):
        if start > 0:  # the state is saved once
            os.kill(os.getpid(), signal.SIGINT)
        return step(*block)

    jobs(schedule, interrupted, losses, start=start, **more)

run.run_jobs = run_jobs
sys.exit(main())
"""


@pytest.mark.parametrize("go_on", [False, True])
def test_ctrl_c_names_the_command_that_goes_on(go_on, corpus, tmp_path, capsys):
    """The command that is printed is run, and resumes."""
    model = tmp_path / "my model"
    command = ["train", "word2vec", corpus, "-o", str(model), *FEW, *PLAIN, "--epochs", "10"]
    if go_on:
        assert main(["train", "word2vec", corpus, "-o", f"{model}0", *FEW, *PLAIN]) == 0
        command = ["train", "word2vec", corpus, "-o", str(model), "--from", f"{model}0"]
        command += ["--epochs", "10"]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *command], stderr=subprocess.PIPE, text=True
    )
    err = done.stderr
    state = tmp_path / "my model.checkpoint"
    assert done.returncode == 130, err
    assert f"progress is saved in {state}. To resume, type:" in err
    _, *again = shlex.split(err.splitlines()[1])
    assert "--workers" not in again if go_on else "--min-count" in again
    assert not model.exists()
    capsys.readouterr()
    again = again[again.index("train") :]
    assert main([*again, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed_at"] > 0
    assert not state.exists()
