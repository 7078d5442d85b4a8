"""Training of wav2vec 2.0: its loss, that it learns, alarms, kills, what is saved."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Wav2Vec2ForPreTraining, Wav2Vec2Model

import sememe
from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.train.data.waveforms import find_sounds, read_waveforms
from sememe.train.wav2vec2.layer_probe import mean_layers, split_labelled
from sememe.train.wav2vec2.loss import contrastive_loss, diversity_loss, pretraining_loss
from sememe.train.wav2vec2.masking import draw_negatives, mask_spans
from sememe.train.wav2vec2.network import count_frames, make_network
from sememe.train.wav2vec2.recipe import Wav2Vec2Training
from tests import forked
from tests.train.data.syllables import noise, syllables, write

# A few steps are too few to learn, which is told; the tests of alarms see theirs all the same.
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:at step:RuntimeWarning"),
]
QUICK = {"sample_rate": 8000, "crop": 1.0, "batch_seconds": 4.0, "epochs": 4, "evaluations": 2}
OPTIONS = "--sample-rate 8000 --crop 1 --batch-seconds 4 --epochs 4 --evaluations 2".split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirty syllables of about 0.36 s: two batches."""
    names = [f"{i:02}.wav" for i in range(30)]
    return write(tmp_path_factory.mktemp("sounds") / "train", syllables(30, seed=0), names)


@pytest.fixture(scope="module")
def trained(folder):
    return Wav2Vec2Training(**QUICK).fit(folder)


def test_the_loss_is_that_of_transformers():
    """Without chance, where only hidden frames count; and with the same chance for all frames."""
    model = make_network("tiny", 8000, codebooks=2, entries=8, seed=0)
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.normal(size=(3, 8000)).astype(np.float32))
    frames = count_frames(model.config, np.full(3, 8000))
    assert frames.tolist() == [model._get_feat_extract_output_lengths(8000)] * 3
    for sampled, prob in ((False, 0.5), (True, 1.0)):
        hidden = mask_spans(frames, rng, prob=prob, length=5 if prob < 1 else 1)
        assert hidden.all() == sampled
        others = draw_negatives(hidden, rng, 7)
        places = np.flatnonzero(hidden.ravel())  # transformers counts all frames of the batch
        theirs = np.zeros((*hidden.shape, 7), np.int64)
        theirs[hidden] = places[others]
        mask = torch.from_numpy(hidden)
        model.train(sampled)
        torch.manual_seed(3)
        expected = model(values, mask_time_indices=mask, sampled_negative_indices=_long(theirs))
        torch.manual_seed(3)
        outputs = model.wav2vec2(values, mask_time_indices=mask)
        got = pretraining_loss(model, outputs, mask, torch.from_numpy(others), sampled=sampled)
        m = int(hidden.sum())
        assert abs(got.contrastive.item() * m / expected.contrastive_loss.item() - 1) < 1e-5
        if sampled:  # transformers counts taken codes where there is no chance, not likely ones
            assert abs(got.diversity.item() * m / expected.diversity_loss.item() - 1) < 1e-5


def _long(array):
    return torch.from_numpy(array.astype(np.int64))


def test_a_loss_worked_by_hand():
    """Of three frames the third has the first's code, so each of those is told from one other.

    Cosines with the own code are 1, 0 and 1; with others 0, twice 1, and 0. At a temperature of 1
    the losses are log(1 + e^-1), log(1 + 2e) and log(1 + e^-1).
    """
    predicted = torch.tensor([[2.0, 0.0], [3.0, 0.0], [1.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 5.0], [1.0, 0.0]])
    codes = torch.tensor([[4], [2], [4]])
    others = torch.tensor([[1, 2], [0, 0], [0, 1]])
    loss, accuracy, chance = contrastive_loss(predicted, targets, codes, others, temperature=1.0)
    by_hand = (2 * np.log(1 + 1 / np.e) + np.log(1 + 2 * np.e)) / 3
    assert abs(float(loss) - by_hand) < 1e-6
    assert accuracy == chance == pytest.approx(2 / 3)  # all predictions are alike
    predicted = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    accuracy, chance = contrastive_loss(predicted, targets, codes, others, temperature=1.0)[1:]
    assert accuracy == 1 and chance == pytest.approx(1 / 3)  # given the third's, first's, second's
    same = torch.zeros(3, 1, dtype=torch.int64)
    assert contrastive_loss(predicted, targets, same, others, temperature=1.0)[1:] == (0.0, 1.0)
    even = torch.full((5, 2, 4), 0.25)
    assert float(diversity_loss(even)) == pytest.approx(0, abs=1e-6)
    one = torch.nn.functional.one_hot(torch.zeros(5, 2, dtype=torch.int64), 4).float()
    assert float(diversity_loss(one)) == pytest.approx(1 - 1 / 4)


@pytest.mark.parametrize("rate", [8000, 16_000, 32_000])
@pytest.mark.parametrize("size", ["tiny", "small"])
def test_a_frame_is_20_ms(rate, size):
    config = make_network(size, rate, codebooks=2, entries=4, seed=0).config
    assert np.prod(config.conv_stride) == rate / 50
    assert abs(int(count_frames(config, np.array([10 * rate]))[0]) - 500) <= 2


