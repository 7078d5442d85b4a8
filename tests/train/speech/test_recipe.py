"""Training to write speech: meaning with a control, parity, the saved folder, kills, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sememe import InvalidInputError, UnknownNameError
from sememe.app.cli import main
from sememe.encoders.audio.transcriber import Transcriber
from sememe.models.wav2vec2.config import read_config
from sememe.train.data.waveforms import find_sounds, read_waveforms
from sememe.train.speech.examples import Row, Variation, make_batches, match_transcripts
from sememe.train.speech.network import draw_spans, open_network
from sememe.train.speech.recipe import SpeechTraining
from sememe.train.speech.vocabulary import SpeechVocabulary, frames_needed
from tests import forked
from tests.train.speech import tones

pytestmark = pytest.mark.train

QUICK = {
    "epochs": 5, "learning_rate": 1e-2, "batch_seconds": 2, "dropout": 0.0, "speed": 0.0,
    "colour": 0.0, "noise": 0.0, "join": 0.0, "mask_time": 0.0, "head_share": 0.0, "evaluations": 2,
    "freeze_feature_encoder": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tones.base(tmp_path_factory.mktemp("bases") / "layer")


@pytest.fixture(scope="module")
def trained(base):
    return SpeechTraining(base=base, **QUICK).fit(tones.recordings(150))


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory):
    return trained.save(tmp_path_factory.mktemp("saved") / "recogniser")


def test_it_learns_tones_and_texts_of_other_recordings_teach_nothing(trained, base):
    report = trained.report_
    assert report.figures[0].word_error_rate > 0.9
    assert report.best.word_error_rate < 0.05
    assert report.best.character_error_rate < 0.02
    assert report.best.word_interval[1] < 0.15
    assert report.control > 0.9
    control = SpeechTraining(base=base, **QUICK).fit(tones.recordings(150, shuffled=True))
    assert control.report_.best.word_error_rate > 0.9
    assert any("nothing was learnt" in note for note in control.report_.notes)


@pytest.mark.parametrize(("kind", "norm"), [("wav2vec2", "layer"), ("hubert", "group")])
def test_logits_are_those_of_transformers_whatever_the_company(tmp_path, kind, norm):
    vocabulary = SpeechVocabulary.of(["abcd"])
    tones.base(tmp_path / "base", norm=norm, kind=kind)
    network = open_network(tmp_path / "base", vocabulary, dropout=0.0, spans=(0, 1, 0, 1), seed=0)
    module = network.module.eval()
    rng = np.random.default_rng(0)
    clips = [rng.standard_normal(n).astype(np.float32) for n in (700, 3000, 1501)]
    with torch.no_grad():
        logits, frames = network.logits(clips)
        for row, clip in enumerate(clips):
            theirs = module(torch.from_numpy(clip)[None]).logits[0]
            assert len(theirs) == frames[row]
            np.testing.assert_allclose(logits[row, : frames[row]], theirs, atol=1e-5)
        ids = vocabulary.encode("ad")
        loss = module(torch.from_numpy(clips[1])[None], labels=torch.tensor([ids])).loss
        ours = torch.nn.functional.ctc_loss(
            logits[1:2, : frames[1]].log_softmax(-1).transpose(0, 1),
            torch.tensor([ids]), frames[1:2], torch.tensor([2]),
        )  # fmt: skip
    assert float(loss) == pytest.approx(float(ours), rel=1e-5)


def test_the_folder_opens_in_transformers_and_in_the_transcriber(trained, saved):
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    processor = Wav2Vec2Processor.from_pretrained(saved)
    model = Wav2Vec2ForCTC.from_pretrained(saved).eval()
    assert processor.feature_extractor.sampling_rate == tones.RATE
    assert len(processor.tokenizer) == model.config.vocab_size == trained.report_.vocab_size == 7
    pairs = tones.recordings(12, seed=5)
    theirs = []
    for (samples, rate), _ in pairs:
        values = processor(samples, sampling_rate=rate, return_tensors="pt").input_values
        with torch.no_grad():
            theirs.append(processor.batch_decode(model(values).logits.argmax(-1))[0])
    ours = [one.text for one in Transcriber.load(saved).transcribe([sound for sound, _ in pairs])]
    assert ours == theirs
    assert sum(text == known for text, (_, known) in zip(ours, pairs, strict=True)) >= 11
    about = json.loads((saved / "sememe.json").read_text(encoding="utf-8"))
    assert about["kind"] == "speech"
    best = trained.report_.best
    assert about["training"]["figures"][-1]["word_interval"] == list(best.word_interval)
    assert {"training.csv", "training.png", "README.md"} <= {path.name for path in saved.iterdir()}


def test_going_on_from_a_recogniser_keeps_its_letters(saved):
    data = tones.recordings(40, seed=7)
    options = {**QUICK, "epochs": 0.5, "evaluations": 1, "learning_rate": 1e-5}
    found = SpeechTraining(base=str(saved), **options).fit(data, evaluate=data)
    assert found.report_.figures[0].word_error_rate < 0.2
    other = SpeechTraining(base=str(saved), **options).fit(
        [(sound, text.replace("a", "e")) for sound, text in data]
    )
    assert other.report_.figures[0].word_error_rate > 0.5  # other letters: a new head
    assert other.vocabulary_.letters == ("b", "c", "d", "e")


def test_what_is_frozen_stays(base, tmp_path):
    from safetensors.torch import load_file

    first = load_file(f"{base}/model.safetensors")

    def moved(**more):
        options = {**QUICK, "freeze_feature_encoder": None, "epochs": 1, **more}
        training = SpeechTraining(base=base, **options).fit(tones.recordings(40))
        state = training.model_.wav2vec2.state_dict()
        kept = first.keys() & state.keys()
        return {name.split(".")[0] for name in kept if not torch.equal(first[name], state[name])}

    assert moved() == {"feature_projection", "encoder"}
    assert "feature_extractor" in moved(freeze_feature_encoder=False)
    assert moved(head_share=0.99, evaluations=1, epochs=0.9, freeze_feature_encoder=False) == set()


def test_killed_the_weights_and_losses_are_the_same(base, tmp_path):
    data = tones.write(tmp_path / "data", tones.recordings(40))
    options = ["--base", base, "--epochs", 2, "--batch-seconds", 2, "--evaluations", 3]
    options += ["--head-share", "0.2", "--learning-rate", "2e-3"]

    def words(output):
        return [str(word) for word in ("train", "speech", data, "-o", tmp_path / output, *options)]

    assert main(words("whole")) == 0
    assert forked.killed_at(20, *words("killed")) == -9
    assert (tmp_path / "killed.checkpoint").is_dir()
    assert main(words("killed")) == 0
    whole, killed = (
        json.loads((tmp_path / name / "sememe.json").read_text(encoding="utf-8"))
        for name in ("whole", "killed")
    )
    assert killed["curve"]["resumed_at"] > 0
    assert killed["curve"]["losses"] == whole["curve"]["losses"]
    assert killed["training"]["figures"] == whole["training"]["figures"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "killed.checkpoint").exists()


def test_what_cannot_be_used_is_told_with_reasons(base, tmp_path):
    data = tones.write(tmp_path / "data", tones.recordings(30))
    (data / "000.wav").write_bytes(b"no sound at all")
    (data / "001.txt").write_text("?!", encoding="utf-8")
    (data / "002.txt").write_text("abcd" * 40, encoding="utf-8")
    import soundfile

    soundfile.write(data / "003.wav", np.zeros(8000, np.float32), tones.RATE)
    report = SpeechTraining(base=base, **{**QUICK, "epochs": 1}).fit(data).report_
    reasons = {str(one.source).rsplit("/", 1)[-1]: one.reason for one in report.skipped}
    assert set(reasons) == {"000.wav", "001.wav", "002.wav", "003.wav"}
    assert "no letter" in reasons["001.wav"]
    assert "160 letters need 160 frames" in reasons["002.wav"]
    assert report.n_recordings + report.n_held == 26
    assert any(note.startswith("4 left out") for note in report.notes)


def test_each_recording_is_dealt_once_an_epoch_and_every_row_has_frames_enough():
    pairs = tones.recordings(50)
    vocabulary = SpeechVocabulary.of([text for _, text in pairs])
    found, _ = find_sounds([sound for sound, _ in pairs])
    sounds = read_waveforms(found, sample_rate=tones.RATE)
    coarse = {"conv_dim": (8, 8, 8), "conv_stride": (10, 8, 8), "conv_kernel": (10, 8, 8)}
    config = read_config(coarse, "")  # frames of 80 ms: some letters are too quick for them
    data, left_out = match_transcripts(sounds, [text for _, text in pairs], vocabulary, config)
    assert len(data) + len(left_out) == len(sounds) >= 48
    variation = Variation(speed=0.5, noise=0.3, join=0.7)
    most = {"max_batch_samples": 40_000}
    for epoch in range(3):
        batches = make_batches(data, config, variation, **most, seed=0, epoch=epoch)
        rows = [row for batch in batches for row in batch]
        assert sorted(i for row in rows for i in row.places) == list(range(len(data)))
        assert any(len(row.places) > 1 for row in rows)
        for row in rows:
            sound = data.make_audio(row, np.random.default_rng(0), variation)
            assert len(sound) == sum(row.samples) + sum(row.gaps)
            assert config.frames(len(sound)) >= frames_needed(data.target(row))
        longest = [max(sum(row.samples) + sum(row.gaps) for row in batch) for batch in batches]
        sizes = [len(batch) * n for batch, n in zip(batches, longest, strict=True)]
        assert max(sizes) <= 40_000
    again = make_batches(data, config, variation, **most, seed=0, epoch=2)
    assert again == batches
    assert make_batches(data, config, variation, **most, seed=1, epoch=2) != batches


def test_a_third_at_most_of_a_clip_is_a_span():
    rng = np.random.default_rng(0)
    drawn = draw_spans([300, 6, 2], 300, prob=0.2, length=10, rng=rng)
    assert 0.1 < drawn[0].mean() < 0.3
    assert drawn[1:, 6:].sum() == 0
    assert not drawn[2].any()
    assert not draw_spans([300], 300, prob=0.0, length=10, rng=rng).any()


def test_faster_is_higher():
    """A tone of 400 Hz said in half the time is one of 800 Hz."""
    rng = np.random.default_rng(0)
    sound = np.sin(2 * np.pi * 400 * np.arange(4000) / tones.RATE).astype(np.float32)
    found, _ = find_sounds([(sound, tones.RATE)])
    sounds = read_waveforms(found, sample_rate=tones.RATE)
    config = read_config({}, "")
    data, _ = match_transcripts(sounds, ["a"], SpeechVocabulary.of(["a"]), config)
    for n, pitch in ((4000, 400), (2000, 800), (8000, 200)):
        made = data.make_audio(Row((0,), (n,), (0,)), rng, Variation())
        heard = np.abs(np.fft.rfft(made)).argmax() * tones.RATE / n
        assert heard == pytest.approx(pitch, abs=5)
    loud = data.make_audio(Row((0,), (4000,), (0,)), rng, Variation(noise=1.0, colour=20))
    assert float(loud.std()) == pytest.approx(1, abs=1e-3)


def test_colour_changes_the_loudness_of_ranges_and_nothing_else():
    """By the ratio of the spectra: at most 6 decibels either way, smooth, and no other phase."""
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(4000).astype(np.float32)
    found, _ = find_sounds([(sound, tones.RATE)])
    sounds = read_waveforms(found, sample_rate=tones.RATE)
    data, _ = match_transcripts(sounds, ["a"], SpeechVocabulary.of(["a"]), read_config({}, ""))
    made = data.make_audio(Row((0,), (4000,), (0,)), rng, Variation(colour=6))
    ratio = np.fft.rfft(made)[1:-1] / np.fft.rfft(sounds[0])[1:-1]
    decibels = 20 * np.log10(np.abs(ratio))
    assert 3 < np.ptp(decibels) <= 12.1
    assert np.abs(np.diff(decibels)).max() < 0.1
    assert np.abs(np.angle(ratio)).max() < 1e-2


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"size": "huge"}, UnknownNameError, "tiny"),
        ({"units": "syllables"}, UnknownNameError, "jamo"),
        ({"speed": 0.9}, InvalidInputError, "speed"),
        ({"base": "no such folder"}, InvalidInputError, "no folder"),
        ({"sample_rate": 44_100}, InvalidInputError, "16000"),
        ({"held_out": 0}, InvalidInputError, "held_out"),
    ],
)
def test_refused_before_training(options, error, says):
    with pytest.raises(error, match=says):
        SpeechTraining(**options).fit(tones.recordings(5))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "no transcripts"),
        ([("a.wav", 3)], "pairs"),
        ([(one, "") for one, _ in tones.recordings(3)], "no letter"),
        ([(one, "abc") for one, _ in tones.recordings(9)], "nothing distinguishes them"),
        (tones.recordings(1), "three or more"),
    ],
)
def test_refused_data(base, data, says):
    with pytest.raises(InvalidInputError, match=says):
        SpeechTraining(base=base, **QUICK).fit(data)


def test_a_base_of_another_kind_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidInputError, match="bert"):
        SpeechTraining(base=str(tmp_path)).fit(tones.recordings(5))


def test_patience_stops(base):
    options = {**QUICK, "learning_rate": 1e-7, "epochs": 20, "evaluations": 20, "patience": 2}
    report = SpeechTraining(base=base, **options).fit(tones.recordings(20)).report_
    assert len(report.figures) == 3
    assert report.curve.best_step == 0


def test_command_from_scratch(tmp_path, capsys):
    data = tones.write(tmp_path / "data", tones.recordings(12))
    words = ["train", "speech", str(data), "-o", str(tmp_path / "out"), "--sample-rate", "8000"]
    words += ["--epochs", "1", "--batch-seconds", "4", "--evaluate", str(data)]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["n_recordings"] == document["n_held"] == 12
    assert any("12 recordings are learnt from too" in note for note in document["notes"])
    assert main(["transcribe", str(data / "000.wav"), "-m", str(tmp_path / "out")]) == 0
    assert main([*words, "--base", "x", "--overwrite"]) == 2
    assert main([*words]) == 2  # it is there already
