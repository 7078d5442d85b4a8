"""Word2Vec as a user meets it: what it learns, what stays the same, what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gensim
import numpy as np
import pytest

from sememe._errors import CorruptFileError, InvalidInputError, UnknownNameError
from sememe.train.words.word2vec import Word2Vec
from sememe.vectors.keyed import KeyedVectors
from tests.train.words.topic_corpora import same_topic, topics

SMALL = {"dim": 16, "min_count": 1, "epochs": 3, "subsample": 0, "workers": 2, "seed": 1}


@pytest.mark.parametrize("mode", ["skipgram", "cbow"])
@pytest.mark.parametrize("objective", ["negative-sampling", "hierarchical-softmax"])
@pytest.mark.parametrize(("shuffled", "low", "high"), [(False, 0.95, 1.0), (True, 0.0, 0.25)])
def test_learns_topics_and_nothing_from_shuffled_words(mode, objective, shuffled, low, high):
    model = Word2Vec(mode=mode, objective=objective, learning_rate=0.1, **SMALL)
    model.fit(topics(shuffled=shuffled))
    assert low <= same_topic(model.vectors_) <= high


def test_the_loss_falls():
    losses = Word2Vec(learning_rate=0.05, **SMALL).fit(topics()).report_.losses
    assert len(losses) == 3
    assert losses[0] > losses[2] > 0


def test_the_report_adds_up():
    corpus = [["a", "b", "c", "rare"], ["a", "b", "c"]] * 10 + [["once"]]
    model = Word2Vec(dim=4, min_count=10, workers=1).fit(corpus)
    report = model.report_
    assert model.vectors_.keys[:3] == ["a", "b", "c"]
    assert model.vectors_.counts.tolist() == [20, 20, 20, 10]
    assert (report.n_words, report.n_keys, report.n_new) == (71, 4, 4)
    assert report.covered == pytest.approx(70 / 71)


def test_deterministic_is_the_same_for_any_number_of_workers(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(s) for s in topics(8000)))
    seen = set()
    for workers in (1, 2, 3):
        settings = {**SMALL, "workers": workers, "tokens": "whitespace"}
        model = Word2Vec(deterministic=True, **settings).fit(path)
        seen.add(model.vectors_.matrix.tobytes())
    other = Word2Vec(deterministic=True, **{**settings, "seed": 2}).fit(path)
    assert len(seen) == 1
    assert other.vectors_.matrix.tobytes() not in seen


def test_a_refit_forgets():
    model = Word2Vec(deterministic=True, **SMALL)
    first = model.fit(topics(500)).vectors_.matrix.copy()
    model.fit(topics(500, seed=9))
    assert np.array_equal(model.fit(topics(500)).vectors_.matrix, first)


def test_goes_on_with_new_text_and_new_words():
    model = Word2Vec(learning_rate=0.1, **SMALL).fit(topics())
    before = model.vectors_
    kept = before.matrix.copy()
    renamed = [[w.replace("t0", "new") for w in s] for s in topics(seed=3)]
    model.partial_fit(renamed)
    assert model.report_.n_new == 12
    assert list(model.vectors_.keys)[: len(before)] == list(before.keys)
    assert same_topic(model.vectors_) > 0.95  # the new topic's words too
    assert np.array_equal(before.matrix, kept)  # what was handed out does not change


def test_new_words_keep_to_max_vocab():
    model = Word2Vec(**{**SMALL, "min_count": 2}, max_vocab=3).fit([["a", "b"]] * 9)
    model.partial_fit([["a", "seldom", "often"]] * 3 + [["often", "b"]])
    assert list(model.vectors_.keys) == ["a", "b", "often"]
    assert model.vectors_.counts.tolist() == [12, 10, 4]  # b occurs once, below min_count
    assert "1 new words were left out: max_vocab has no room for them" in model.report_.notes
    model.max_vocab = 2
    assert len(model.partial_fit([["a", "late"]] * 9).vectors_) == 3


def test_save_and_load(tmp_path):
    model = Word2Vec(deterministic=True, **SMALL).fit(topics(500))
    folder = model.save(tmp_path / "model")
    loaded = Word2Vec.load(folder)
    assert np.array_equal(loaded.vectors_.matrix, model.vectors_.matrix)
    assert loaded.lasting_parameters() == model.lasting_parameters()
    assert loaded.report_ == model.report_
    assert np.array_equal(KeyedVectors.load(folder)["t0_w0"], model.vectors_["t0_w0"])
    again = loaded.save(tmp_path / "again")
    for one in (model, loaded, Word2Vec.load(again)):
        one.partial_fit(topics(500, seed=5))
    assert np.array_equal(loaded.vectors_.matrix, model.vectors_.matrix)
    assert np.array_equal(one.vectors_.matrix, model.vectors_.matrix)


def test_gensim_reads_what_was_trained(tmp_path):
    vectors = Word2Vec(**SMALL).fit(topics(300)).vectors_
    vectors.save(tmp_path / "v.bin", format="word2vec-binary")
    other = gensim.models.KeyedVectors.load_word2vec_format(tmp_path / "v.bin", binary=True)
    assert other.index_to_key == list(vectors.keys)
    assert np.array_equal(other.vectors, vectors.matrix)


def test_near_gensim_on_the_same_corpus():
    """The same task, the same settings: both must find the topics, neither by chance."""
    corpus = topics(2000)
    ours = Word2Vec(learning_rate=0.05, **SMALL).fit(corpus)
    theirs = gensim.models.Word2Vec(
        corpus, sg=1, vector_size=16, min_count=1, epochs=3, sample=0, workers=1, seed=1, alpha=0.05
    )
    score = same_topic(KeyedVectors(theirs.wv.index_to_key, theirs.wv.vectors))
    assert same_topic(ours.vectors_) >= score - 0.05


SCRIPT = """
import sys
from sememe.train.words.word2vec import Word2Vec
path, checkpoint, out = sys.argv[1:]
model = Word2Vec(dim=16, min_count=1, epochs=3, tokens="whitespace", deterministic=True, seed=4)
model.fit(path, checkpoint=checkpoint, checkpoint_seconds=0.0)
model.vectors_.matrix.tofile(out)
print(model.report_.resumed_at)
"""


def killed_and_resumed(tmp_path: Path, delays) -> tuple[bytes, float]:
    """Train, killed after each delay from the first stored state on; return the final bytes."""
    arguments = [sys.executable, "-c", SCRIPT, tmp_path / "corpus.txt", tmp_path / "state"]
    for delay in delays:
        process = subprocess.Popen([*arguments, tmp_path / "killed"], stdout=subprocess.DEVNULL)
        while process.poll() is None and not list((tmp_path / "state").glob("job-*")):
            time.sleep(0.005)
        time.sleep(delay)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(
        [*arguments, tmp_path / "resumed"], check=True, capture_output=True, text=True
    )
    return (tmp_path / "resumed").read_bytes(), float(done.stdout)


def undisturbed(tmp_path: Path) -> bytes:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(s) for s in topics(60_000)))
    model = Word2Vec(dim=16, min_count=1, epochs=3, tokens="whitespace", deterministic=True, seed=4)
    return model.fit(path).vectors_.matrix.tobytes()


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    expected = undisturbed(tmp_path)
    got, resumed_at = killed_and_resumed(tmp_path, [0.02])  # of about 0.4 s
    assert got == expected
    assert 0 < resumed_at < 1
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_ten_kills_at_random_moments(tmp_path):
    expected = undisturbed(tmp_path)
    rng = np.random.default_rng(0)
    for i in range(10):
        (folder := tmp_path / str(i)).mkdir()
        (folder / "corpus.txt").symlink_to(tmp_path / "corpus.txt")
        got, _ = killed_and_resumed(folder, rng.uniform(0, 0.5, size=2))
        assert got == expected


def test_ctrl_c_keeps_the_state(tmp_path, monkeypatch):
    corpus = topics(20_000)
    settings = {**SMALL, "deterministic": True}
    expected = Word2Vec(**settings).fit(corpus).vectors_.matrix.tobytes()
    from sememe.train.words.kernels import choose

    calls, kernel = [], choose.skipgram_block

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return kernel(*args)

    interrupted.py_func = kernel.py_func
    monkeypatch.setattr(choose, "skipgram_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Word2Vec(**settings).fit(corpus, checkpoint=tmp_path / "state")
    monkeypatch.undo()
    model = Word2Vec(**settings).fit(corpus, checkpoint=tmp_path / "state")
    assert model.report_.resumed_at > 0
    assert model.vectors_.matrix.tobytes() == expected


def test_a_state_of_another_run_is_refused(tmp_path):
    script = SCRIPT.replace("0.0)", "0.0)").replace("dim=16", "dim=8")
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(s) for s in topics(60_000)))
    process = subprocess.Popen(
        [sys.executable, "-c", script, path, tmp_path / "state", tmp_path / "out"]
    )
    while process.poll() is None and not list((tmp_path / "state").glob("job-*")):
        time.sleep(0.005)
    process.kill()
    process.wait()
    with pytest.raises(InvalidInputError, match=r"another run .*dim: 8 there, 16 now"):
        Word2Vec(dim=16, tokens="whitespace", deterministic=True, min_count=1, epochs=3).fit(
            path, checkpoint=tmp_path / "state"
        )
    assert list((tmp_path / "state").glob("job-*"))  # nothing is lost


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 0}, "dim=0; give a whole number of at least 1"),
        ({"dim": 2.5}, "dim=2.5"),
        ({"window": 0}, "window=0"),
        ({"epochs": True}, "epochs=True"),
        ({"workers": 0}, "workers=0"),
        ({"negatives": 0}, "negatives=0"),
        ({"learning_rate": -1}, "learning_rate=-1"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"subsample": 1.5}, "subsample=1.5"),
        ({"noise_exponent": float("inf")}, "noise_exponent=inf"),
        ({"seed": -1}, "seed=-1"),
        (
            {"window": 10**9},
            "window=1000000000; give .* at least 1 and at most 10,000",
        ),
        ({"negatives": 10**9}, "of at least 1 and at most 10,000"),
        ({"subsample": "1e-3"}, "subsample='1e-3'; give a number"),
        ({"learning_rate": "fast"}, "learning_rate='fast'; give a number"),
    ],
)
def test_parameters_out_of_range(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        Word2Vec(**settings).fit([["a"]])


@pytest.mark.parametrize("name", ["mode", "objective", "tokens"])
def test_unknown_words(name):
    with pytest.raises(UnknownNameError, match=f"{name}='skip-gram' is not one of"):
        Word2Vec(**{name: "skip-gram"}).fit([["a"]])


def test_bad_corpora():
    with pytest.raises(InvalidInputError, match="most frequent occurs 2 times"):
        Word2Vec(min_count=5).fit([["a", "a", "b"]])
    with pytest.raises(InvalidInputError, match="restart|again|list"):
        Word2Vec().fit(s for s in [["a"]])
    with pytest.raises(InvalidInputError, match="holds no words"):
        Word2Vec().fit([])
    with pytest.raises(InvalidInputError, match="2 words"):
        Word2Vec(min_count=1, objective="hierarchical-softmax").fit([["a", "a"]])


def test_words_without_neighbours_are_noted():
    model = Word2Vec(**SMALL).fit([["a"], ["b"]])
    assert "nothing to learn from" in model.report_.notes[0]
    assert not Word2Vec(**SMALL).fit([["a", "b"]]).report_.notes


def test_one_word_is_enough_for_negative_sampling():
    vectors = Word2Vec(dim=4, min_count=1).fit([["a", "a"]]).vectors_
    assert list(vectors.keys) == ["a"] and np.isfinite(vectors["a"]).all()


def test_what_needs_fit_first(tmp_path):
    with pytest.raises(InvalidInputError, match="call fit"):
        Word2Vec().save(tmp_path / "x")
    with pytest.raises(InvalidInputError, match="holds no sememe.json"):
        Word2Vec.load(tmp_path)
    KeyedVectors(["a"], [[1.0]]).save(tmp_path / "plain")
    with pytest.raises(CorruptFileError, match="not a trained 'word2vec'"):
        Word2Vec.load(tmp_path / "plain")


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = Word2Vec(**SMALL).fit(topics(300))
    before = model.vectors_
    with pytest.raises(InvalidInputError):
        model.fit([])
    assert model.vectors_ is before