def test_zeros_after_a_sound_change_nothing():
    model = make_network("tiny", 8000, codebooks=2, entries=8, seed=0).eval()
    sounds = read_waveforms(
        find_sounds([*syllables(3, seed=0), *noise(1, seed=0)])[0], sample_rate=8000
    )
    together = mean_layers(model, sounds, np.arange(4))
    assert len(together) == model.config.num_hidden_layers + 1
    for place in range(4):
        for layer, alone in zip(
            together, mean_layers(model, sounds, np.array([place])), strict=True
        ):
            np.testing.assert_allclose(layer[place], alone[0], atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_others(folder, trained, tmp_path):
    before = torch.random.get_rng_state()
    again = Wav2Vec2Training(**QUICK).fit(folder)
    assert torch.equal(before, torch.random.get_rng_state())
    files = [
        one.save(tmp_path / name) / "model.safetensors"
        for one, name in ((trained, "one"), (again, "two"))
    ]
    assert files[0].read_bytes() == files[1].read_bytes()
    other = Wav2Vec2Training(**QUICK, seed=1).fit(folder)
    assert other.report_.curve.losses != trained.report_.curve.losses


def test_killed_the_weights_and_figures_are_the_same(folder, trained, tmp_path):
    command = ["train", "wav2vec2", folder, "-o", tmp_path / "killed", *OPTIONS]
    assert forked.killed_at(7, *command) == -9
    assert (tmp_path / "killed.checkpoint" / "checkpoint-4").is_dir()
    assert main([*map(str, command)]) == 0
    document = json.loads((tmp_path / "killed" / "sememe.json").read_text(encoding="utf-8"))
    assert document["curve"]["resumed_at"] == 4 and document["curve"]["steps"] == 8
    losses = [tuple(point) for point in document["curve"]["losses"]]
    assert losses == list(trained.report_.curve.losses)
    assert document["training"]["figures"][-1]["usage"] == trained.report_.figures[-1].usage
    kept = load_file(tmp_path / "killed" / "model.safetensors")
    for name, tensor in trained.model_.state_dict().items():
        assert torch.equal(tensor, kept[name]), name
    assert not (tmp_path / "killed.checkpoint").exists()


def test_the_folder_opens_in_transformers_and_in_sememe(folder, trained, tmp_path):
    place = trained.save(tmp_path / "mine")
    names = {path.name for path in place.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "sememe.json",
        "README.md",
        "training.csv",
        "training.png",
    } <= names
    about = json.loads((place / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert about["sampling_rate"] == 8000 and about["do_normalize"]
    whole, missing = Wav2Vec2ForPreTraining.from_pretrained(place, output_loading_info=True)
    assert not any(missing[kind] for kind in ("missing_keys", "unexpected_keys"))
    body, missing = Wav2Vec2Model.from_pretrained(place, output_loading_info=True)
    assert not missing["missing_keys"]
    sound = read_waveforms(find_sounds(folder)[0][:1], sample_rate=8000)
    values = torch.from_numpy(sound[0])[None]
    with torch.no_grad():
        expected = trained.model_.wav2vec2(values).last_hidden_state
        for network in (whole.wav2vec2.eval(), body.eval()):
            assert torch.equal(network(values).last_hidden_state, expected)
    rows = sememe.load(str(place)).encode([folder / "00.wav", folder / "01.wav"])
    assert rows.shape == (2, 128) and np.isfinite(rows).all()
    lines = (place / "training.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step,loss,masked frame accuracy" and len(lines) == 1 + 9


def test_a_checkpoint_of_other_sounds_or_options_is_refused(folder, tmp_path):
    state, quick = tmp_path / "state", {**QUICK, "epochs": 1}
    Wav2Vec2Training(**quick).fit(folder, checkpoint=state)
    again = Wav2Vec2Training(**quick).fit(folder, checkpoint=state)  # at its end already
    assert again.report_.curve.resumed_at == again.report_.curve.steps == 2
    with pytest.raises(InvalidInputError, match="another run: sounds differ"):
        Wav2Vec2Training(**quick).fit(syllables(30, seed=1), checkpoint=state)
    with pytest.raises(InvalidInputError, match="mask_prob was 0.5, is 0.3"):
        Wav2Vec2Training(**quick, mask_prob=0.3).fit(folder, checkpoint=state)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"sample_rate": 44_100}, "give 8000, 16000, 32000"),
        ({"crop": 0.05}, "crop=0.05; give"),
        ({"batch_seconds": 1.0}, "a crop or more"),
        ({"codebooks": 3}, "divides"),
        ({"gumbel": (1.0, 0.0)}, "gumbel=.* give a number above 0"),
        ({"gumbel": (1.0,)}, "two numbers above 0"),
        ({"mask_prob": 0}, "mask_prob=0; give a number above 0 and at most 1"),
        ({"size": "huge"}, "not one of tiny, small, base"),
        ({"precision": "half"}, "bfloat16"),
    ],
)
def test_options_that_will_not_do_are_refused(folder, options, said):
    with pytest.raises(InvalidInputError, match=said):
        Wav2Vec2Training(**options).fit(folder)
    assert issubclass(UnknownNameError, InvalidInputError)


