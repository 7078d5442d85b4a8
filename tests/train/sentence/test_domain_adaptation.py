"""Domain adaptation: learning with a control, stages that are not repeated, refusals, the example.

The base is a network with random weights that cuts the words of the domain into letters.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.train.mlm.masked_lm import MaskedTraining
from sememe.train.sentence.bi_encoder import SentenceTraining
from sememe.train.sentence.domain_adaptation import DomainAdaptation, graft_network
from tests import forked
from tests.test_examples import EXAMPLES, TRAINED
from tests.train import networks

pytestmark = pytest.mark.train

RIGGING = "spinnaker mizzen gunwale".split()
QUICK = {
    "new_words": 3, "mlm_epochs": 4, "mlm_learning_rate": 2e-3, "mlm_batch_size": 4, "epochs": 4,
    "batch_size": 16, "learning_rate": 3e-3, "evaluations": 4, "patience": None,
}  # fmt: skip
COLUMNS = ["sentence1", "sentence2", "score"]


def corpus(n=300):
    """Sentences of the sea, each with a word of the rigging."""
    rng = np.random.default_rng(0)
    return [f"{networks.sentence(networks.SEA, rng)} {rng.choice(RIGGING)}" for _ in range(n)]


ROAD = {
    "mlm_epochs": 2, "mlm_batch_size": 4, "epochs": 4, "batch_size": 16, "evaluations": 2,
    "learning_rate": 2e-3,
}  # fmt: skip


def two_subjects(n=150):
    """Sentences of the sea and of the kitchen, each with a word that no piece but letters make."""
    rng = np.random.default_rng(0)
    texts = [
        networks.sentence(words, rng)
        for words in (networks.SEA, networks.KITCHEN)
        for _ in range(n)
    ]
    return [f"{text} jib" for text in texts]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(networks.network(tmp_path_factory.mktemp("base") / "bert", heads=True))


@pytest.fixture
def no_work(monkeypatch):
    """From then on, whoever trains by one of the recipes fails."""

    def fit(self, *_, **__):
        raise AssertionError(f"{type(self).__name__} was trained")

    return lambda *recipes: [monkeypatch.setattr(recipe, "fit", fit) for recipe in recipes]


def test_the_whole_road_learns_and_its_report_says_so(base, tmp_path):
    training = DomainAdaptation(base, compare=True, **QUICK)
    training.fit(corpus(), examples=networks.scored(200, 1), evaluate=networks.scored(80, 2))
    report = training.report_
    assert sorted(report.new_words) == sorted(RIGGING)
    first, last = report.tokens_per_word
    assert last == pytest.approx(1)
    assert first > 1.5
    assert report.masked[1] > 2 * report.masked[0]
    assert (report.metric, report.n_evaluated) == ("spearman", 80)
    assert report.before < 0.35
    assert report.after > 0.6
    assert report.direct > 0.6
    folder = training.save(tmp_path / "sea")
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert told["after"] == report.after
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| spearman of sentences | {report.before:.4f} | {report.after:.4f} |" in card
    texts = ["the mizzen of a ship", "salt and flour"]
    ours = sememe.load(str(folder)).encode(texts)
    theirs = training.model_.encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert training.save(folder) == folder  # in place of its own


def test_scores_of_other_pairs_teach_nothing_and_that_is_said(base):
    rows = networks.scored(200, 1)
    scores = np.random.default_rng(3).permutation([score for *_, score in rows])
    wrong = [(*pair, float(score)) for (*pair, _), score in zip(rows, scores, strict=True)]
    options = QUICK | {"mlm_epochs": 0, "evaluations": 1}
    report = (
        DomainAdaptation(base, **options)
        .fit(corpus(), examples=wrong, evaluate=networks.scored(80, 2))
        .report_
    )
    assert report.after < 0.45
    assert (report.masked, report.after_masked, report.new_words) == (None, None, ())
    assert report.tokens_per_word[0] == report.tokens_per_word[1]


@pytest.mark.parametrize("loss", ["simcse", "tsdae"])
def test_without_examples_the_text_itself_is_learnt(base, loss):
    options = QUICK | {"loss": loss, "epochs": 2, "learning_rate": 1e-3}
    report = DomainAdaptation(base, **options).fit([*corpus(100), "", "  "]).report_
    assert (report.kind, report.loss) == ("texts", loss)
    assert report.n_examples == 100
    assert report.after is None
    assert any("not known" in note for note in report.notes)
    losses = [loss for _, loss in report.curve.losses]
    assert losses[-1] < losses[0]


def test_what_did_not_help_is_said(base):
    """A step size of next to nothing changes nothing."""
    options = QUICK | {"learning_rate": 1e-12, "mlm_learning_rate": 1e-12, "compare": True}
    held = networks.scored(40, 2)
    report = DomainAdaptation(base, **options).fit(corpus(60), examples=held, evaluate=held).report_
    said = " ".join(report.notes)
    assert "masking taught no context" in said
    assert ("did not rise" in said) == (report.after <= report.before)
    assert ("did not help" in said) == (report.direct >= report.after)


def test_a_base_keeps_its_pooling_and_as_much_of_its_weights_as_was_told(base, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    network = Transformer(base)
    own = SentenceTransformer(modules=[network, Pooling(32, pooling_mode="cls")])
    own.max_seq_length = 20
    own.save_pretrained(str(tmp_path / "cls"), create_model_card=False)
    masked = MaskedTraining(
        base=str(tmp_path / "cls"), new_words=RIGGING, steps=3, max_tokens=16, learning_rate=1e-2,
        evaluations=1
    ).fit(corpus(60)).save(tmp_path / "masked")  # fmt: skip
    name = "encoder.layer.1.output.dense.weight"
    first = own[0].model.state_dict()[name]
    found = {keep: graft_network(str(tmp_path / "cls"), masked, keep=keep) for keep in (0.0, 0.25)}
    last = found[0.0][0].model.state_dict()[name]
    assert not torch.allclose(first, last)
    torch.testing.assert_close(found[0.25][0].model.state_dict()[name], 0.75 * last + 0.25 * first)
    model = found[0.25]
    assert model[1].get_config_dict()["pooling_mode"] == "cls"
    assert model.get_max_seq_length() == 20
    assert len(model.tokenizer("mizzen", add_special_tokens=False)["input_ids"]) == 1


def test_killed_in_each_stage_it_goes_on_there(base, tmp_path, no_work):
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(corpus()) + "\n", encoding="utf-8")
    train = networks.write_tsv(tmp_path / "train.tsv", COLUMNS, networks.scored(160, 1))
    held = networks.write_tsv(tmp_path / "dev.tsv", COLUMNS, networks.scored(40, 2))
    # masked: 2100 tokens in rows of 62, 16 a step; sentences: 160 in tens
    typed = ["train", "domain", text, "-m", base, "--examples", train, "--evaluate", held]
    typed += ["--new-words", 3, "--mlm-epochs", 4, "--epochs", 2, "--batch-size", 10]
    typed += ["--evaluations", 4, "-o"]
    state = tmp_path / "mine.checkpoint"
    assert forked.killed_at(6, *typed, tmp_path / "mine") == -9
    assert not (state / "masked").exists()
    assert list((state / "masked-run").glob("checkpoint-*"))
    assert forked.killed_at(20, *typed, tmp_path / "mine") == -9
    assert (state / "masked").is_dir()
    assert list((state / "sentence-run").glob("checkpoint-*"))
    options = {"new_words": 3, "mlm_epochs": 4.0, "epochs": 2.0, "batch_size": 10}
    training = DomainAdaptation(base, evaluations=4, **options)
    whole = training.fit(text, examples=train, evaluate=held).report_
    no_work(MaskedTraining)
    data = {"examples": train, "evaluate": held, "checkpoint": state}
    report = training.fit(text, **data).report_
    np.testing.assert_allclose(report.curve.losses, whole.curve.losses, atol=1e-5)
    no_work(SentenceTraining)
    assert training.fit(text, **data).report_.after == report.after  # nor is anything else
    with pytest.raises(InvalidInputError, match="another run"):
        DomainAdaptation(base).fit(text, **data)


@pytest.mark.parametrize(
    ("options", "given", "error", "says"),
    [
        ({"mlm_epochs": -1}, {}, InvalidInputError, "mlm_epochs"),
        ({"mlm_learning_rate": 0}, {}, InvalidInputError, "mlm_learning_rate"),
        ({"mlm_batch_size": 0}, {}, InvalidInputError, "mlm_batch_size"),
        ({"keep": 1}, {}, InvalidInputError, "keep"),
        ({"epochs": 0}, {}, InvalidInputError, "epochs"),
        ({"new_words": -1}, {}, InvalidInputError, "new_words"),
        ({"loss": "cosent"}, {}, UnknownNameError, "simcse"),
        ({"base": "no such model"}, {}, UnknownNameError, "no such model"),
        ({}, {"corpus": "no-such-file.txt"}, InvalidInputError, "no-such-file"),
        ({}, {"corpus": iter(["a", "b"])}, InvalidInputError, "read twice"),
        ({}, {"evaluate": ["the ship", "a pan"]}, InvalidInputError, "bare texts"),
        ({}, {"examples": [("a", "b", 1.0)]}, InvalidInputError, "usable"),
    ],
)
def test_refused_before_any_work(base, no_work, options, given, error, says):
    no_work(MaskedTraining, SentenceTraining)
    given = {"corpus": corpus(20), **given}
    with pytest.raises(error, match=says):
        DomainAdaptation(**{"base": base, **options}).fit(given.pop("corpus"), **given)


def test_nothing_is_saved_before_training(base, tmp_path):
    with pytest.raises(InvalidInputError, match="Call fit first"):
        DomainAdaptation(base).save(tmp_path / "out")


def test_a_finished_stage_is_not_repeated(base, tmp_path, monkeypatch):
    training = DomainAdaptation(base, new_words=["jib"], **ROAD)
    data, held, state = (
        networks.scored(120, 1),
        networks.scored(60, 2),
        tmp_path / "state",
    )
    report = training.fit(two_subjects(), examples=data, evaluate=held, checkpoint=state).report_
    assert report.new_words == ("jib",)
    assert report.tokens_per_word[1] < report.tokens_per_word[0]
    assert report.after > report.before + 0.2
    folder = training.save(tmp_path / "out")
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert told["after"] == pytest.approx(report.after)
    from sentence_transformers import SentenceTransformer

    texts = ["the ship and the jib", "butter in a pan"]
    theirs = SentenceTransformer(str(folder)).encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(sememe.load(str(folder)).encode(texts), theirs, atol=1e-5)

    def again(*_, **__):
        raise AssertionError("a finished stage ran again")

    monkeypatch.setattr(MaskedTraining, "fit", again)
    DomainAdaptation(base, new_words=["jib"], **ROAD).fit(
        two_subjects(), examples=data, evaluate=held, checkpoint=state
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [({"keep": 1}, "keep=1"), ({"mlm_epochs": -1}, "mlm_epochs=-1"), ({"epochs": 0}, "epochs=0")],
)
def test_values_are_refused_before_any_work(base, options, says):
    with pytest.raises(InvalidInputError, match=says):
        DomainAdaptation(base, **options).fit(two_subjects(5))


def test_a_base_whose_tokenizer_cuts_texts_reads_them_whole(tmp_path):
    """A tokenizer file with a truncation to 4 tokens: all tokens of the corpus are trained on."""
    base = networks.network(tmp_path / "b", heads=True)
    file = base / "tokenizer.json"
    facts = json.loads(file.read_text(encoding="utf-8"))
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    file.write_text(json.dumps(facts | {"truncation": cut}), encoding="utf-8")
    options = {"steps": 2, "max_tokens": 16, "batch_size": 4, "evaluations": 1}
    report = MaskedTraining(base=str(base), **options).fit(["the ship and the pan"] * 100).report_
    assert report.n_tokens > 450


def test_a_tokenizer_that_cuts_and_fills_up_loses_no_text(tmp_path):
    """As all-MiniLM-L6-v2's does: its padding was read as text, and its words as long ones."""
    place = networks.network(tmp_path / "base", heads=True)
    file = place / "tokenizer.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst"}
    told["truncation"]["stride"] = 0
    told["padding"] = {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": None}
    told["padding"] |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    file.write_text(json.dumps(told), encoding="utf-8")
    texts = ["the Mizzen of a ship and the mizzen of the captain in the harbour"] * 20
    options = {"steps": 1, "max_tokens": 16, "new_words": 5, "held_out": 0.2}
    report = MaskedTraining(base=str(place), **options).fit(texts).report_
    assert report.new_words == ("mizzen",)  # in lower case once, and no word that is known
    # 14 tokens a text, 14 a row: 20 rows, of which 4 are held out
    assert report.n_tokens == 16 * 14


def test_command(base, tmp_path, capsys):
    text = tmp_path / "corpus.txt"
    text.write_text("\n".join(corpus(60)) + "\n", encoding="utf-8")
    typed = ["train", "domain", str(text), "-m", base, "-o", str(tmp_path / "out")]
    typed += ["--mlm-epochs", "1", "--epochs", "1", "--evaluations", "1"]
    assert main([*typed, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "texts"
    assert main(typed) == 2
    assert "already" in capsys.readouterr().err
    assert main([*typed, "--overwrite"]) == 0
    said = capsys.readouterr()
    assert "tokens per word" in said.out
    assert "not known" in said.err


@pytest.mark.parametrize("name", TRAINED)
def test_the_examples_that_train_run(name, tmp_path):
    path = next(path for path in EXAMPLES if path.stem == name)
    done = forked.run(forked.run_script, path, "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line in TRAINED[name]:
        assert line in done.stdout
    assert list(tmp_path.iterdir()) == []