def test_too_little_sound_is_refused_before_training(folder, tmp_path):
    with pytest.raises(InvalidInputError, match="readable seconds of audio; two batches, 30.0"):
        Wav2Vec2Training().fit(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="no audio in"):
        Wav2Vec2Training().fit(tmp_path / "empty")
    with pytest.raises(InvalidInputError, match="nothing is trained yet"):
        Wav2Vec2Training().save(tmp_path / "out")


SHORT = {**QUICK, "epochs": 24, "mask_length": 3, "negatives": 20, "entries": 8}


def test_it_learns_what_follows_what():
    """A syllable can be foretold by the sound around what is hidden of it."""
    training = Wav2Vec2Training(**SHORT, learning_rate=3e-3, diversity=0.2)
    report = training.fit(syllables(40, seed=0)).report_
    first, last = report.figures[0], report.figures[-1]
    assert last.accuracy > 2 * last.chance and last.loss < 0.85 * first.loss
    assert first.accuracy < 1.5 * first.chance
    assert last.usage >= 0.3 and not report.notes


def test_of_noise_nothing_is_learnt_and_an_alarm_tells():
    """No sample of white noise tells of another: the control of the test above."""
    training = Wav2Vec2Training(**{**SHORT, "epochs": 3}, learning_rate=1e-3)
    with pytest.warns(RuntimeWarning, match="nothing is learnt"):
        report = training.fit(noise(80, seed=0)).report_
    assert report.figures[-1].accuracy < 1.5 * report.figures[-1].chance
    assert any("nothing is learnt" in note for note in report.notes)


def test_bfloat16_goes_nearly_the_same_way(folder, trained):
    rough = Wav2Vec2Training(**QUICK, precision="bfloat16").fit(folder)
    losses = [np.array(one.report_.curve.losses)[:, 1] for one in (trained, rough)]
    assert 1e-6 < np.abs(losses[0] - losses[1]).max() < 0.1
    assert {tensor.dtype for tensor in rough.model_.parameters()} == {torch.float32}


def test_codes_that_collapse_are_a_warning_line_and_a_note(tmp_path, capsys):
    """Where nothing can be foretold and nothing wants all codes used, one code is the best."""
    names = [f"{i}.wav" for i in range(40)]
    folder = write(tmp_path / "noise", noise(40, seed=0), names)
    command = ["train", "wav2vec2", str(folder), "-o", str(tmp_path / "out"), *OPTIONS]
    command += ["--diversity", "0", "--learning-rate", "3e-3", "--entries", "8", "--epochs", "4"]
    assert main(command) == 0
    error = capsys.readouterr().err
    assert "warning: the perplexity of the codes fell" in error
    assert "note: the perplexity of the codes fell" in error and "--diversity" in error


def test_what_is_asked_about_is_never_learnt_from(tmp_path):
    """Of folders of the same names sounds trained on are shown, but for the very same ones."""
    sounds = syllables(40, seed=0)
    names = [f"{i % 4}/{i:02}.wav" for i in range(40)]
    every, some = (
        write(tmp_path / "all", sounds, names),
        write(tmp_path / "some", sounds[24:], names[24:]),
    )
    read, aside = (
        read_waveforms(find_sounds(place)[0], sample_rate=8000) for place in (every, some)
    )
    found = split_labelled(aside, read)
    assert found.bank is read and sorted(found.asked_rows) == list(range(16))
    assert len(found.bank_rows) == 24 and len(set(found.bank_labels)) == 4
    shown = {read.sources[place] for place in found.bank_rows}
    assert not shown & set(aside.sources)
    halves = split_labelled(read, read)
    assert len(halves.bank_rows) == len(halves.asked_rows) == 20
    assert not set(halves.bank_rows) & set(halves.asked_rows)
    with pytest.raises(InvalidInputError, match="give two folders or more"):
        split_labelled(read_waveforms(find_sounds(sounds)[0], sample_rate=8000), read)


def test_the_command_says_what_it_did(folder, tmp_path, capsys):
    names = [f"{i % 2}/{i:02}.wav" for i in range(20)]
    labelled = write(tmp_path / "test", syllables(20, seed=1), names)
    command = ["train", "wav2vec2", str(folder), "-o", str(tmp_path / "out"), *OPTIONS]
    command += ["--epochs", "1", "--evaluations", "1", "--evaluate", str(labelled)]
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["n_sounds"] == 30 and said["figures"][-1]["step"] == 2
    assert len(said["figures"][0]["probes"]) == 4 and 0 <= min(said["figures"][0]["probes"])
    assert main(command) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    out = capsys.readouterr().out
    assert "masked frames predicted" in out and "codebooks used" in out and "linear layer" in out
    assert main(["train", "wav2vec2", str(tmp_path / "none"), "-o", str(tmp_path / "no")]) == 2
